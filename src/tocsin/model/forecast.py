"""The forecast: when a metric that fills reaches a limit, and what that is read from."""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from tocsin.model.units import format_value

_UNITS: Final = ((86_400.0, "d"), (3600.0, "h"), (60.0, "m"), (1.0, "s"))


class Course(NamedTuple):
    """How low and how high a series was in equal stretches, up to a moment.

    Attributes:
        span_s: from its beginning to the moment, in seconds.
        lows: time (monotonic seconds) and value of the lowest reading of each stretch, oldest first.
        highs: the same of the highest.
        earlier: the highest level that it held for about a stretch before the course began; minus infinity: none.
    """

    span_s: float
    lows: list[tuple[float, float]]
    highs: list[tuple[float, float]]
    earlier: float


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """When a series crosses a limit if it goes on as it did.

    Attributes:
        limit: in the metric's base unit.
        made_s: the moment it speaks of, in monotonic seconds.
        in_s: seconds from then to the crossing; 0: it is there.
        early_s: at the fastest pace of the course.
        late_s: at the slowest, its slowing down included.
        pace: how much the floors rise a second.
        span_s: how much of the past it is read from, in seconds.
        tooth: how far the series goes up and down about its floors, in the metric's base unit.
    """

    limit: float
    made_s: float
    in_s: float
    early_s: float
    late_s: float
    pace: float
    span_s: float
    tooth: float

    def at(self, now_s: float) -> Forecast:
        """The same crossing, seen a little later."""
        passed_s = max(now_s - self.made_s, 0.0)
        return msgspec.structs.replace(
            self,
            made_s=self.made_s + passed_s,
            in_s=max(self.in_s - passed_s, 0.0),
            early_s=max(self.early_s - passed_s, 0.0),
            late_s=max(self.late_s - passed_s, 0.0),
        )

    def words(self, unit: str) -> str:
        """As in "95 % in 1 h 50 m (1 h 20 m to 2 h 40 m)"."""
        return f"{format_value(self.limit, unit)} {when(self.in_s, self.early_s, self.late_s)}"


def when(in_s: float, early_s: float, late_s: float) -> str:
    """A time to come with its interval: "in 1 h 50 m (1 h 20 m to 2 h 40 m)", or "now"."""
    if late_s <= 0:
        return "now"
    words, early, late = format_time_left(in_s), format_time_left(early_s), format_time_left(late_s)
    return f"in {words}" if early == words == late else f"in {words} ({early} to {late})"


def format_time_left(seconds: float) -> str:
    """A time to come as a person says it, in two units at most: "1 h 50 m", "3 d 4 h", "40 s"."""
    for (size, unit), (finer, small) in zip(_UNITS, (*_UNITS[1:], _UNITS[-1]), strict=True):
        if seconds >= 10 * size or unit == "s":
            return f"{_round(seconds / size)} {unit}"
        if seconds >= size:
            whole, rest = divmod(_round(seconds / finer), _round(size / finer))
            return f"{whole} {unit} {rest} {small}" if rest else f"{whole} {unit}"
    raise AssertionError  # seconds are the last unit


def _round(number: float) -> int:
    return int(number + 0.5)
