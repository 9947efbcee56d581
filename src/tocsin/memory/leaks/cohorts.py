"""What is remembered of one site: its survivors by the time of their birth, and who died since."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

from tocsin.memory.leaks.lifetable import LifeTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tocsin.memory.leaks.timeline import Timeline
    from tocsin.model.memory import Births

_MOST_STEPS: Final = 64
_SETTLED_SHARE: Final = 0.75


class Cohort(NamedTuple):
    """Survivors born in one interval.

    Attributes:
        begin_s: of the interval.
        end_s: of it.
        samples: sampled blocks.
        live_bytes: that they stand for.
        even: how many of the samples there were if all had been taken at the widest distance.
    """

    begin_s: float
    end_s: float
    samples: int
    live_bytes: float
    even: float


class Deaths(NamedTuple):
    """Blocks of one cohort that went between two snapshots."""

    at_s: float
    age_s: float
    blocks: float


class CohortHistory:
    """The cohorts of one site over time; bounded, however long the program runs."""

    __slots__ = ("_counts", "_has_died", "_seen_s", "cohorts", "deaths", "samples", "table")

    def __init__(self) -> None:
        self._counts: dict[float, int] = {}
        self._seen_s: float | None = None
        self._has_died = False
        self.cohorts: list[Cohort] = []
        self.deaths: deque[Deaths] = deque(maxlen=4 * _MOST_STEPS)
        self.table = LifeTable()
        self.samples = 0

    def merge(self, dropped_s: float, into_s: float) -> None:
        """A mark of the timeline went: what it ended belongs to the next cohort."""
        counts = self._counts
        if dropped_s in counts:
            counts[into_s] = counts.get(into_s, 0) + counts.pop(dropped_s)

    def observe(self, births: Iterable[Births], timeline: Timeline, *, marks: dict[float, float], trust: bool) -> None:
        """The survivors of now.

        Args:
            births: of all stacks of the site.
            timeline: the last time in it is now.
            marks: the end of a birth interval to its mark; filled here, and shared by all sites of one snapshot.
            trust: whether what is missing has died; not so where samples were thinned out or stacks changed sites.
        """
        counts: dict[float, int] = {}
        sizes: dict[float, float] = {}
        for birth in births:
            mark_s = marks.get(birth.to_s)
            if mark_s is None:
                mark_s = marks[birth.to_s] = timeline.mark_of(birth.to_s)
            counts[mark_s] = counts.get(mark_s, 0) + birth.samples
            sizes[mark_s] = sizes.get(mark_s, 0.0) + birth.live_bytes
        self._age(counts, timeline, trust=trust)
        widest = 0.0 if timeline.is_even else timeline.widest_interval(counts)
        cohorts, begin_s = [], timeline.times[0]
        for mark_s in timeline.times:
            samples = counts.get(mark_s)
            if samples:
                size = sizes[mark_s]
                even = min(samples, size / widest) if widest else float(samples)
                cohorts.append(Cohort(begin_s, mark_s, samples, size, even))
            begin_s = mark_s
        self.cohorts = cohorts
        self._counts, self._seen_s = counts, timeline.times[-1]
        self.samples = sum(counts.values())

    @property
    def begin_s(self) -> float:
        """When the oldest survivor was born, at the earliest; 0 without one."""
        return self.cohorts[0].begin_s if self.cohorts else 0.0

    @property
    def end_s(self) -> float:
        """When the youngest was born, at the latest; 0 without one."""
        return self.cohorts[-1].end_s if self.cohorts else 0.0

    def _age(self, counts: Mapping[float, int], timeline: Timeline, *, trust: bool) -> None:
        """Those who were there grow older, or die; those who came are entered."""
        gone = _deaths(self._counts, counts) if trust else {}
        if not self._has_died and not gone:
            return  # nothing to tell ages apart by; made up for at the first death
        now_s, seen_s, table = timeline.times[-1], self._seen_s or timeline.times[-1], self.table
        middle_s = (seen_s + now_s) / 2
        for mark_s, before in self._counts.items():
            begin_s = timeline.begin_of(mark_s)
            born_s = (begin_s + mark_s) / 2
            if not self._has_died:
                table.enter(mark_s - born_s, before)
                table.step(mark_s - born_s, seen_s - born_s, survivors=before, deaths=0)
            deaths = gone.get(mark_s, 0)
            survivors = before - deaths if trust else counts.get(mark_s, 0)
            table.step(seen_s - born_s, now_s - born_s, survivors=survivors, deaths=deaths)
            if deaths:
                self.deaths.append(Deaths(now_s, middle_s - born_s, deaths))
        self._has_died = True
        for mark_s, samples in counts.items():
            if mark_s > seen_s:
                table.enter(now_s - (timeline.begin_of(mark_s) + mark_s) / 2, samples)

    def settled_age_s(self, now_s: float) -> float | None:
        """The age from which on its blocks have so far stayed, in seconds; None if there is none."""
        alive = ((now_s - (cohort.begin_s + cohort.end_s) / 2, cohort.samples) for cohort in self.cohorts)
        return self.table.settled_age_s(alive, share=_SETTLED_SHARE)

    def died_since(self, since_s: float, *, at_age_s: float) -> float:
        """How many blocks have died after a time, of those who were at least that old."""
        return sum(death.blocks for death in self.deaths if death.at_s > since_s and death.age_s >= at_age_s)


def _deaths(before: Mapping[float, int], now: Mapping[float, int]) -> dict[float, int]:
    """How many of each cohort are missing.

    An old interval may have become coarser since: what a cohort lost is then found in a later one, and has not died.
    """
    gone: dict[float, int] = {}
    moved = 0
    for mark_s in sorted(before, reverse=True):
        missing = before[mark_s] - now.get(mark_s, 0) + moved
        moved = min(missing, 0)
        if missing > 0:
            gone[mark_s] = missing
    return gone
