"""When a metric that fills reaches a limit: from the trend of its floors, with an interval, where that is honest.

What goes up and down like the teeth of a saw (garbage collection, rotated logs, a cache) is judged by its floors: what
stays after each fall. A course of the past is cut into twelve stretches, and the floors of any two stretches that lie
a third of the course apart give a pace. The interval is made of these paces and presumes no distribution: if the metric
goes on as in its slowest third it is there late, as in its fastest early. There is no forecast

- where some third did not rise: a trend that stops now and then is none (noise, steps, bursts, a tooth's fall);
- further ahead than the course is long: what was seen for ten minutes says nothing of the next day;
- up to a level that the metric had held earlier and came back from: so far each day went, and each tooth;
- where the rise slows down so much that it ends below the limit.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import msgspec

from tocsin.model.forecast import Forecast

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tocsin.model.forecast import Course

# How far ahead of a course of length 1 it is looked.
REACH: Final = 1.0
# Of the paces between stretches the slowest and the fastest tenth are left out: one odd stretch is no other pace.
_LEFT_OUT: Final = 0.1
_APART: Final = 4
# The future is never as steady as the past: the interval is wider than the paces say by this share of itself.
MARGIN: Final = 0.1
NEWS: Final = 0.25
# Noise about a level that stands still rises in half of all looks, by little: what rises in its last third by less than
# this share of its pace has come to a stop.
_STILL_RISES: Final = 0.125


def forecast(courses: Iterable[Course], limit: float, now_s: float, present: float) -> Forecast | None:
    """When a series crosses a limit from below.

    Args:
        courses: the same past, looked at over several spans; each that has a trend has a say.
        limit: in the metric's base unit.
        now_s: the present moment, in monotonic seconds.
        present: the last reading.
    Returns: the forecast; None where an honest one cannot be made.
    """
    found = [one for course in courses if (one := _of_course(course, limit, now_s, present)) is not None]
    if not found:
        return None
    found.sort(key=lambda one: one.in_s)
    middle = found[len(found) // 2]
    early_s, late_s = min(one.early_s for one in found), max(one.late_s for one in found)
    return msgspec.structs.replace(middle, early_s=early_s * (1 - MARGIN), late_s=late_s * (1 + MARGIN))


def _of_course(course: Course, limit: float, now_s: float, present: float) -> Forecast | None:
    lows = course.lows
    paces = sorted(
        (later[1] - earlier[1]) / (later[0] - earlier[0])
        for place, later in enumerate(lows)
        for earlier in lows[: max(place - _APART + 1, 0)]
    )
    left_out = int(len(paces) * _LEFT_OUT)
    slow, pace, fast = paces[left_out], _median(paces), paces[-1 - left_out]
    if slow <= 0:
        return None
    line = _median(value + pace * (now_s - at_s) for at_s, value in lows)
    tooth = max(_median(value + pace * (now_s - at_s) for at_s, value in course.highs) - line, 0.0)
    floor = min(line, present)
    if min(floor, lows[-1][1]) < _proven(course.earlier, limit):
        return None
    room = max(limit - floor - tooth, 0.0)
    lately = _lately(lows)
    if lately <= _STILL_RISES * pace:
        return None
    in_s, bent_s, lately_s = room / pace, _bent(lows, room), room / lately
    if in_s > REACH * course.span_s or bent_s == math.inf:
        return None
    return Forecast(
        limit=limit, made_s=now_s, in_s=in_s, early_s=min(room / fast, in_s, bent_s),
        late_s=max(room / slow, in_s, bent_s, lately_s), pace=pace, span_s=course.span_s, tooth=tooth,
    )  # fmt: skip


def _proven(earlier: float, limit: float) -> float:
    """Below this level a rise is nothing new: so far it went before, stopped short of the limit, and came back.

    The next time it may come back from a little higher: by a share of what was left.
    """
    return earlier + NEWS * (limit - earlier) if -math.inf < earlier < limit else -math.inf


def _lately(lows: Sequence[tuple[float, float]]) -> float:
    """The pace of the last third."""
    last = lows[-_APART - 1 :]
    return _median(
        (later[1] - earlier[1]) / (later[0] - earlier[0])
        for place, later in enumerate(last)
        for earlier in last[: max(place - 1, 0)]
    )


def _bent(lows: Sequence[tuple[float, float]], room: float) -> float:
    """Seconds to go if the pace goes on changing as it changed in the course; infinite where the rise ends before.

    The pace of the later half is a share of that of the earlier half; each further half has that share of the one
    before it. The sum of such a rise is finite where the share is less than one.
    """
    third = len(lows) // 3
    first, middle, last = (_middle(part) for part in (lows[:third], lows[third:-third], lows[-third:]))
    before = (middle[1] - first[1]) / (middle[0] - first[0])
    after = (last[1] - middle[1]) / (last[0] - middle[0])
    if after <= 0:
        return math.inf
    if before <= 0:
        return room / after
    # The pace after t seconds is after * exp(-decay * t); its integral is what has risen until then.
    decay = math.log(before / after) / (last[0] - middle[0])
    if abs(decay * room) < 1e-9 * after:
        return room / after
    rest = room * decay / after
    return -math.log1p(-rest) / decay if rest < 1.0 else math.inf


def _middle(part: Sequence[tuple[float, float]]) -> tuple[float, float]:
    return _median(at_s for at_s, _ in part), _median(value for _, value in part)


def _median(values: Iterable[float]) -> float:
    """The middle one, or the mean of the two; `statistics` has it too, and loads fractions and decimals for it."""
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
