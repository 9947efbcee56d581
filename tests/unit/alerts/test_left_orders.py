"""Orders given while a program does not run: its next run obeys them as if they had been given to it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tocsin.alerts.left_orders import acknowledged, silences_of, with_silence, without_silence
from tocsin.alerts.settings import AlertSettings, Route
from tocsin.clock import Instant
from tocsin.engine import Engine
from tocsin.model import inputs as given
from tocsin.model.alert import Acknowledgement
from tocsin.model.levels import AlertSeverity
from tocsin.model.matching import Matcher
from tocsin.model.orders import Silence

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SETTINGS = AlertSettings(routes=(Route(channel="bell"),))
SLOW = given.Event(title="Slow", message="m", severity=AlertSeverity.WARNING, source="app", lasts=True)


def at(seconds: float) -> Instant:
    return Instant(seconds, seconds, NOON + timedelta(seconds=seconds))


def a_silence(silence_id: str = "a", for_s: float = 600) -> Silence:
    return Silence(
        id=silence_id, matchers=(Matcher("title", "=", "Slow"),), starts_at=NOON,
        ends_at=NOON + timedelta(seconds=for_s), author="jo",
    )  # fmt: skip


def restored(telling: bytes | None, *alerts: bytes) -> Engine:
    engine = Engine((), SETTINGS)
    engine.restore(alerts, telling, at(10))
    return engine


def test_a_silence_is_obeyed_by_the_next_run_and_not_by_the_one_after_its_end() -> None:
    engine = restored(with_silence(None, a_silence()))
    assert engine.step([SLOW], at(11)).notices == ()
    assert [notice.channel for notice in engine.step([], at(601)).notices] == ["bell"]


def test_a_silence_joins_what_the_last_run_knew() -> None:
    before = Engine((), SETTINGS)
    before.step([given.PutSilence(a_silence("own"))], at(0))
    telling = with_silence(before.keep_telling(at(1)), a_silence("later", 900))
    assert [one.id for one in silences_of(telling, NOON)] == ["own", "later"]
    assert [one.id for one in silences_of(telling, NOON + timedelta(seconds=700))] == ["later"]
    left = without_silence(telling, "own")
    assert left is not None
    assert [one.id for one in silences_of(left, NOON)] == ["later"]
    assert without_silence(left, "own") is None
    assert without_silence(None, "own") is None
    assert silences_of(None, NOON) == []


def test_a_mark_on_an_open_alert_stops_its_repeats_in_the_next_run() -> None:
    settings = AlertSettings(routes=(Route(channel="bell", repeat_s=60),))
    before = Engine((), settings)
    before.step([SLOW], at(0))
    [alert] = before.book.open_alerts()
    kept = before.keep(alert.id, at(1))
    assert kept is not None
    mark = Acknowledgement("ann", NOON, "on it", alert.severity)

    def repeats(body: bytes) -> int:
        engine = Engine((), settings)
        engine.restore([body], None, at(10))
        return len(engine.step([], at(100)).notices)

    marked, kept_marked = acknowledged(alert, kept, mark)
    assert kept_marked is not None
    assert (repeats(kept), repeats(kept_marked)) == (1, 0)
    assert (marked.acknowledgement, marked.trace[-1].why) == (mark, "by ann on it")


def test_a_mark_that_holds_is_left_and_one_that_is_void_is_replaced() -> None:
    engine = Engine((), SETTINGS)
    engine.step([SLOW], at(0))
    [alert] = engine.book.open_alerts()
    first = Acknowledgement("ann", NOON, severity=alert.severity, expires_at=NOON + timedelta(seconds=60))
    marked, _ = acknowledged(alert, None, first)
    later = Acknowledgement("bob", NOON + timedelta(seconds=59), severity=alert.severity)
    assert acknowledged(marked, None, later)[0] is marked
    expired = Acknowledgement("bob", NOON + timedelta(seconds=60), severity=alert.severity)
    assert acknowledged(marked, None, expired)[0].acknowledgement == expired
    mild = Acknowledgement("ann", NOON, severity=AlertSeverity.INFO)
    assert acknowledged(acknowledged(alert, None, mild)[0], None, later)[0].acknowledgement == later
