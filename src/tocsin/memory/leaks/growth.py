"""Whether the survivors of one site look like a leak: born evenly until now, and not dying.

All is counted in sampled blocks, which come as a Poisson process whatever the program allocates; bursts of the program
make it more than that, which is estimated too. Nothing here remembers, and nothing reads a clock.
"""

from __future__ import annotations

from enum import StrEnum
from math import log, sqrt
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.memory.leaks.cohorts import Cohort, CohortHistory
    from tocsin.memory.leaks.timeline import Timeline

LEAST_SAMPLES: Final = 8  # below, nothing is called a leak
LEAST_SNAPSHOTS: Final = 4
LEAST_S: Final = 10.0 / 1.5
_BINS: Final = 12
_SPLITS: Final = 3
_SPLIT_GAIN: Final = 6.0  # of log likelihood, for two rates instead of one
_SHORT_BEGIN: Final = 0.2  # of the observation: what was loaded in it was a beginning, not the growth
_BURSTY: Final = 2.0
_STOP: Final = 4.5  # births that should have come since the last one: by chance none come in 1 of 100 cases
_LEAST_PLACE: Final = 0.38  # mean place of births in the episode; 0.5 if they are even
_LEAST_RECENCY: Final = 0.5
_SURE: Final = 2.4  # standard deviations that it takes to take a verdict back
_MOST_DYING: Final = 0.5
_FEW_BINS: Final = 3


class Trend(StrEnum):
    """What the survivors of a site do."""

    FEW = "too little is known of how it goes on"
    GROWS = "it grows evenly"
    UNEVEN = "it grows, but not evenly"
    SLOWS = "it grows ever slower"
    STOPPED = "it grows no more"
    DIES = "old ones go as new ones come"


class Growth(msgspec.Struct, frozen=True, kw_only=True):
    """What was found at one site at one time.

    Attributes:
        trend: what it does.
        begin_s: when the present growth began.
        end_s: until when births are counted: younger blocks mostly die.
        samples: settled survivors born between.
        snapshots: taken between.
        recency: births of the last third, by what an even growth has there.
        died: settled blocks that died in the last third.
        born: and those born in it.
        settled_s: the age from which on blocks stay.
    """

    trend: Trend
    begin_s: float
    end_s: float
    samples: int
    snapshots: int
    recency: float = 0.0
    died: float = 0.0
    born: float = 0.0
    settled_s: float = 0.0

    @property
    def length_s(self) -> float:
        """Seconds that it has grown."""
        return max(self.end_s - self.begin_s, 0.0)


def find_growth(history: CohortHistory, timeline: Timeline, *, standing: bool) -> Growth:
    """The present growth of a site.

    Args:
        history: its survivors.
        timeline: the last time in it is now.
        standing: whether it was called a leak already: then it takes evidence to take that back, not to say it.
    """
    now_s = timeline.times[-1]
    settled_s = history.settled_age_s(now_s)
    if settled_s is None:
        return _without_growth(history, Trend.DIES, now_s)
    settled = [cohort for cohort in history.cohorts if now_s - (cohort.begin_s + cohort.end_s) / 2 >= settled_s]
    if not settled:
        return _without_growth(history, Trend.FEW, now_s)
    end_s = max(settled[-1].end_s, now_s - settled_s)
    episode = _episode(settled, end_s)
    figures = _Figures(episode, end_s)
    # A cluster of births that chance made is no rate that could have stopped: all of them together have to say so.
    missing = min(figures.missing, _missing(settled, end_s)) if len(episode) < len(settled) else figures.missing
    snapshots = timeline.snapshots_since(episode[0].begin_s)
    third_s = end_s - figures.length_s / 3
    growth = Growth(
        trend=Trend.FEW,
        begin_s=episode[0].begin_s,
        end_s=end_s,
        samples=round(figures.samples),
        snapshots=snapshots,
        recency=figures.recency,
        born=figures.last_third,
        died=history.died_since(third_s, at_age_s=settled_s),
        settled_s=settled_s,
    )
    return msgspec.structs.replace(growth, trend=_trend(growth, figures, missing=missing, standing=standing))


def _trend(growth: Growth, figures: _Figures, *, missing: float, standing: bool) -> Trend:
    # Many samples are looked at often, so there it takes more to take a verdict back.
    if missing > _STOP + (min(growth.samples / 48, 1.0) if standing else 0.0):
        return Trend.STOPPED
    noise = sqrt(growth.died + _MOST_DYING * growth.born) if standing else 0.0
    if growth.died > _MOST_DYING * growth.born + noise:
        return Trend.DIES
    if _too_few(growth):
        return Trend.FEW
    if growth.length_s < growth.settled_s:
        return Trend.FEW  # what lives that long may still go: it is watched for as long again
    sigmas = _SURE if standing else 0.0
    if figures.place < min(_LEAST_PLACE, 0.5 - sigmas * figures.place_error):
        return Trend.SLOWS
    if figures.recency < _LEAST_RECENCY and figures.third_sigmas >= sigmas:
        return Trend.SLOWS
    if figures.occupied < _FEW_BINS + (growth.snapshots >= _BINS):
        return Trend.UNEVEN
    return Trend.GROWS


def _too_few(growth: Growth) -> bool:
    return (
        growth.samples < LEAST_SAMPLES or growth.snapshots < LEAST_SNAPSHOTS or growth.length_s < LEAST_S * (1 - 1e-9)
    )


def _without_growth(history: CohortHistory, trend: Trend, now_s: float) -> Growth:
    begin_s = history.cohorts[0].begin_s if history.cohorts else now_s
    return Growth(trend=trend, begin_s=begin_s, end_s=now_s, samples=0, snapshots=0)


def _episode(settled: list[Cohort], end_s: float) -> list[Cohort]:
    """The cohorts of the present growth: without what was loaded before it, or came much slower."""
    may_begin = True
    for _ in range(_SPLITS):
        split = _split(settled, end_s, may_begin=may_begin)
        if split is None:
            break
        # One beginning is left out; a growth that has one after the other is slowing.
        begin_s, cut_s = settled[0].begin_s, settled[split].begin_s
        may_begin = may_begin and cut_s - begin_s > _SHORT_BEGIN * (end_s - begin_s)
        settled = settled[split:]
    return settled


def _split(cohorts: Sequence[Cohort], end_s: float, *, may_begin: bool) -> int | None:
    """Where another rate begins that is the one of today; None if one rate explains all."""
    begin_s = cohorts[0].begin_s
    whole_s, total = end_s - begin_s, sum(cohort.even for cohort in cohorts)
    if whole_s <= 0 or total < LEAST_SAMPLES:
        return None
    best, place, before = _SPLIT_GAIN, None, 0.0
    alone = total * log(total / whole_s)
    for at in range(1, len(cohorts)):
        before += cohorts[at - 1].even
        first_s, last_s = cohorts[at].begin_s - begin_s, end_s - cohorts[at].begin_s
        if first_s <= 0 or last_s <= 0 or before == total:
            continue
        slow, fast = before / first_s, (total - before) / last_s
        later_is_faster = fast > 2.0 * slow
        begins = may_begin and slow > 2.0 * fast and first_s <= _SHORT_BEGIN * whole_s
        if not later_is_faster and not begins:
            continue
        gain = before * log(slow) + (total - before) * log(fast) - alone if before else 0.0
        if gain > best:
            best, place = gain, at
    if place is None:
        return None
    cut_s = cohorts[place].begin_s
    # A program that works in bursts has many rates; what was loaded at the beginning is one, and says nothing of today.
    bursts = _dispersion(cohorts[place:], cut_s, end_s)
    if cut_s - begin_s > _SHORT_BEGIN * whole_s:
        bursts = max(bursts, _dispersion(cohorts[:place], begin_s, cut_s))
    return place if best > _SPLIT_GAIN * bursts else None


def _dispersion(cohorts: Sequence[Cohort], begin_s: float, end_s: float) -> float:
    """How much more uneven the births are than chance would have them; 1 if they are not."""
    counts = _by_bin(cohorts, begin_s, end_s)
    mean = sum(counts) / len(counts)
    if mean <= 0:
        return 1.0
    ratio = sum((count - mean) ** 2 for count in counts) / (len(counts) - 1) / mean
    return ratio if ratio > _BURSTY else 1.0


def _by_bin(cohorts: Sequence[Cohort], begin_s: float, end_s: float) -> list[float]:
    per_s = _BINS / max(end_s - begin_s, 1e-9)
    counts = [0.0] * _BINS
    for cohort in cohorts:
        place = int(((cohort.begin_s + cohort.end_s) / 2 - begin_s) * per_s)
        counts[place if place < _BINS else _BINS - 1] += cohort.even
    return counts


class _Figures:
    """How the births of an episode lie in it."""

    def __init__(self, episode: Sequence[Cohort], end_s: float) -> None:
        begin_s = episode[0].begin_s
        self.length_s = max(end_s - begin_s, 1e-9)
        self.samples = sum([cohort.even for cohort in episode])
        counts = _by_bin(episode, begin_s, begin_s + self.length_s)
        self.occupied = sum([count > 0 for count in counts])
        dispersion = _dispersion(episode, begin_s, episode[-1].end_s)
        self.missing = _missing(episode, end_s, dispersion)
        moment = sum([cohort.even * (cohort.begin_s + cohort.end_s) for cohort in episode]) / 2
        self.place = (moment / self.samples - begin_s) / self.length_s
        self.place_error = sqrt(dispersion / 12 / self.samples)
        self.last_third = _share_after(episode, end_s - self.length_s / 3)
        even_third = self.samples / 3
        self.recency = self.last_third / even_third
        # Anscombe (1948): the square root of a Poisson variable has the same deviation everywhere, also near zero.
        self.third_sigmas = 2 * (sqrt(even_third / dispersion) - sqrt(self.last_third / dispersion + 0.375))


def _missing(cohorts: Sequence[Cohort], end_s: float, dispersion: float | None = None) -> float:
    """How many births, or bursts of them, should have come since the last one, at the rate up to it."""
    begin_s, last_s = cohorts[0].begin_s, cohorts[-1].end_s
    if end_s <= last_s:
        return 0.0
    if dispersion is None:
        dispersion = _dispersion(cohorts, begin_s, last_s)
    rate = sum([cohort.even for cohort in cohorts]) / max(last_s - begin_s, 1e-9)
    return (end_s - last_s) * rate / dispersion


def _share_after(cohorts: Sequence[Cohort], after_s: float) -> float:
    """Samples born after a time; of a cohort that it cuts, the share."""
    total = 0.0
    for cohort in reversed(cohorts):
        if cohort.end_s <= after_s:
            break
        width_s = cohort.end_s - cohort.begin_s
        total += cohort.even * (min((cohort.end_s - after_s) / width_s, 1.0) if width_s > 0 else 1.0)
    return total
