"""Where the present growth of a site begins: without what was loaded before it, or came much slower."""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING, Final, NamedTuple

from tocsin.memory.leaks.evenness import LEAST_SAMPLES, burstiness
from tocsin.memory.leaks.slowing import find_slowing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tocsin.memory.leaks.cohorts import Cohort

_SPLITS: Final = 3
_SPLIT_GAIN: Final = 6.0  # of log likelihood, for two rates instead of one
_LAW_GAIN: Final = 2.0  # of it, for a load and a rate instead of a law that slows, which has fewer numbers to choose
_SHORT_BEGIN: Final = 0.2  # of the observation: what was loaded in it was a beginning, not the growth
_MUCH: Final = 2.0


class Episode(NamedTuple):
    """Births that belong together.

    Attributes:
        begin_s: since when there might have been some.
        cohorts: oldest first.
    """

    begin_s: float
    cohorts: Sequence[Cohort]


class _Cut(NamedTuple):
    at: int  # the first cohort of the later part
    cut_s: float
    gain: float
    is_load: bool  # what is cut off came faster than what comes now


def present_episode(settled: Sequence[Cohort], end_s: float) -> Episode:
    """The births of today's growth.

    Args:
        settled: survivors by birth, at least one cohort.
        end_s: until when they are counted.
    """
    episode = Episode(settled[0].begin_s, settled)
    may_begin = True
    for _ in range(_SPLITS):
        cut = _cut(episode, end_s, may_begin=may_begin)
        if cut is None:
            break
        # One beginning is left out; a growth that has one after the other is slowing.
        may_begin = may_begin and not _is_short(episode, cut.cut_s, end_s)
        episode = Episode(cut.cut_s, episode.cohorts[cut.at :])
    return episode


def _cut(episode: Episode, end_s: float, *, may_begin: bool) -> _Cut | None:
    """Where another rate begins that is the one of today; None if one rate explains all."""
    begin_s, cohorts = episode
    if end_s <= begin_s or sum(cohort.even for cohort in cohorts) < LEAST_SAMPLES:
        return None
    best = max(_cuts(episode, end_s, may_begin=may_begin), key=lambda cut: cut.gain, default=None)
    if best is None or best.gain <= _SPLIT_GAIN:
        return None
    # A program that works in bursts has many rates; what was loaded at the beginning is one, and says nothing of today.
    bursts = burstiness(cohorts[best.at :], best.cut_s, end_s)
    if not _is_short(episode, best.cut_s, end_s):
        bursts = max(bursts, burstiness(cohorts[: best.at], begin_s, best.cut_s))
    if best.gain <= _SPLIT_GAIN * bursts:
        return None
    # What comes fast at first and then slowly may be a load before a leak, or all of it a cache that fills.
    if best.is_load and best.gain < find_slowing(cohorts, begin_s, end_s).gain + _LAW_GAIN * bursts:
        return None
    return best


def _cuts(episode: Episode, end_s: float, *, may_begin: bool) -> Iterator[_Cut]:
    """Each place where the rate becomes another, with what two rates explain better than one."""
    begin_s, cohorts = episode
    total = sum(cohort.even for cohort in cohorts)
    alone = total * log(total / (end_s - begin_s))
    before = 0.0
    for at in range(1, len(cohorts)):
        before += cohorts[at - 1].even
        later = total - before
        # Nothing came in a gap between two cohorts: it belongs to the slower side.
        for cut_s, is_load in ((cohorts[at].begin_s, False), (cohorts[at - 1].end_s, True)):
            if not begin_s < cut_s < end_s or later <= 0:
                continue
            first, last = before / (cut_s - begin_s), later / (end_s - cut_s)
            if is_load:
                fits = may_begin and first > _MUCH * last and _is_short(episode, cut_s, end_s)
            else:
                fits = last > _MUCH * first and later >= LEAST_SAMPLES  # fewer may be a cluster that chance made
            if fits:
                gain = (before * log(first) if before else 0.0) + later * log(last) - alone
                yield _Cut(at, cut_s, gain, is_load)


def _is_short(episode: Episode, cut_s: float, end_s: float) -> bool:
    return cut_s - episode.begin_s <= _SHORT_BEGIN * (end_s - episode.begin_s)
