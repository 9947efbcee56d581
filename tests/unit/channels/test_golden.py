"""The payloads as they are sent, each in a file that a person can read.

After a wanted change: `python -m pytest tests/unit/channels/test_golden.py --update-golden`, and read the difference.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.peers.notices import AT, DIGEST, FIRING, GROUP, RESOLVED

from tocsin import ConsoleAlertChannel, PagerDutyChannel, VirtualClock
from tocsin.channels.alertmanager.board import Board
from tocsin.channels.document import document
from tocsin.channels.email.message import email_of
from tocsin.channels.slack.blocks import message

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin import Notice

FOLDER = Path(__file__).parents[2] / "golden"
NOTICES = {"firing": FIRING, "resolved": RESOLVED, "group": GROUP, "digest": DIGEST}


def as_json(made: Any) -> str:
    return json.dumps(made, indent=2, ensure_ascii=False) + "\n"


def console(notice: Notice) -> str:
    stream = io.StringIO()
    ConsoleAlertChannel(stream).deliver(notice)
    return stream.getvalue()


def email(notice: Notice) -> str:
    mail = email_of(notice, from_="tocsin@example.com", to=["ops@example.com"])
    return mail.as_bytes().decode("ascii").replace("\r\n", "\n")


def alertmanager(notice: Notice) -> str:
    board, now = Board(60.0, {"cluster": "eu-1"}), VirtualClock(AT).now()
    board.told(notice, now)
    return as_json(board.tell(now))


def pagerduty(notice: Notice) -> str:
    channel = PagerDutyChannel("k" * 32, source="orders-api")
    if not notice.alerts:
        return as_json(channel._change(notice))
    return as_json([channel._event(alert, notice) for alert in notice.alerts])


FORMS: dict[str, tuple[str, Callable[[Notice], str]]] = {
    "console": ("txt", console),
    "email": ("eml", email),
    "slack": ("json", lambda notice: as_json(message(notice))),
    "document": ("json", lambda notice: as_json(document(notice))),
    "alertmanager": ("json", alertmanager),
    "pagerduty": ("json", pagerduty),
}


@pytest.mark.parametrize("kind", NOTICES)
@pytest.mark.parametrize("form", FORMS)
def test_what_is_sent_is_what_it_was(form: str, kind: str, pytestconfig: pytest.Config) -> None:
    suffix, make = FORMS[form]
    path = FOLDER / f"{form}-{kind}.{suffix}"
    made = make(NOTICES[kind])
    if pytestconfig.getoption("--update-golden"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(made, encoding="utf-8")
    assert path.read_text("utf-8") == made, f"{path} differs; see the words at the top of this file"


def test_every_golden_file_is_looked_at() -> None:
    expected = {f"{form}-{kind}.{suffix}" for form, (suffix, _) in FORMS.items() for kind in NOTICES}
    assert {path.name for path in FOLDER.iterdir()} >= expected
