"""A written course of readings and orders, and the engine that lives through it."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Final

import msgspec

from tocsin.engine import Engine
from tocsin.errors import AlertNotFound
from tocsin.model import inputs as given
from tocsin.model.alert import PerformanceAlert
from tocsin.model.levels import AlertCategory, Verdict, read_level
from tocsin.model.matching import parse_matcher
from tocsin.model.notice import Notice
from tocsin.model.orders import Maintenance, Silence
from tocsin.model.readings import SeriesKey, canonical_labels
from tocsin.model.series_text import write_series
from tocsin.model.units import parse_quantity
from tocsin.replay.moments import Timeline
from tocsin.replay.notation import FAILED, parse_readings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tocsin.config import AlertConfig
    from tocsin.model.inputs import Change, Input
    from tocsin.model.levels import AlertSeverity

START: Final = datetime(2026, 1, 1, tzinfo=UTC)
# Sums of steps may miss a time by a rounding.
_ROUNDING_S: Final = 1e-6


class Stop(msgspec.Struct, frozen=True):
    """How things stand at one time of a scene.

    Attributes:
        at_s: seconds from the beginning.
        alerts: those that are open, pending ones too; the worst and then the oldest first.
        notices: what was told since the last stop.
        verdicts: what each rule says, by its name; of a rule on several series by its name and labels.
    """

    at_s: float
    alerts: tuple[PerformanceAlert, ...]
    notices: tuple[Notice, ...]
    verdicts: dict[str, Verdict]

    @property
    def firing(self) -> list[str]:
        """The titles of the alerts that fire."""
        return [alert.title for alert in self.alerts if alert.triggered]

    @property
    def told(self) -> list[str]:
        """The notices since the last stop in words: `firing memory-high`."""
        return [f"{notice.kind.value} {', '.join(alert.title for alert in notice.alerts)}".strip()
                for notice in self.notices]  # fmt: skip


class Scene:
    """An engine with a script.

    Time moves when it is asked for a later one. At each step of the script the readings of that time are judged; orders
    are given between two stops.

    Args:
        config: its rules, its channels' routes, its windows and limits; nobody is told anything.
        series: for each series its readings, in base units, one a step; NaN for none, FAILED for a sensor that fails.
        every_s: seconds from one step to the next.
        start: the wall clock at the beginning; for windows that go by it.
    """

    def __init__(
        self,
        config: AlertConfig,
        series: Mapping[SeriesKey, Sequence[float]],
        *,
        every_s: float = 1.0,
        start: datetime = START,
    ) -> None:
        routes = tuple(route for _, route in config.make_channels())
        self.engine = Engine(
            config.all_rules(), config.alert_settings(routes), interval_s=every_s, points=config.series_points
        )
        self.changes: list[Change] = []
        self.every_s = every_s
        self._series = [list(readings) for readings in series.values()]
        self._start = start
        self._timeline = Timeline(start.timestamp())
        self._ids = tuple(range(len(series)))
        self._next = 0  # the step that comes next
        self._at_s = 0.0
        self._notices: list[Notice] = []
        self._names = count(1)
        self._step([given.NewSeries(number, key) for number, key in enumerate(series)], 0.0)

    @property
    def length_s(self) -> float:
        """The time of the last reading."""
        return max(max(map(len, self._series), default=1) - 1, 0) * self.every_s

    def at(self, time: float | str) -> Stop:
        """Go on to a time, that of its readings included, and say how things stand.

        Args:
            time: seconds from the beginning, or a text such as "40s"; not before the last stop.
        Raises: ValueError: if it is no time, or lies before the last stop.
        """
        at_s = seconds_of(time)
        if at_s < self._at_s - _ROUNDING_S:
            raise ValueError(f"a scene only goes on: it is at {self._at_s:g} s, and {at_s:g} s lies before that")
        self.play(at_s)
        notices, self._notices = tuple(self._notices), []
        return Stop(at_s, tuple(self.engine.book.open_alerts()), notices, self._verdicts())

    def play(self, at_s: float) -> None:
        """Go on to a time, that of its readings included; what is told meanwhile stands at the next stop."""
        while self._next * self.every_s <= at_s + _ROUNDING_S:
            self._play_next()
        if self._at_s < at_s - _ROUNDING_S:
            self._step([], at_s)  # between two readings: what is due by time alone

    def end(self) -> Stop:
        """Go on to the last reading."""
        return self.at(max(self.length_s, self._at_s))

    def go_to(self, at_s: float) -> None:
        """Go on to a time, just before the readings of that time."""
        while self._next * self.every_s < at_s - _ROUNDING_S:
            self._play_next()
        self._at_s = max(self._at_s, at_s)

    # -- orders, as of now

    def silence(self, *matchers: str, for_: float | str, comment: str = "") -> Silence:
        """Hold back the alerts that match, for a time.

        Raises: ValueError: if a matcher or the time is none.
        """
        starts_at = self._utc()
        silence = Silence(
            id=f"silence-{next(self._names)}", matchers=tuple(map(parse_matcher, matchers)), starts_at=starts_at,
            ends_at=starts_at + timedelta(seconds=seconds_of(for_)), comment=comment,
        )  # fmt: skip
        self._step([given.PutSilence(silence)], self._at_s)
        return silence

    def expire(self, silence: Silence) -> None:
        """End a silence."""
        self._step([given.ExpireSilence(silence.id)], self._at_s)

    def maintain(self, *matchers: str, for_: float | str, name: str = "") -> None:
        """Expect noise for a time; without matchers from everything.

        Raises: ValueError: if a matcher or the time is none.
        """
        starts_at = self._utc()
        window = Maintenance(
            name=name or f"maintenance-{next(self._names)}", matchers=tuple(map(parse_matcher, matchers)),
            starts_at=starts_at, ends_at=starts_at + timedelta(seconds=seconds_of(for_)),
        )  # fmt: skip
        self._step([given.PutMaintenance(window)], self._at_s)

    def acknowledge(self, title: str, *, by: str = "somebody", for_: float | str | None = None) -> None:
        """Take care of the open alerts with this title, so of a rule's name.

        Raises: AlertNotFound: if there is none.
        """
        found = [alert for alert in self.engine.book.open_alerts() if alert.title == title and alert.triggered]
        if not found:
            raise AlertNotFound(title)
        for_s = None if for_ is None else seconds_of(for_)
        self._step([given.Acknowledge(alert.id, by=by, for_s=for_s) for alert in found], self._at_s)

    def emit(
        self,
        title: str,
        message: str = "",
        level: AlertSeverity | str | int = "warning",
        source: str = "test",
        *,
        category: AlertCategory | str = AlertCategory.GENERAL,
        component: str = "",
        labels: Mapping[str, str] | None = None,
        count: int = 1,
    ) -> None:
        """Raise an alert as the program itself does, so many times."""
        event = given.Event(
            title=title, message=message or title, severity=read_level(level)[0], source=source, count=count,
            category=AlertCategory(category), component=component, labels=canonical_labels(labels or {}),
        )  # fmt: skip
        self._step([event], self._at_s)

    # -- steps

    def _play_next(self) -> None:
        values = [readings[self._next] if self._next < len(readings) else math.nan for readings in self._series]
        inputs: list[Input] = []
        failed = [number for number, value in zip(self._ids, values, strict=True) if value == FAILED]
        if failed:
            values = [math.nan if value == FAILED else value for value in values]
        if values:
            inputs.append(given.Sample(self._ids, values))
        if failed:
            inputs.append(given.SeriesFailed(failed, "its sensor fails"))
        at_s, self._next = self._next * self.every_s, self._next + 1
        self._step(inputs, at_s)

    def _step(self, inputs: list[Input], at_s: float) -> None:
        self._at_s = at_s
        outcome = self.engine.step(inputs, self._timeline.at(self._start.timestamp() + at_s))
        self.changes += outcome.changes
        self._notices += outcome.notices

    def _utc(self) -> datetime:
        return self._start + timedelta(seconds=self._at_s)

    def _verdicts(self) -> dict[str, Verdict]:
        by_rule: dict[str, list[tuple[SeriesKey, Verdict]]] = {}
        for watch in self.engine.watches():
            by_rule.setdefault(watch.rule.name, []).append((watch.key, watch.verdict))
        found: dict[str, Verdict] = {}
        for rule, listed in by_rule.items():
            for key, verdict in listed:
                found[rule if len(listed) == 1 else write_series(SeriesKey(rule, key.labels))] = verdict
        return found


def seconds_of(time: float | str) -> float:
    """Seconds of a number, or of a text such as "40s" or "2min".

    Raises: ValueError: if it is no time, or less than nothing.
    """
    quantity = parse_quantity(time) if isinstance(time, str) else None
    seconds = quantity.value if quantity is not None else float(time)
    if (quantity is not None and quantity.unit not in {"", "s"}) or not 0 <= seconds < math.inf:
        raise ValueError(f"found {time!r}, expected a time such as '40s' or '2min'")
    return seconds


def readings_of(written: str | Iterable[float | None], metric: str) -> list[float]:
    """The readings of a series: in compact notation, or numbers in the metric's base unit and None.

    Raises: ValueError: saying what is wrong.
    """
    if isinstance(written, str):
        return parse_readings(written, metric)
    return [math.nan if value is None else float(value) for value in written]
