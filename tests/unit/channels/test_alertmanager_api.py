"""Alertmanager's own description of its API, read out of the installed program, judges what is sent to it."""

from __future__ import annotations

import json
import re
import shutil
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.peers.notices import AT, DIGEST, EVENT, FIRING, GROUP, HOSTILE, RESOLVED, a_notice, hostile
from tests.peers.schema import mistakes

from tocsin import Notice, VirtualClock
from tocsin.channels.alertmanager.board import Board

PROGRAM = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="Alertmanager is not installed (prometheus-alertmanager)")
POSTED = {"$ref": "#/definitions/postableAlerts"}
LONGEST = 200_000  # bytes of the description


@cache
def api() -> dict[str, Any]:
    """The Swagger document that its server carries with it and checks requests by."""
    assert PROGRAM is not None
    program = Path(PROGRAM).read_bytes()
    for place in re.finditer(rb'\{\s*"(?:consumes|swagger)"', program):
        text = program[place.start() : place.start() + LONGEST].decode("latin-1")
        try:
            found, _ = json.JSONDecoder().raw_decode(text)
        except ValueError:
            continue
        if "postableAlerts" in found.get("definitions", {}):
            assert isinstance(found, dict)
            return found
    pytest.skip("this Alertmanager carries no description of its API")


def sent(notice: Notice, labels: dict[str, str] | None = None) -> Any:
    board, now = Board(60.0, labels or {}), VirtualClock(AT).now()
    board.told(notice, now)
    return json.loads(msgspec.json.encode(board.tell(now)))


@pytest.mark.parametrize("notice", [FIRING, RESOLVED, GROUP, DIGEST, *map(hostile, HOSTILE.values())])
def test_what_is_sent_is_as_its_description_says(notice: Notice) -> None:
    body = sent(notice, {"cluster": "eu-1"})
    assert body
    assert mistakes(body, POSTED, api()) == []


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=6), st.text(max_size=10), st.text())
@settings(max_examples=50)
def test_so_is_any_text_in_any_place(labels: dict[str, str], title: str, address: str) -> None:
    alert = msgspec.structs.replace(EVENT, labels=labels, title=title, runbook_url=address)
    assert mistakes(sent(a_notice(alert)), POSTED, api()) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"labels": {"severity": 3}}, "is not of type"),
        ({"startsAt": "yesterday"}, "is no date-time"),
        ({"startsAt": "2026-01-01T10:00:00"}, "is no date-time"),
        ({"generatorURL": "not an address"}, "is no uri"),
    ],
)
def test_the_judge_finds_what_is_not_as_it_says(change: dict[str, Any], words: str) -> None:
    [alert] = sent(FIRING)
    [mistake] = mistakes([{**alert, **change}], POSTED, api())
    assert words in mistake
    assert mistakes([{}], POSTED, api()) == ["$[0]: labels is missing"]
