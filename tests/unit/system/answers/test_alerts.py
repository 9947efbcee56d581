"""What a running program answers on its alerts: bounded, and in words whatever is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tocsin import AlertNotFound, StoreError
from tocsin.control.line import MAX_REPLY_BYTES
from tocsin.system.answers.alerts import MAX_ALERTS, answers_on_alerts
from tocsin.testing import RecordingChannel, system_for_tests

if TYPE_CHECKING:
    from pathlib import Path

    from tocsin import AlertSystem

ENOUGH_S = 20.0


def ask(system: AlertSystem, command: str, **what: Any) -> dict[str, Any]:
    reply: dict[str, Any] = answers_on_alerts(system, system._core)[command]({"command": command, **what})
    msgspec.json.encode(reply)  # it has to fit on a line
    return reply


def test_of_very_many_alerts_the_newest_are_told_and_the_rest_is_counted() -> None:
    system, clock = system_for_tests(RecordingChannel(), event_ttl="1d")
    for number in range(MAX_ALERTS + 7):
        clock.advance(0.01)
        system.emit(
            f"{number} " + "\U0001f514" * 190, "\U0001f514" * 1000, "warning", "x" * 200, labels={"a": "b" * 300}
        )
    reply = ask(system, "alerts")
    assert (len(reply["alerts"]), reply["left_out"]) == (MAX_ALERTS, 7)
    assert reply["alerts"][0]["title"].startswith(f"{MAX_ALERTS + 6} ")
    assert len(msgspec.json.encode(reply)) < MAX_REPLY_BYTES
    assert ask(system, "preview", matchers=["source=~x+"])["left_out"] == 7
    assert ask(system, "silence", matchers=["source=~x+"], for_s=60)["left_out"] == 7


@pytest.mark.parametrize(
    ("command", "what"),
    [
        ("alerts", {"since_s": "soon"}),
        ("acknowledge", {}),
        ("acknowledge", {"id": 3}),
        ("silence", {"matchers": "a=b", "for_s": 60}),
        ("silence", {"matchers": ["a=b"]}),
        ("preview", {"matchers": [3]}),
        ("expire", {"id": None}),
        ("explain", {"id": ["x"]}),
        ("deliveries", {"limit": "all"}),
        ("replay", {}),
        ("test", {"channel": 3}),
    ],
)
def test_a_request_of_another_form_is_refused(command: str, what: dict[str, Any]) -> None:
    system, _ = system_for_tests(RecordingChannel())
    with pytest.raises(msgspec.ValidationError):
        ask(system, command, **what)


def test_without_a_journal_it_is_said_why_nothing_is_known_of_deliveries() -> None:
    system, _ = system_for_tests(RecordingChannel())
    for command, what in (("deliveries", {}), ("replay", {"id": "n1"})):
        with pytest.raises(StoreError, match="there is no state_dir"):
            ask(system, command, **what)


def test_an_alert_of_an_earlier_run_is_explained_from_the_journal(tmp_path: Path) -> None:
    first, _ = system_for_tests(RecordingChannel(), state_dir=tmp_path)
    alert_id = first.emit("Slow", durable=True).id
    [alert] = first.open_alerts()
    assert first.resolve(alert.fingerprint)
    first._core.engine.book.clear()  # as if it had been pushed out by many others
    story = ask(first, "explain", id=alert_id)
    assert [step["after"] for step in story["transitions"]] == ["firing", "resolved"]
    with pytest.raises(AlertNotFound):
        ask(first, "explain", id="nobody")
    assert first.stop(ENOUGH_S)


def test_what_is_open_on_paper_only_is_not_shown_as_open(tmp_path: Path) -> None:
    first, _clock = system_for_tests(RecordingChannel(), state_dir=tmp_path)
    first.emit("Slow", durable=True)
    assert [alert["title"] for alert in ask(first, "alerts")["alerts"]] == ["Slow"]
    first._core.engine.book._open.clear()
    first._core.engine.book._by_id.clear()
    assert ask(first, "alerts")["alerts"] == []
    assert first.stop(ENOUGH_S)
