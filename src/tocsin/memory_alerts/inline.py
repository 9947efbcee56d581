"""A door without a system behind it: an engine that steps on the caller's thread, and channels."""

from __future__ import annotations

import os
import random
import threading
import weakref
from typing import TYPE_CHECKING, Any, Final

from tocsin.alerts.history import AlertHistory
from tocsin.clock import SystemClock
from tocsin.config import AlertConfig
from tocsin.delivery import Delivery
from tocsin.engine import Engine
from tocsin.errors import AlertNotFound, ConfigError
from tocsin.model import inputs as given
from tocsin.model.action import ActionOutcome
from tocsin.model.levels import AlertCategory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.clock import Clock
    from tocsin.memory_alerts.finding import Finding
    from tocsin.model.action import DueAction
    from tocsin.model.alert import PerformanceAlert
    from tocsin.model.inputs import Answer, Input
    from tocsin.model.readings import SeriesKey
    from tocsin.model.rule import AlertRule

# Whoever hands reports in does so when he likes; a pause of hours is no gap.
_INTERVAL_S: Final = 3600.0
TOLD_WITHIN_S: Final = 1.0
_LOOK_EVERY_S: Final = 0.002

_doors: weakref.WeakSet[InlineDoor] = weakref.WeakSet()


class InlineDoor:
    """Judges on the caller's thread, one caller at a time.

    Args:
        clock: read at each call.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._disabled = os.environ.get("TOCSIN_DISABLED", "") not in {"", "0"}
        config = AlertConfig(channels=[], default_rules=False)
        history = AlertHistory(max_size=config.history_size, clock=self._clock)
        self._engine = Engine((), config.alert_settings(), interval_s=_INTERVAL_S, history=history)
        # Pauses between attempts are spread by chance; nothing is judged by it.
        self._delivery = Delivery(self._clock, random.Random())
        self._ids: dict[SeriesKey, int] = {}
        self._lock = threading.RLock()
        _doors.add(self)

    async def _judge(self, findings: Sequence[Finding]) -> tuple[PerformanceAlert, ...]:
        with self._lock:
            inputs = self._inputs(findings)
            answer = self._step(*inputs)
        await told(self._delivery)
        return answer.alerts if answer is not None else ()

    def add_rule(self, rule: AlertRule) -> None:
        """Judge by one more rule; one of the same name is replaced."""
        self._step(given.AddRule(rule))

    def add_channel(self, channel: Any) -> None:
        """Tell one more channel. Raises ConfigError for one that is none, or whose name is taken."""
        [(made, route)] = AlertConfig(channels=[channel]).make_channels()
        if made.name in self._delivery.counts():
            raise ConfigError(f"channel {made.name!r}: there is one of this name; give this one another name")
        self._delivery.add(made)
        self._engine.add_route(route)

    async def get_recent_alerts(self, n: int = 10) -> list[PerformanceAlert]:
        """The last `n` alerts, newest first."""
        return self._engine.book.recent()[: max(n, 0)]

    async def get_alerts_by_category(self, category: AlertCategory | str) -> list[PerformanceAlert]:
        """The alerts of a category, newest first. Raises ValueError for an unknown category."""
        return self._engine.book.of_category(AlertCategory(category))

    async def get_unacknowledged_alerts(self) -> list[PerformanceAlert]:
        """The alerts that nobody has acknowledged, newest first."""
        return self._engine.book.unacknowledged(self._clock.now().utc)

    async def acknowledge_alert(self, alert_id: str) -> PerformanceAlert:
        """Take care of an alert. Raises AlertNotFound."""
        answer = self._step(given.Acknowledge(alert_id))
        if answer is None or answer.alert is None:
            raise AlertNotFound(alert_id)
        return answer.alert

    async def clear_history(self) -> None:
        """Forget what is over; an open alert is shown again at its next change."""
        self._step(given.ClearHistory())

    def after_fork(self) -> None:
        """In the child: no lock and no delivery of the parent's."""
        self._lock = threading.RLock()
        self._delivery.after_fork()

    def _inputs(self, findings: Sequence[Finding]) -> list[Input]:
        keys = [key for finding in findings for key in finding.readings]
        new: list[Input] = [
            given.NewSeries(self._ids.setdefault(key, len(self._ids)), key) for key in keys if key not in self._ids
        ]
        cases = tuple(as_case(finding, [self._ids[key] for key in finding.readings]) for finding in findings)
        return [*new, given.JudgeNow(cases)]

    def _step(self, *inputs: Input) -> Answer | None:
        if self._disabled:
            return None
        with self._lock:
            outcome = self._engine.step(inputs, self._clock.now())
            if outcome.actions:
                refused = [_not_here(due) for due in outcome.actions]
                self._engine.step(refused, self._clock.now())
        self._delivery.hand_over(outcome.notices)
        return outcome.answers[-1]


def as_case(finding: Finding, series_ids: list[int]) -> given.Case:
    """A finding as the engine takes it."""
    return given.Case(
        series_ids=series_ids,
        values=list(finding.readings.values()),
        evidence=finding.evidence,
        recommendations=finding.recommendations,
    )


def _not_here(due: DueAction) -> given.ActionDone:
    why = "without a system nobody runs it; give the rule to an AlertSystem"
    return given.ActionDone(due.alert_id, due.action, ActionOutcome.REFUSED, why)


async def told(delivery: Delivery) -> None:
    """Let channels have their say, without blocking the event loop; after a second they go on by themselves."""
    for _ in range(round(TOLD_WITHIN_S / _LOOK_EVERY_S)):
        if not delivery.waiting():
            return
        import asyncio  # noqa: PLC0415 - whoever awaits has loaded it

        await asyncio.sleep(_LOOK_EVERY_S)


def _in_child() -> None:
    for door in tuple(_doors):
        door.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
