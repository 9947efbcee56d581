"""An order that is left for the next run has the effect of one that was given just before the end of the last."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from tocsin.alerts.left_orders import acknowledged, with_silence, without_silence
from tocsin.alerts.settings import AlertSettings, Route
from tocsin.clock import Instant
from tocsin.engine import Engine
from tocsin.model import inputs
from tocsin.model.alert import Acknowledgement
from tocsin.model.levels import AlertSeverity
from tocsin.model.matching import Matcher
from tocsin.model.orders import Silence

if TYPE_CHECKING:
    from tocsin.model.alert import PerformanceAlert

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SETTINGS = AlertSettings(
    routes=(Route(channel="bell", repeat_s=60.0, escalate_to="boss", escalate_after_s=150.0), Route(
        channel="boss", severity=AlertSeverity.CRITICAL, repeat_s=0.0)),
)  # fmt: skip
TITLES = ("a", "b", "c")
LAST_RUN_ENDS_S, NEXT_BEGINS_S = 10.0, 20.0

Order = tuple[str, str, float]
orders = st.lists(
    st.tuples(
        st.sampled_from(["silence", "expire", "acknowledge"]),
        st.sampled_from(TITLES),
        st.sampled_from([30.0, 100.0, 1000.0]),
    ),
    max_size=6,
)
levels = st.lists(st.sampled_from(AlertSeverity), min_size=3, max_size=3)


def at(seconds: float) -> Instant:
    return Instant(seconds, seconds, NOON + timedelta(seconds=seconds))


def events(severities: list[AlertSeverity]) -> list[inputs.Input]:
    return [
        inputs.Event(title=title, message="m", severity=severity, source=title, lasts=True)
        for title, severity in zip(TITLES, severities, strict=True)
    ]


def silence(order: Order) -> Silence:
    _, title, for_s = order
    moment = at(LAST_RUN_ENDS_S).utc
    return Silence(
        id=title, matchers=(Matcher("title", "=", title),), starts_at=moment, ends_at=moment + timedelta(seconds=for_s)
    )


def ids(engine: Engine) -> dict[str, str]:
    return {alert.title: alert.id for alert in engine.book.open_alerts()}


def given_to_the_running(engine: Engine, asked: list[Order]) -> tuple[list[bytes], bytes]:
    known = ids(engine)
    for order in asked:
        what, title, for_s = order
        command: inputs.Input = inputs.Acknowledge(known[title], "ann", "", for_s)
        if what == "silence":
            command = inputs.PutSilence(silence(order))
        elif what == "expire":
            command = inputs.ExpireSilence(title)
        engine.step([command], at(LAST_RUN_ENDS_S))
    return kept(engine)


def left_for_the_next(engine: Engine, asked: list[Order]) -> tuple[list[bytes], bytes]:
    alerts: dict[str, PerformanceAlert] = {alert.title: alert for alert in engine.book.open_alerts()}
    bodies = dict(zip(ids(engine), kept(engine)[0], strict=True))
    telling = kept(engine)[1]
    moment = at(LAST_RUN_ENDS_S).utc
    for order in asked:
        what, title, for_s = order
        if what == "silence":
            replaced = without_silence(telling, title) or telling  # one of the same id is replaced
            telling = with_silence(replaced, silence(order))
        elif what == "expire":
            telling = without_silence(telling, title) or telling
        else:
            mark = Acknowledgement("ann", moment, "", alerts[title].severity, moment + timedelta(seconds=for_s))
            alerts[title], body = acknowledged(alerts[title], bodies[title], mark)
            assert body is not None
            bodies[title] = body
    return list(bodies.values()), telling


def kept(engine: Engine) -> tuple[list[bytes], bytes]:
    bodies = [engine.keep(alert_id, at(LAST_RUN_ENDS_S)) for alert_id in ids(engine).values()]
    return [body for body in bodies if body is not None], engine.keep_telling(at(LAST_RUN_ENDS_S))


def next_run(alerts: list[bytes], telling: bytes, worse: list[AlertSeverity]) -> list[tuple[float, str, str, str, int]]:
    """What is told in the half hour after: when, to whom, how, of what."""
    engine = Engine((), SETTINGS)
    engine.restore(alerts, telling, at(NEXT_BEGINS_S))
    told = []
    for second in range(int(NEXT_BEGINS_S), 1800, 5):
        happened = events(worse) if second == 60 else []
        for notice in engine.step(happened, at(second)).notices:
            told += [
                (float(second), notice.channel, notice.kind.value, alert.title, int(alert.severity))
                for alert in notice.alerts
            ]
    return sorted(told)


@given(levels, orders, levels)
def test_orders_have_the_same_effect_whenever_they_are_given(
    severities: list[AlertSeverity], asked: list[Order], worse: list[AlertSeverity]
) -> None:
    def last_run() -> Engine:
        engine = Engine((), SETTINGS)
        engine.step(events(severities), at(0))
        return engine

    now = next_run(*given_to_the_running(last_run(), asked), worse)
    later = next_run(*left_for_the_next(last_run(), asked), worse)
    assert later == now
