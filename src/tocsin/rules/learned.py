"""Rules whose bound is learned from the metric itself: what a series is used to, and how a rule judges by it.

Loaded only where some rule learns; the learners of an engine are kept in `learners`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, Protocol

from tocsin.model.alert import Evidence
from tocsin.model.anomaly import AnomalyVerdict, Phase, Reason
from tocsin.model.levels import AlertCondition, ThresholdKind
from tocsin.model.units import format_value
from tocsin.rules.thresholds import dynamic_threshold
from tocsin.rules.trail import Trail

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.model.readings import SeriesKey
    from tocsin.model.rule import AlertRule
    from tocsin.rules.detectors.anomaly import AnomalyDetector

EVIDENCE: Final = "odds"
# A process that begins is not what it will be: nothing is told of its first minutes, nor of what is unusual then and
# goes on, until it was ordinary once.
_START_S: Final = 600.0
# So long after the readings are back where they stood it is over for whoever is told; the detector's means take longer.
_CALM_S: Final = 600.0
# What must last may be back for a quarter of the time that it must last, and begins anew after that.
_PAUSES: Final = 4
# Readings that stay away for longer than this, and than so many of their intervals, tell nothing of now.
_MISSES: Final = 5
_OF_THE_PROCESS: Final = ("process.", "tocsin.", "cpython.")
# The literal formula looks back at so many readings.
SIGMA_READINGS: Final = 300
# What must last for a minute, or is the mean of one, is no other from one second to the next: it is learned so many
# times in its window, or in the time that it must last.
LOOKS: Final = 20
# And so often whatever the window is: what is over is to be seen to be over.
MOST_PACE_S: Final = 60.0
_REASONS: Final = {
    Reason.RESIDUAL: "a sudden rise",
    Reason.DROP: "a sudden fall",
    Reason.SHIFT: "a sudden change that stays",
    Reason.LEVEL: "a slow departure from all that is known",
    Reason.SEASON: "not what this time of the day or week is wont to bring",
    Reason.NOISE: "more restless, or more still, than ever",
}


class Remembered(Protocol):
    """A series that is learned."""

    @property
    def key(self) -> SeriesKey:
        """Metric and labels."""
        ...

    @property
    def unit(self) -> str:
        """The base unit of its readings; empty: not known."""
        ...

    def latest(self) -> float:
        """The last reading."""
        ...

    def recent(self, points: int) -> list[float]:
        """The last readings, oldest first."""
        ...


class Learner:
    """What one series is used to.

    Args:
        series: whose readings.
        read: from now (monotonic seconds) to the value that is learned; None: the last reading.
        detector: learns.
        unix_s: from now (monotonic seconds) to the wall clock as of the step that is made.
        own: whether its budget is its own, and no share of the host's.
        as_charted: whether it learns what a chart of the metric shows, and no sum or difference of it.
        goes_on: whether it was learned from a process that has ended.

    Attributes:
        verdict: on the last value; None before the first.
        trail: what was expected so far.
        early: whether any of its rules may ring before a day is known.
    """

    def __init__(
        self, series: Remembered, read: Callable[[float], float] | None, detector: AnomalyDetector,
        unix_s: Callable[[float], float], *, own: bool, as_charted: bool = True, goes_on: bool = False,
    ) -> None:  # fmt: skip
        self.series = series
        self.detector = detector
        self.own = own
        self.as_charted = as_charted
        self.trail = Trail()
        self.verdict: AnomalyVerdict | None = None
        self.value = math.nan
        self.since_s: float | None = None
        self._read = read
        self._unix_s = unix_s
        self._at_s = self._learned_s = -math.inf
        self._pace_s, self._every_s = MOST_PACE_S, 0.0
        self.early = False
        # What was unusual when the process before ended is not what this one begins with.
        begins = goes_on and not detector.abnormal and series.key.metric.startswith(_OF_THE_PROCESS)
        self._is_start, self._begins_s = begins, math.inf
        self._is_early = False
        self._side, self._off_s, self._jumped = 0.0, -math.inf, False

    def keep_pace(self, rule: AlertRule) -> None:
        """Look as often as this rule has need of, if that is more often than until now."""
        # Half a second off, so that a pass which comes a little early is not one too few.
        self._pace_s = min(self._pace_s, max(rule.window_s, rule.for_s) / LOOKS - 0.5)

    def look(self, mono_s: float) -> float:
        """The value to judge now; learned from at its pace, and at most once a moment. NaN: there is none."""
        if mono_s <= self._at_s:
            return self.value
        value = self.series.latest() if self._read is None else self._read(mono_s)
        if value == value:  # noqa: PLR0124 - NaN: the window holds too little
            self._at_s, self.value = mono_s, value
            if mono_s - self._learned_s < self._pace_s:
                return value
            self._every_s = mono_s - self._learned_s if self.verdict is not None else 0.0
            self._learned_s = mono_s
            unix_s = self._unix_s(mono_s)
            went_on = self.detector.abnormal
            self.verdict = self.detector.update(value, unix_s)
            if mono_s >= self.trail.due_s:
                self.trail.add(mono_s, unix_s, self.verdict)
            if not self.verdict.abnormal:
                self.since_s = None
            elif self.since_s is None or self.verdict.alarm:
                # What is expected follows the readings, so it tells a side only of an episode that begins.
                is_above = self.detector.is_above(value) if went_on else value > self.verdict.expected
                self._side, self._jumped = 1.0 if is_above else -1.0, not self.detector.is_back(value)
                if self.since_s is None:
                    self.since_s = mono_s
                    self._is_early = self.verdict.phase is not Phase.CALIBRATED
            if self.since_s is not None and (
                self.verdict.alarm or self.verdict.reason is Reason.NOISE or not self.detector.is_back(value)
            ):
                self._off_s = mono_s
            if self._is_start:
                self._begin(mono_s, self.verdict)
        return value

    def _begin(self, mono_s: float, found: AnomalyVerdict) -> None:
        """Whether the start of the process is over."""
        self._begins_s = min(self._begins_s, mono_s)
        lasts_s = mono_s - self._begins_s
        self._is_start = lasts_s < _START_S or (found.abnormal and mono_s - self._off_s <= _CALM_S)

    def metric(self) -> str:
        """The name of the metric."""
        return self.series.key.metric

    def line(self) -> str:
        """The value, what was expected, and how rare that is."""
        found = self.verdict
        if found is None:
            return str(self.series.key)
        unit = self.series.unit
        value, expected = format_value(self.value, unit), format_value(found.expected, unit)
        return f"{self.series.key} is {value}, expected {expected}: {rarity(found)}"

    def is_unusual(self, side: int = 0, *, early: bool = True, pause_s: float = _CALM_S) -> bool:
        """Whether an unusual stretch goes on that is to be told.

        Args:
            side: one that began, or got much worse, above (1) or below (-1) what was expected; 0: any.
            early: whether one counts that began before a day was known.
            pause_s: so long readings may be back where they stood, if they ever left.
        """
        found = self.verdict
        if found is None or not found.abnormal or self._is_start or (self._is_early and not early):
            return False
        if self._at_s - self._off_s > (pause_s if self._jumped else _CALM_S):
            return False
        return not side or self._side == side  # what was expected follows the readings, and soon lies on both sides

    def is_read(self, mono_s: float) -> bool:
        """Whether readings still come, and some rule still looks at them."""
        return mono_s - self._at_s <= max(_CALM_S, _MISSES * self._every_s)

    def bound(self, side: int) -> float:
        """Where a single reading would ring, above (1) or below (-1); infinite while too little is known."""
        if self.verdict is None or self.detector.phase is not Phase.CALIBRATED:
            return math.inf * side
        return self.verdict.high if side > 0 else self.verdict.low


class LearnedWatch:
    """How one rule judges by what was learned.

    Args:
        rule: anomalous, or with a threshold that adjusts.
        learner: of the series.
    """

    joint: Final = ", "

    def __init__(self, rule: AlertRule, learner: Learner) -> None:
        self._learner = learner
        self._anomalous = rule.condition is AlertCondition.ANOMALOUS
        self._side = 0 if self._anomalous else -1 if rule.condition is AlertCondition.LESS_THAN else 1
        self._both = rule.adjust is ThresholdKind.BOTH
        self._sigma = rule.adjust is ThresholdKind.SIGMA
        self._early = rule.early
        self._pause_s = min(rule.for_s / _PAUSES, _CALM_S) if rule.for_s else _CALM_S
        learner.early |= rule.early
        self._limit, self._clear_limit = (0.0, 0.0) if self._anomalous else (rule.limit, rule.clear_limit)
        self.look = learner.look

    def is_bad(self, value: float) -> bool:
        """Whether the value starts a breach."""
        return self._judge(value, self._limit, self._pause_s)

    def stays_bad(self, value: float) -> bool:
        """Whether the value keeps a firing alert going."""
        return self._judge(value, self._clear_limit, _CALM_S)

    def threshold(self) -> float:
        """The bound as of now, in the base unit: never laxer than the static one, but where both must be broken."""
        if self._anomalous:
            return math.nan
        learned = self._sigma_bound() if self._sigma else self._learner.bound(self._side)
        stricter = min if (self._side > 0) is not self._both else max
        return float(stricter(self._limit, learned)) if math.isfinite(learned) else self._limit

    def bound(self, value: float | None) -> float | None:
        """The threshold as of now; the static one where the value is beyond it."""
        if self._anomalous:
            return None
        if value is not None and self._beyond(value, self._limit):
            return self._limit
        learned = self.threshold()
        found = self._learner.verdict
        if value is not None and found is not None and not self._beyond(value, learned):
            return found.expected  # it is not how far off it is that is unusual, but when, or for how long
        return learned

    def aside(self, value: float | None, unit: str) -> str:
        """What was learned, where that is what was broken."""
        return "" if value is None or self._beyond(value, self._limit) else self.words(unit)

    def words(self, unit: str) -> str:
        """What was expected, and how rare this is."""
        found = self._learner.verdict
        if found is None or self._sigma:
            return f"the bound is {format_value(self.threshold(), unit)}"
        expected, low, high = (format_value(one, unit) for one in (found.expected, found.low, found.high))
        if not found.abnormal:
            return f"expected {expected} ({low} to {high})"
        return f"expected {expected} ({low} to {high}); {_REASONS.get(found.reason, 'unusual')}, {rarity(found)}"

    def evidence(self, unit: str) -> Evidence | None:
        """The band and the odds; None while nothing is known."""
        found = self._learner.verdict
        if found is None:
            return None
        return Evidence(EVIDENCE, "what was expected, and how rare this is", (
            f"value: {format_value(self._learner.value, unit)}",
            f"expected: {format_value(found.expected, unit)}",
            f"band: {format_value(found.low, unit)} to {format_value(found.high, unit)}",
            f"odds: {rarity(found)} (p {found.p_value:.2g})",
            f"how: {_REASONS.get(found.reason, 'nothing is unusual')}",
            f"learned: {found.phase.value}",
        ))  # fmt: skip

    def _judge(self, value: float, limit: float, pause_s: float) -> bool:
        if self._anomalous:
            return self._learner.is_unusual(early=self._early, pause_s=pause_s)
        if self._sigma:
            return self._beyond(value, self.threshold())
        beyond = self._beyond(value, limit)
        unusual = self._learner.is_unusual(self._side, early=self._early, pause_s=pause_s)
        return beyond and unusual if self._both else beyond or unusual

    def _beyond(self, value: float, limit: float) -> bool:
        return value > limit if self._side > 0 else value < limit

    def _sigma_bound(self) -> float:
        before = self._learner.series.recent(SIGMA_READINGS + 1)[:-1]
        if self._side > 0:
            return dynamic_threshold(math.inf, before) if before else math.inf
        return -dynamic_threshold(math.inf, [-value for value in before]) if before else -math.inf


def rarity(found: AnomalyVerdict) -> str:
    """How often the metric is as unusual by itself, in words."""
    period_s = found.return_period_s
    for size_s, word in ((365 * 86400.0, "years"), (86400.0, "days"), (3600.0, "hours"), (60.0, "minutes")):
        if period_s >= 2 * size_s:
            return f"this rare once per {min(period_s / size_s, 1000):,.0f} {word}"
    return "not rare"
