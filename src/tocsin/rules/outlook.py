"""What lies ahead of the series that fill: the judgement of rules that forecast, and the proof that others carry."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Protocol

from tocsin.model.alert import Evidence
from tocsin.model.forecast import Forecast, format_time_left
from tocsin.model.levels import AlertCondition
from tocsin.model.metrics import describe
from tocsin.model.units import RATIO, format_value
from tocsin.rules.forecast import forecast

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tocsin.model.forecast import Course
    from tocsin.model.readings import SeriesKey
    from tocsin.rules.book import CompiledRule, RuleBook

EVIDENCE: Final = "forecast"
# The look-back of forecasts that no rule asked for: alerts on these metrics say when the next limit is reached.
USUAL_S: Final = 4 * 3600.0
FILLS: Final = frozenset({
    "container.memory.utilization", "process.memory.utilization", "process.open_file_descriptor.utilization",
    "system.filesystem.inodes.utilization", "system.filesystem.utilization", "system.memory.utilization",
    "tocsin.buffer.utilization",
})  # fmt: skip
# What grows fills this: the first of them that has a trend.
_MEMORY: Final = ("process.memory.utilization", "container.memory.utilization")
_FILLED_BY: Final = {
    "process.memory.usage": _MEMORY,
    "tocsin.memory.growth.rate": _MEMORY,
    "tocsin.memory.leak.count": _MEMORY,
    "tocsin.memory.leak.rate": _MEMORY,
}
# What a process holds ends with it: the next one begins at the bottom, and the fill of the one before is none of its.
_OF_THE_PROCESS: Final = ("process.", "tocsin.", "cpython.")
# A ringing alert goes on while the middle of the forecast lies within this many horizons.
_STAYS: Final = 1.25


class Record(Protocol):
    """What is remembered of a series over hours."""

    @property
    def version(self) -> int:
        """Grows whenever a forecast may come out otherwise."""
        ...

    def value(self, now_s: float) -> float:
        """The last reading."""
        ...

    def is_known(self) -> bool:
        """Whether it reaches back far enough for any forecast."""
        ...

    def extent(self) -> tuple[float, float]:
        """The lowest and the highest of about the look-back."""
        ...

    def courses(self) -> Iterable[Course]:
        """The past over several spans."""
        ...

    def to_builtins(self) -> dict[str, Any]:
        """All of it, as plain lists and numbers."""
        ...

    def go_on(self, kept: dict[str, Any], ahead_s: float) -> None:
        """Go on with what another process saw, whose monotonic clock is so far ahead. Raises: ValueError."""
        ...


class Recorded(Protocol):
    """A series that can be remembered over hours."""

    @property
    def key(self) -> SeriesKey:
        """Metric and labels."""
        ...

    def envelope(self, look_back_s: float) -> Record:
        """Its record of that look-back, kept from now on."""
        ...


def look_ahead(record: Record, limit: float, now_s: float) -> Forecast | None:
    """When a series crosses a limit; None where no honest forecast can be made.

    Nearly free for a series that could not get there: it must have risen about as far as there is still to rise.
    """
    present, (low, high) = record.value(now_s), record.extent()
    if not present - low >= 0.5 * (limit - max(high, present)):
        return None
    return forecast(record.courses(), limit, now_s, present)


class Outlook:
    """One rule of the kind `will_exceed` on one series. It judges anew whenever its record has something new.

    Args:
        record: of the series, with a look-back of the rule's horizon.
        limit: that is not to be crossed, in the metric's base unit.
        clear_limit: by which a ringing alert is judged.
        horizon_s: the rule rings when even the late end of the interval lies within this time.

    Attributes:
        found: the last forecast there was; None before the first.
    """

    joint: Final = " and reaches "
    __slots__ = ("_clear_limit", "_horizon_s", "_is_bad", "_is_foreseen", "_is_known", "_limit", "_now_s", "_present",
                 "_record", "_stays_bad", "_version", "found")  # fmt: skip

    def __init__(self, record: Record, limit: float, clear_limit: float, horizon_s: float) -> None:
        self.found: Forecast | None = None
        self._record = record
        self._limit, self._clear_limit, self._horizon_s = limit, clear_limit, horizon_s
        self._version = -1
        self._is_known = False
        self._now_s = self._present = 0.0
        self._is_bad = self._is_foreseen = False
        self._stays_bad: bool | None = None

    def look(self, now_s: float) -> float:
        """The present reading; not a number while too little of the past is known for a verdict."""
        record, self._now_s = self._record, now_s
        self._present = record.value(now_s)
        if record.version != self._version:
            self._judge(now_s)
        return self._present if self._is_known else float("nan")

    def is_bad(self, value: float) -> bool:  # noqa: ARG002 - as every condition; the past decides here
        """Whether it crosses the limit within the horizon, even at its slowest."""
        return self._is_bad

    def stays_bad(self, value: float) -> bool:
        """Whether it is beyond the clear limit already, or still on its way there."""
        if value >= self._clear_limit:
            return True
        if self._stays_bad is None:
            found = look_ahead(self._record, self._clear_limit, self._now_s)
            self._stays_bad = found is not None and found.in_s <= _STAYS * self._horizon_s
        return self._is_bad or self._stays_bad

    def evidence(self, unit: str) -> None:
        """The proof is made by `Foresight`, for all alerts that go up."""

    def aside(self, value: float | None, unit: str) -> str:  # noqa: ARG002 - as of what is learned
        """Nothing: a message of its own names the forecast."""
        return ""

    def bound(self, value: float | None) -> float:  # noqa: ARG002 - as of what is learned
        """The limit."""
        return self._limit

    def words(self, unit: str) -> str:
        """The forecast as of now: "95 % in 1 h 50 m (1 h 20 m to 2 h 40 m)"; before the first one the limit alone."""
        limit = format_value(self._limit, unit)
        if self._present >= self._limit:
            return f"{limit} now"
        if self.found is None:
            return limit
        # The last forecast there was would count down to "in 0 s", and stay there.
        return self.found.at(self._now_s).words(unit) if self._is_foreseen else f"{limit} no longer, as it goes now"

    def _judge(self, now_s: float) -> None:
        self._version = self._record.version
        self._is_known = self._is_known or self._record.is_known()
        self._stays_bad = None
        found = look_ahead(self._record, self._limit, now_s)
        self.found, self._is_foreseen = found or self.found, found is not None
        self._is_bad = found is not None and found.late_s <= self._horizon_s


class Foresight:
    """The outlooks of an engine's series.

    Args:
        rules: in force; the next limit of a series is taken from them.
    """

    def __init__(self, rules: RuleBook) -> None:
        self._rules = rules
        self._records: dict[str, list[tuple[SeriesKey, Record]]] = {}
        self._lasting: dict[str, Record] = {}
        self._left: dict[str, dict[str, Any]] = {}  # what another process had recorded, until its series come
        self._ahead_s = 0.0

    def keep(self) -> dict[str, dict[str, Any]]:
        """The records of what outlives the process, for a later one; some 16 KiB each."""
        return {name: record.to_builtins() for name, record in self._lasting.items()}

    def restore(self, kept: dict[str, dict[str, Any]], ahead_s: float) -> None:
        """Go on with what another process had recorded; each series takes its part when it comes.

        Args:
            kept: as `keep` gave it.
            ahead_s: how far the monotonic clock of that process is ahead of ours, in seconds.
        """
        self._left, self._ahead_s = kept, ahead_s

    def take_up(self, compiled: CompiledRule, series: Recorded) -> Outlook | None:
        """A rule begins to watch a series: its outlook, if it is one that forecasts."""
        rule, key = compiled.rule, series.key
        if rule.condition is AlertCondition.WILL_EXCEED:
            horizon_s = rule.horizon_s or USUAL_S
            record = self._record(series, horizon_s)
            self._keep(key, record)
            return Outlook(record, compiled.limit, compiled.clear_limit, horizon_s)
        if key.metric in FILLS:
            self._keep(key, self._record(series, USUAL_S))
        return None

    def _record(self, series: Recorded, look_back_s: float) -> Record:
        """The record of a series, which goes on where that of the process before ended."""
        record, name = series.envelope(look_back_s), f"{series.key}|{look_back_s:g}"
        if series.key.metric.startswith(_OF_THE_PROCESS) or self._lasting.get(name) is record:
            return record
        self._lasting[name] = record
        left = self._left.pop(name, None)
        if left is not None:
            with suppress(ValueError):  # of another version: it is recorded anew
                record.go_on(left, self._ahead_s)
        return record

    def evidence(self, key: SeriesKey, limit: float | None, now_s: float) -> Evidence | None:
        """When what an alert speaks of reaches a limit; None where no honest forecast can be made.

        Args:
            key: the series of the alert.
            limit: in its base unit; None: the next one that is above the present reading.
            now_s: monotonic seconds.
        """
        lines: list[str] = []
        for metric in (key.metric, *_FILLED_BY.get(key.metric, ())):
            for other, record in self._records.get(metric, ()):
                if metric != key.metric or other == key:
                    ahead = self._next_limit(other, record.value(now_s)) if limit is None else limit
                    lines += _lines(other, record, ahead, now_s, named=metric != key.metric)
            if lines:
                return Evidence(EVIDENCE, "what lies ahead, if it goes on like this", tuple(lines))
        return None

    def _keep(self, key: SeriesKey, record: Record) -> None:
        """Remember a record for the proofs of all alerts; of one series the longest look-back that came first."""
        known = self._records.setdefault(key.metric, [])
        if all(other != key for other, _ in known):
            known.append((key, record))

    def _next_limit(self, key: SeriesKey, present: float) -> float | None:
        """The nearest threshold above the present reading; of a share it is the whole where there is none."""
        above = {AlertCondition.GREATER_THAN, AlertCondition.WILL_EXCEED}
        limits = [
            compiled.limit
            for compiled in self._rules.for_series(key)
            if compiled.enabled and compiled.rule.condition in above and compiled.rule.unit == describe(key.metric).unit
        ]
        ahead = [limit for limit in limits if limit > present]
        whole = 1.0 if describe(key.metric).unit == RATIO and present < 1.0 else None
        return min(ahead) if ahead else whole


def _lines(key: SeriesKey, record: Record, limit: float | None, now_s: float, *, named: bool) -> list[str]:
    """The forecast in words, and what it is read from; nothing where there is none."""
    found = None if limit is None else look_ahead(record, limit, now_s)
    if found is None:
        return []
    unit = describe(key.metric).unit
    subject = str(key) if named else "it"
    lines = [f"at this pace {subject} reaches {found.words(unit)}"]
    if unit == RATIO:
        pace = f"{found.pace * 360_000:.2g} points an hour"
    else:
        pace = f"{format_value(found.pace * 3600, unit)} an hour"
    lines.append(f"the floors of the last {format_time_left(found.span_s)} rise by {pace}")
    if found.tooth > 0.1 * found.pace * found.span_s:
        teeth = format_value(found.tooth, unit)
        lines.append(f"it goes up and down by {teeth} about them; the forecast is of its peaks")
    return lines
