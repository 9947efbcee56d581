"""What every ordinary reading teaches, and what follows from it for the next: season, least spread, standing band."""

# ruff: noqa: FURB136, PLR1730 - a call of min or max costs more than two comparisons, and this runs at each reading

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tocsin.rules.detectors.season import DAY_S, HELPS

if TYPE_CHECKING:
    from tocsin.rules.detectors.course import Course
    from tocsin.rules.detectors.gauge import Gauge
    from tocsin.rules.detectors.state import State

SMALLEST: Final = 1e-300  # no spread is less
_DAY_KNOWN_S: Final = 1.02 * DAY_S
_WEEK_KNOWN_S: Final = 13 * DAY_S  # since the day is known
_SEASON_SPREAD_S: Final = 7 * DAY_S
_LONG_S: Final = 14 * DAY_S


def learn(s: State, x: float, at_s: float, of_day: float | None, rate: float) -> None:
    """Outside of episodes the slow means, the places and the season follow, too."""
    course, interval_s = s.course, s.interval_s
    weight = course.long_weight + 1.0
    if weight * interval_s > _LONG_S:
        weight = _LONG_S / interval_s if interval_s < _LONG_S else 1.0
    course.long_weight = weight
    s.places.learn(x - course.long, s.fars.spread + SMALLEST)
    course.settle(x, rate, 1.0 / weight)
    if of_day is not None and s.now_s > _DAY_KNOWN_S:  # from the second day on: how far readings lie from the season
        s.season_readings = n = s.season_readings + 1
        seasons = s.seasons
        if n == 1:
            s.season_since_s = s.now_s
            seasons.restart(s.now_s)
        elif not s.knows_week and s.now_s - s.season_since_s > _WEEK_KNOWN_S:
            s.knows_week = True
            seasons.restart(s.now_s)
        rate, least = interval_s / _SEASON_SPREAD_S, 1.0 / n
        if rate < least:
            rate = least
        off, spread = x - of_day, seasons.spread
        seasons.spread = spread + ((off if off > 0.0 else -off) - spread) * rate
    s.season.learn(x, at_s, course.long)


def usual_of(s: State, of_day: float | None) -> float | None:
    """What the time of the day, and of the week, is wont to bring, where that explains the metric."""
    if of_day is None or not s.season_readings or s.now_s - s.season_since_s <= DAY_S:
        return None
    season = s.season
    return of_day if season.off_profile < HELPS * season.off_mean else None


def least_spread(course: Course, fars: Gauge, nears: Gauge) -> float:
    """No spread counts as less: a part of the usual one, of the resolution, and of the metric's size.

    The usual one is that about the long mean. This takes days to arrive at a level that was adopted, and its spread is
    the way that is left: so the part is no larger than a quarter of the spread about where the metric stands.
    """
    least, size = 0.02 * fars.spread, 0.25 * nears.spread
    if least > size:
        least = size
    size = 0.5 * course.step or SMALLEST
    if least < size:
        least = size
    size = 1e-4 * course.long
    if size < 0.0:
        size = -size
    return least if least > size else size


def standing(s: State, usual: float | None, least: float) -> tuple[float, float, float]:
    """What is expected while something unusual goes on, and below and above what a reading is still that.

    The means of few readings follow what is unusual, and would soon promise it. So they are left out: what counts is
    the time of day, all that is known, and where the metric stood before; of these what agrees with those named first.
    """
    course = s.course
    ways = [(course.long, s.fars), (course.slow, s.nears)]
    if usual is not None:
        ways.insert(0, (usual, s.seasons))
    low, high = _reach(*ways[0], least)
    for centre, gauge in ways[1:]:
        least_of, most_of = _reach(centre, gauge, least)
        lowest, highest = max(low, least_of), min(high, most_of)
        if lowest <= highest:
            low, high = lowest, highest
    return min(max(course.slow if usual is None else usual, low), high), low, high


def _reach(centre: float, gauge: Gauge, least: float) -> tuple[float, float]:
    """How far about its centre a gauge is quiet."""
    spread = max(gauge.spread, least)
    return centre - gauge.down.level * spread, centre + gauge.up.level * spread
