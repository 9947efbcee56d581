"""From what is thought of each group to the sites that a person reads."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from tocsin.memory.leaks.evenness import LEAST_SAMPLES
from tocsin.memory.leaks.rates import HOUR_S, MB, Rate, leak_rate
from tocsin.memory.leaks.sites import Group, Key, Level, function_key, is_function
from tocsin.memory.leaks.wording import native_reason, reason
from tocsin.model.memory import Frame, HeapSnapshot, LeakAnalysis, LeakSite, LeakState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tocsin.memory.components import Components
    from tocsin.memory.leaks.cohorts import Cohort, CohortHistory
    from tocsin.memory.leaks.native import NativeGrowth
    from tocsin.memory.leaks.timeline import Timeline

NATIVE_KEY = "native"
_RANK = (LeakState.CONFIRMED, LeakState.SUSPECTED, LeakState.WATCH, LeakState.BOUNDED, LeakState.RESOLVED)
_MOSTLY = 0.5
_TWICE = 2


class Retained(NamedTuple):
    """What was found to hold the survivors of a site.

    Attributes:
        chain: nearest first.
        bounded_by: the bound of a container among it; empty if it has none.
        samples: survivors at that time: when there are twice as many, the bound is not believed any more.
    """

    chain: tuple[str, ...]
    bounded_by: str
    samples: int

    def bounds(self, samples: int) -> bool:
        """Whether a site of so many survivors is bounded by what was found."""
        return bool(self.bounded_by) and samples < _TWICE * max(self.samples, 1)


class Reporter:
    """Makes an analysis of what is known.

    Args:
        limit_bytes: the memory that the process may use.
        components: names the part of the program.
    """

    def __init__(self, limit_bytes: float | None, components: Components) -> None:
        self._limit_bytes = limit_bytes
        self._components = components
        self._known: dict[str, str] = {}

    def analysis(
        self,
        tracked: Mapping[Group, CohortHistory],
        native: NativeGrowth,
        timeline: Timeline,
        *,
        last: HeapSnapshot | None,
        now_s: float | None,
        retained: Mapping[str, Retained],
    ) -> LeakAnalysis:
        """All sites, those that are confirmed, and their growth together."""
        if last is None:
            return LeakAnalysis(at_s=now_s, remarks=("nothing was observed yet",))
        sites = [self._site(groups, timeline, last, retained) for groups in _by_site(tracked)]
        if native.state is not None:
            sites.append(self._native(native, last))
        sites.sort(key=lambda site: (_RANK.index(site.state), -(site.rate_mb_per_hour or 0.0)))
        leaks = tuple(site for site in sites if site.state is LeakState.CONFIRMED)
        rate, low, high = _together(leaks)
        return LeakAnalysis(
            potential_leaks=leaks,
            growth_rate_mb_per_hour=rate,
            growth_low=low,
            growth_high=high,
            component=leaks[0].component if leaks else "",
            sites=tuple(sites),
            at_s=now_s,
            observed_s=timeline.observed_s,
            snapshots=timeline.snapshots,
            tier=last.tier,
            remarks=last.remarks,
        )

    def _site(
        self, groups: list[Group], timeline: Timeline, last: HeapSnapshot, retained: Mapping[str, Retained]
    ) -> LeakSite:
        leading = _leading(groups)
        growth, history, now_s = leading.growth, leading.history, timeline.times[-1]
        assert growth is not None  # noqa: S101 - whatever has a state was judged
        assert history is not None  # noqa: S101 - and only what has a history is
        accused = [group for group in groups if group.standing.state is leading.standing.state]
        rate = _sum(
            leak_rate(one.history.cohorts, one.growth.begin_s, one.growth.end_s)
            for one in accused
            if one.history and one.growth
        )
        stacks = sorted((s for one in accused for s in one.stacks() if s.samples), key=lambda stack: -stack.live_bytes)
        cohorts = sorted(cohort for one in accused if one.history for cohort in one.history.cohorts)
        frame = _named(leading)
        key = ":".join(_site_key(leading))
        held = retained.get(key)
        frames = stacks[0].frames if stacks else ()
        site = LeakSite(
            file=frame.file if frame else "",
            line=frame.line if frame else 0,
            function=frame.function if frame else "",
            stack=frames,
            component=self._component(key, frames),
            live_bytes=sum(stack.live_bytes for stack in stacks),
            samples=sum(stack.samples for stack in stacks),
            rate_mb_per_hour=rate.per_s * HOUR_S / MB if rate else None,
            rate_low=rate.low * HOUR_S / MB if rate else None,
            rate_high=rate.high * HOUR_S / MB if rate else None,
            survivor_age_s=_median_age(cohorts, now_s),
            state=leading.standing.state or LeakState.WATCH,
            retained_by=held.chain if held else (),
            bounded_by=held.bounded_by if held else "",
            seconds_to_limit=self._until_limit(rate, last),
            old_share=_old_share(cohorts, now_s - timeline.observed_s / 2),
            growth_share=_growth_share(cohorts, growth.begin_s, timeline, last),
            observed_s=timeline.observed_s,
            key=key,
            stack_numbers=tuple(stack.number for stack in stacks),
        )
        state = _stated(site, held)
        site = msgspec.structs.replace(site, state=state)
        return msgspec.structs.replace(site, reason=reason(site, growth))

    def _component(self, key: str, frames: tuple[Frame, ...]) -> str:
        """The component of a site, which is asked for once."""
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._components.of(frames)
        return known

    def _native(self, native: NativeGrowth, last: HeapSnapshot) -> LeakSite:
        rate = native.rate
        site = LeakSite(
            kind="native",
            live_bytes=max(native.rise, 0.0),
            rate_mb_per_hour=rate.per_s * HOUR_S / MB if rate else None,
            rate_low=rate.low * HOUR_S / MB if rate else None,
            rate_high=rate.high * HOUR_S / MB if rate else None,
            state=native.state or LeakState.WATCH,
            seconds_to_limit=self._until_limit(rate, last),
            observed_s=native.observed_s,
            key=NATIVE_KEY,
        )
        return msgspec.structs.replace(site, reason=native_reason(site))

    def _until_limit(self, rate: Rate | None, last: HeapSnapshot) -> float | None:
        if self._limit_bytes is None or last.rss_bytes is None or rate is None or rate.per_s <= 0:
            return None
        return max(self._limit_bytes - last.rss_bytes, 0.0) / rate.per_s


def _by_site(tracked: Iterable[Group]) -> list[list[Group]]:
    """Groups that are one site, the lines of a function among them; each line counts in one group.

    A function or a caller counts its small lines, which are then not told of again. What is surest is told first; of
    what is equally sure the function, since it holds its lines, and a caller only where nothing finer says as much.
    """
    stated = [group for group in tracked if group.standing.state and (not group.lines or group.standing.is_accused)]
    stated.sort(key=lambda one: (_RANK.index(one.standing.state or LeakState.RESOLVED), *_wideness(one)))
    sites: dict[Key, list[Group]] = defaultdict(list)
    told: set[Group] = set()
    for group in stated:
        small = {line for line in group.lines if not line.is_large} or {group}
        if told.isdisjoint(group.lines if group.level is Level.CALLER else small):
            sites[_site_key(group)].append(group)
            told |= small
    return list(sites.values())


def _wideness(group: Group) -> tuple[bool, bool, int]:
    return group.level is Level.CALLER, group.level is Level.LINE, len(group.lines)


def _site_key(group: Group) -> Key:
    """Lines of one function are one site; those of a module, which has all sorts, are not."""
    if group.level is Level.LINE and group.frame is not None and is_function(group.frame):
        return function_key(group.frame)
    return group.key


def _leading(groups: list[Group]) -> Group:
    return min(groups, key=lambda one: (_RANK.index(one.standing.state or LeakState.RESOLVED), -one.samples))


def _stated(site: LeakSite, held: Retained | None) -> LeakState:
    """The state of a site, after what a look at its survivors found."""
    if site.state not in {LeakState.SUSPECTED, LeakState.CONFIRMED}:
        return site.state
    if site.samples < LEAST_SAMPLES:  # they went since it was judged
        return LeakState.WATCH
    return LeakState.BOUNDED if held and held.bounds(site.samples) else site.state


def _named(leading: Group) -> Frame | None:
    """The line to name: the group's own; of several small ones the one that holds most, or their caller's."""
    if leading.level is Level.LINE:
        return leading.frame
    small = [line for line in leading.lines if not line.is_large] or leading.lines  # the others speak for themselves
    sizes = {line: sum(s.live_bytes for s in line.members.values()) for line in small}
    largest = max(sizes, key=lambda line: sizes[line])
    if leading.level is Level.FUNCTION or sizes[largest] > _MOSTLY * sum(sizes.values()):
        return largest.frame
    return leading.frame


def _sum(rates: Iterable[Rate | None]) -> Rate | None:
    """Several rates as one; their intervals are of independent counts."""
    found = [rate for rate in rates if rate is not None]
    if not found:
        return None
    total = sum(rate.per_s for rate in found)
    below = sum((rate.per_s - rate.low) ** 2 for rate in found) ** 0.5
    above = sum((rate.high - rate.per_s) ** 2 for rate in found) ** 0.5
    return Rate(total, total - below, total + above)


def _together(leaks: tuple[LeakSite, ...]) -> tuple[float | None, float | None, float | None]:
    rates = [
        Rate(site.rate_mb_per_hour, site.rate_low or 0.0, site.rate_high or 0.0)
        for site in leaks
        if site.rate_mb_per_hour is not None
    ]
    return tuple(_sum(rates) or (None, None, None))  # type: ignore[return-value]


def _median_age(cohorts: list[Cohort], now_s: float) -> float | None:
    left = sum(cohort.samples for cohort in cohorts) / 2
    for cohort in cohorts:
        left -= cohort.samples
        if left <= 0:
            return now_s - (cohort.begin_s + cohort.end_s) / 2
    return None


def _old_share(cohorts: list[Cohort], before_s: float) -> float | None:
    total = sum(cohort.live_bytes for cohort in cohorts)
    return sum(cohort.live_bytes for cohort in cohorts if cohort.end_s <= before_s) / total if total else None


def _growth_share(cohorts: list[Cohort], begin_s: float, timeline: Timeline, last: HeapSnapshot) -> float | None:
    before = timeline.rss_at(begin_s)
    if before is None or last.rss_bytes is None or last.rss_bytes <= before:
        return None
    return min(sum(c.live_bytes for c in cohorts if c.begin_s >= begin_s) / (last.rss_bytes - before), 1.0)
