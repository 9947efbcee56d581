"""Whether the survivors of one site look like a leak: born evenly until now, and not dying.

Until something speaks against it, what comes and stays is taken to come evenly: chance makes twelve births lie early in
one of ten cases, and a leak should not have to wait for that to even out. Nothing here remembers, and nothing reads a
clock.
"""

from __future__ import annotations

from enum import StrEnum
from math import sqrt
from typing import TYPE_CHECKING, Final

import msgspec

from tocsin.memory.leaks.episodes import present_episode
from tocsin.memory.leaks.evenness import BINS, LEAST_SAMPLES, burstiness, by_bin, missing, share_after
from tocsin.memory.leaks.slowing import find_slowing

if TYPE_CHECKING:
    from tocsin.memory.leaks.cohorts import CohortHistory
    from tocsin.memory.leaks.episodes import Episode
    from tocsin.memory.leaks.timeline import Timeline

LEAST_SNAPSHOTS: Final = 4
LEAST_S: Final = 10.0 / 1.5
_STOP: Final = 4.5  # births that should have come since the last one: by chance none come in 1 of 100 cases
_LEAST_PLACE: Final = 0.38  # mean place of births in the episode; 0.5 if they are even
_LEAST_RECENCY: Final = 0.5
_SURE: Final = 2.4  # standard deviations that it takes to say that it is not even
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
        young: how many survivors there should be among the younger blocks, of which nobody can tell which they are.
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
    young: float = 0.0

    @property
    def length_s(self) -> float:
        """Seconds that it has grown."""
        return max(self.end_s - self.begin_s, 0.0)


def find_growth(history: CohortHistory, timeline: Timeline, *, standing: bool, over: bool = False) -> Growth:
    """The present growth of a site.

    Args:
        history: its survivors.
        timeline: the last time in it is now.
        standing: whether it was called a leak already: then it takes more evidence to say that it ends.
        over: whether it was called one and has ended: then it has to be even by all appearances, chance or not.
    """
    now_s = timeline.times[-1]
    settled_s = history.settled_age_s(now_s)
    if settled_s is None:
        return _without_growth(history, Trend.DIES, now_s)
    settled = [cohort for cohort in history.cohorts if now_s - (cohort.begin_s + cohort.end_s) / 2 >= settled_s]
    if not settled:
        return _without_growth(history, Trend.FEW, now_s)
    end_s = max(settled[-1].end_s, now_s - settled_s)
    episode = present_episode(settled, end_s)
    figures = _Figures(episode, end_s)
    # A cluster of births that chance made is no rate that could have stopped: all of them together have to say so.
    if len(episode.cohorts) < len(settled):
        figures.missing = min(figures.missing, missing(settled, settled[0].begin_s, end_s))
    third_s = end_s - figures.length_s / 3
    growth = Growth(
        trend=Trend.FEW,
        begin_s=episode.begin_s,
        end_s=end_s,
        samples=round(figures.samples),
        snapshots=timeline.snapshots_since(episode.begin_s),
        recency=figures.recency,
        born=figures.last_third,
        died=history.died_since(third_s, at_age_s=settled_s),
        settled_s=settled_s,
        young=figures.samples / figures.length_s * (now_s - end_s),
    )
    return msgspec.structs.replace(growth, trend=_trend(growth, figures, standing=standing, over=over))


def _trend(growth: Growth, figures: _Figures, *, standing: bool, over: bool) -> Trend:
    # Many samples are looked at often, so there it takes more to take a verdict back.
    if figures.missing > _STOP + (min(growth.samples / 48, 1.0) if standing else 0.0):
        return Trend.STOPPED
    noise = sqrt(growth.died + _MOST_DYING * growth.born) if standing else 0.0
    if growth.died > _MOST_DYING * growth.born + noise:
        return Trend.DIES
    if _too_few(growth):
        return Trend.FEW
    if growth.length_s < growth.settled_s:
        return Trend.FEW  # what lives that long may still go: it is watched for as long again
    sigmas = 0.0 if over else _SURE
    if figures.place < _LEAST_PLACE and figures.slowing_sigmas() >= sigmas:
        return Trend.SLOWS
    if figures.recency < _LEAST_RECENCY and figures.third_sigmas >= sigmas:
        return Trend.SLOWS
    if figures.occupied < _FEW_BINS + (growth.snapshots >= BINS):
        return Trend.UNEVEN
    return Trend.GROWS


def _too_few(growth: Growth) -> bool:
    return (
        growth.samples < LEAST_SAMPLES or growth.snapshots < LEAST_SNAPSHOTS or growth.length_s < LEAST_S * (1 - 1e-9)
    )


def _without_growth(history: CohortHistory, trend: Trend, now_s: float) -> Growth:
    begin_s = history.cohorts[0].begin_s if history.cohorts else now_s
    return Growth(trend=trend, begin_s=begin_s, end_s=now_s, samples=0, snapshots=0)


class _Figures:
    """How the births of an episode lie in it."""

    def __init__(self, episode: Episode, end_s: float) -> None:
        begin_s, cohorts = episode
        self._episode, self._end_s = episode, end_s
        self.length_s = max(end_s - begin_s, 1e-9)
        self.samples = sum([cohort.even for cohort in cohorts])
        self.occupied = sum([count > 0 for count in by_bin(cohorts, begin_s, end_s)])
        self.missing = missing(cohorts, begin_s, end_s)
        moment = sum([cohort.even * (cohort.begin_s + cohort.end_s) for cohort in cohorts]) / 2
        self.place = (moment / self.samples - begin_s) / self.length_s
        self.last_third = share_after(cohorts, end_s - self.length_s / 3)
        even_third = self.samples / 3
        self.recency = self.last_third / even_third
        bursts = burstiness(cohorts, begin_s, cohorts[-1].end_s)
        # Anscombe (1948): the square root of a Poisson variable has the same deviation everywhere, also near zero.
        self.third_sigmas = 2 * (sqrt(even_third / bursts) - sqrt(self.last_third / bursts + 0.375))

    def slowing_sigmas(self) -> float:
        """How surely the growth slows, in standard deviations."""
        return find_slowing(self._episode.cohorts, self._episode.begin_s, self._end_s).sigmas
