"""`tocsin reload`: a running program takes its file anew."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tocsin import AlertSystem, load_config
from tocsin.config import again

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.unit.cli.conftest import Result

ENOUGH_S = 20.0
HEAD = 'name = "orders"\ncontrol = true\ndefault_rules = false\nchannel = []\n[memory]\nenabled = false\n'
RULE = '[[rule]]\nname = "high"\nmetric = "app.level"\nthreshold = 10\n'


@pytest.fixture
def running(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AlertSystem]:
    monkeypatch.setattr(again, "SETTLE_S", 0.0)
    (place / "tocsin.toml").write_text(HEAD + RULE)
    system = AlertSystem(load_config("tocsin.toml"), sensors=()).start()
    yield system
    system.stop(ENOUGH_S)


def test_what_was_applied_is_said(call: Callable[..., Result], running: AlertSystem, place: Path) -> None:
    (place / "tocsin.toml").write_text(HEAD + RULE.replace("10", "20"))
    result = call("reload")
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines()[0].endswith(": tocsin.toml is in force now")
    assert result.out.splitlines()[1:] == ["  rule 'high' is changed"]
    assert running.rules[0].threshold == 20


def test_a_file_that_says_the_same_is_no_news(call: Callable[..., Result], running: AlertSystem) -> None:
    result = call("reload", "--name", "orders")
    assert result.code == 0
    assert "says nothing that is not in force already" in result.out
    assert running.rules[0].threshold == 10


def test_every_mistake_is_named_and_the_exit_code_is_2(
    call: Callable[..., Result], running: AlertSystem, place: Path
) -> None:
    (place / "tocsin.toml").write_text("cpu_treshold = 3\nstorm_after = -1\n" + HEAD + RULE)
    result = call("reload")
    assert (result.code, result.out) == (2, "")
    assert "tocsin.toml:1: cpu_treshold: found an unknown key" in result.err
    assert "tocsin.toml:2: storm_after: found -1" in result.err
    assert "refused; the old configuration stays in force" in result.err
    status = call("status")
    assert "what stands there was refused" in status.out
    assert "tocsin.toml:1: cpu_treshold" in status.out
    assert running.rules[0].threshold == 10


def test_the_answer_can_be_read_by_a_program(call: Callable[..., Result], running: AlertSystem, place: Path) -> None:
    assert running.started_at is not None
    assert json.loads(call("reload", "--json").out)["applied"]
    (place / "tocsin.toml").write_text("[[rule]")
    result = call("reload", "--json")
    answer = json.loads(result.out)
    assert (result.code, answer["applied"], len(answer["reasons"])) == (2, False, 1)


def test_without_a_running_program_the_exit_code_is_3(call: Callable[..., Result]) -> None:
    assert call("reload").code == 3
