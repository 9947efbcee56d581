"""A score for engine tests: at this second these readings, and this is to be heard."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from tocsin.alerts.settings import AlertSettings, Route
from tocsin.clock import VirtualClock
from tocsin.engine import Engine
from tocsin.model.inputs import Event, Input, NewSeries, Outcome, Sample
from tocsin.model.levels import AlertCategory, AlertSeverity
from tocsin.model.readings import SeriesKey
from tocsin.model.rule import AlertRule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tocsin.model.alert import PerformanceAlert

WARNING, CRITICAL, INFO = AlertSeverity.WARNING, AlertSeverity.CRITICAL, AlertSeverity.INFO


def a_rule(name: str = "high", threshold: float | str = 50.0, **fields: object) -> AlertRule:
    """A rule on the metric `m`, unless the fields say else."""
    plain: dict[str, object] = {
        "name": name, "category": AlertCategory.GENERAL, "severity": WARNING, "threshold": threshold, "metric": "m",
    }  # fmt: skip
    return AlertRule(**{**plain, **fields})  # type: ignore[arg-type]


def an_event(
    title: str = "odd", severity: AlertSeverity = WARNING, *, count: int = 1, source: str = "app", message: str = "m"
) -> Event:
    """An event."""
    return Event(title=title, message=message, severity=severity, source=source, count=count)


class Score:
    """Plays readings to an engine and keeps what is to be heard.

    Args:
        rules: in force.
        keys: the series, by default the single one of the metric `m`.
        settings: by default one channel that hears everything.
    """

    def __init__(
        self, *rules: AlertRule, keys: Iterable[SeriesKey] = (SeriesKey("m"),), settings: AlertSettings | None = None
    ) -> None:
        self.clock = VirtualClock()
        self.rules = rules
        self.settings = settings or AlertSettings(routes=(Route(channel="all"),))
        self.engine = Engine(rules, self.settings, interval_s=1.0)
        self.keys = list(keys)
        self.outcomes: list[Outcome] = []
        self.step(*(NewSeries(number, key) for number, key in enumerate(self.keys)))

    def restart(self, *rules: AlertRule, away_s: float = 0.0) -> None:
        """End the process and begin another, whose monotonic clock has nothing to do with that of the one before."""
        before = self.clock.now()
        kept = [self.engine.keep(episode.id, before) for episode in self.engine.book.episodes()]
        telling, learned = self.engine.keep_telling(before), self.engine.keep_learned()
        self.clock = VirtualClock(before.utc + timedelta(seconds=away_s))
        self.engine = Engine(rules or self.rules, self.settings, interval_s=1.0)
        self.engine.restore([body for body in kept if body is not None], telling, self.clock.now(), learned)
        self.step(*(NewSeries(number, key) for number, key in enumerate(self.keys)))

    def step(self, *inputs: Input, after_s: float = 0.0) -> Outcome:
        """Step once, `after_s` seconds later."""
        self.clock.advance(after_s)
        outcome = self.engine.step(inputs, self.clock.now())
        self.outcomes.append(outcome)
        return outcome

    def read(self, *values: float, every_s: float = 1.0) -> None:
        """One reading after the other, of all series alike."""
        for value in values:
            self.step(Sample(list(range(len(self.keys))), [value] * len(self.keys)), after_s=every_s)

    def notices(self) -> list[str]:
        """What was told, as "kind title"."""
        return [
            f"{notice.kind.value} {notice.alerts[0].title if notice.alerts else notice.reason}"
            for outcome in self.outcomes
            for notice in outcome.notices
        ]

    def signals(self) -> int:
        """How often listeners were called."""
        return sum(change.signals for outcome in self.outcomes for change in outcome.changes)

    @property
    def alert(self) -> PerformanceAlert:
        """The newest alert."""
        return self.engine.book.recent()[0]
