"""Which rule watches which series; rules come and go at run time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tocsin.alerts.watch import Watch
from tocsin.alerts.watches import NO_BAND, Watches
from tocsin.model.rule import judge_alike
from tocsin.rules.book import CompiledRule, RuleBook
from tocsin.series.memory import Series
from tocsin.series.tables import Tables

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tocsin.alerts.decisions import Decisions
    from tocsin.alerts.episode import Episode
    from tocsin.alerts.survivors import Survivors
    from tocsin.engine.hours import Hours
    from tocsin.model.inputs import NewSeries
    from tocsin.model.rule import AlertRule
    from tocsin.rules.learners import Learners
    from tocsin.rules.outlook import Foresight

# Where a container's own memory is measured, what the host's rules say of memory is its effect.
_OF_A_CONTAINER: Final = "container.memory.utilization"


class Posts:
    """Every rule at its posts.

    Args:
        rules: in force from the start.
        hours: the present moment.
        decisions: who decides on what a watch saw.
        survivors: alerts of an earlier process, which a watch may take over.
        foresight: for rules that look ahead.
        learners: for rules that learn.
        points: readings that each series keeps.

    Attributes:
        series: what was measured, by number.
        watching: the watches of each series, by number.
        looked_at: the same ones, of the series that a rule has ever looked at.
    """

    def __init__(
        self,
        rules: RuleBook,
        hours: Hours,
        decisions: Decisions,
        survivors: Survivors,
        *,
        foresight: Foresight,
        learners: Learners,
        points: int,
    ) -> None:
        self.rules = rules
        self.series: dict[int, Series] = {}
        self.tables = Tables(points, self.series)
        self.watching: dict[int, Watches] = {}
        self.looked_at: dict[int, Watches] = {}
        self._hours = hours
        self._decisions = decisions
        self._survivors = survivors
        self._foresight = foresight
        self._learners = learners
        self._points = points

    def __iter__(self) -> Iterator[Watch]:
        """Each rule at work on each series."""
        return (watch for watches in tuple(self.watching.values()) for watch in watches)

    def of(self, compiled: CompiledRule) -> list[Watch]:
        """A rule at work on each of its series; none while it is disabled."""
        return [watch for watch in self if watch.rule is compiled.rule]

    def of_episode(self, episode: Episode) -> Watch | None:
        """The watch whose alert it is; None: it is of no rule, or its series has not come back."""
        return None if episode.is_event else next((watch for watch in self if watch.episode is episode), None)

    def meet(self, new: NewSeries) -> None:
        """A series is measured from now on."""
        if new.series_id in self.series:
            return  # two callers met it at once
        series = self.series[new.series_id] = Series(new.key, self._points, unit=new.unit)
        if new.key.metric == _OF_A_CONTAINER:
            self._decisions.teller.reasons.inhibitions.families.contained = True
        wanted = [compiled for compiled in self.rules.for_series(new.key) if compiled.enabled]
        self.watching[new.series_id] = watches = Watches()
        for compiled in wanted:
            self._watch(compiled, series, watches, together=True)
        if watches:
            self.looked_at[new.series_id] = watches

    # -- rules at run time

    def add(self, rule: AlertRule) -> None:
        """A rule is in force from now on.

        Raises: ValueError: if it cannot be compiled.
        """
        compiled = self.rules.add(rule)
        if compiled.enabled:
            self._put_to_work(compiled)

    def replace(self, rule: AlertRule) -> None:
        """The same, in place of a rule of that name."""
        if self.rules.get(rule.name) is not None:
            self.drop(rule.name, "replaced by a rule of the same name")
        self.add(rule)

    def drop(self, name: str, why: str) -> None:
        """A rule is no longer in force, and its alerts end.

        Raises: RuleNotFound: if there is none of that name.
        """
        self._take_off(self.rules.remove(name), why)

    def switch(self, compiled: CompiledRule, *, enabled: bool) -> None:
        """Let a rule judge, or not."""
        if not self.rules.switch(compiled, enabled=enabled):
            return
        if enabled:
            self._put_to_work(compiled)
        else:
            self._take_off(compiled, "rule disabled")

    def settle(self, rules: Iterable[AlertRule]) -> None:
        """Let these rules be in force and no others, and leave those alone that are so already.

        Raises: ValueError: if a rule cannot be compiled; then nothing has changed.
        """
        wanted = {rule.name: CompiledRule(rule) for rule in rules}
        for compiled in [one for one in self.rules if one.rule.name not in wanted]:
            self.drop(compiled.rule.name, "its rule is gone")
        for name, new in wanted.items():
            self._settle(self.rules.get(name), new.rule)

    def _settle(self, old: CompiledRule | None, rule: AlertRule) -> None:
        if old is not None and old.as_it_stands() == rule:
            return
        if old is None or not judge_alike(old.rule, rule):
            if old is not None:
                self.drop(rule.name, "its rule was changed")
            self.add(rule)
            return
        for watch in self.of(old):
            self._decisions.reworded(watch, rule)
        self.rules.reword(old, rule)
        self.switch(old, enabled=rule.enabled)

    def _put_to_work(self, compiled: CompiledRule) -> None:
        for series_id, series in self.series.items():
            if compiled.matches(series.key):
                self._watch(compiled, series, self.watching[series_id], together=False)
                self.looked_at[series_id] = self.watching[series_id]
        self.tables.single_out()

    def _watch(self, compiled: CompiledRule, series: Series, watches: Watches, *, together: bool) -> None:
        rule = compiled.rule
        series.single_out()
        aggregate = series.look_through(rule.aggregate, rule.window_s)
        assessor = self._foresight.take_up(compiled, series) or self._learners.take_up(rule, series, aggregate)
        if assessor is not None:
            watch = Watch(
                rule,
                series.key,
                assessor.is_bad,
                stays_bad=assessor.stays_bad,
                aggregate=assessor.look,
                assessor=assessor,
            )
        else:
            watch = Watch(rule, series.key, compiled.is_bad, stays_bad=compiled.stays_bad, aggregate=aggregate)
        watch.unit = rule.unit_on(series.unit)
        watch.seen_s = self._hours.active_s
        self._survivors.claim(watch, watch.seen_s)
        watches.add(watch, compiled.band if assessor is None else NO_BAND, together=together)

    def _take_off(self, compiled: CompiledRule, why: str) -> None:
        self._survivors.drop(compiled.rule.name, why)
        for watches in self.watching.values():
            for watch in watches.drop(compiled.rule):
                self._decisions.end(watch, why)
