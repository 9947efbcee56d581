"""The pipeline: remember the readings, judge them, step the alerts, say what changed and who should know.

Read this file first. It has no thread, no clock, no file and no socket: whatever happens enters as an input together
with the present moment, so a recorded run gives the same outcomes again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tocsin.alerts.book import AlertBook
from tocsin.alerts.decisions import Decisions
from tocsin.alerts.history import AlertHistory
from tocsin.alerts.survivors import Survivors, keep_alert, keep_telling
from tocsin.alerts.together import Together
from tocsin.alerts.watches import Watches
from tocsin.engine.hours import Hours
from tocsin.engine.orders import Orders
from tocsin.engine.posts import Posts
from tocsin.model import inputs as given
from tocsin.model.levels import Verdict
from tocsin.rules import keepsake
from tocsin.rules.book import RuleBook
from tocsin.rules.learners import Learners
from tocsin.rules.outlook import Foresight
from tocsin.series.memory import DEFAULT_POINTS
from tocsin.series.tape import Tape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from tocsin.alerts.decisions import Observer
    from tocsin.alerts.settings import AlertSettings, Route
    from tocsin.alerts.watch import Watch
    from tocsin.clock import Instant
    from tocsin.model.alert import PerformanceAlert
    from tocsin.model.inputs import Answer, Outcome
    from tocsin.model.rule import AlertRule
    from tocsin.rules.book import CompiledRule

# A series without readings for so many of its own intervals (at least this many seconds) has no data.
SILENT_INTERVALS: Final = 3.0
SILENT_S: Final = 5.0


class Engine:
    """Judges readings and events, and keeps the alerts that come of them.

    Args:
        rules: in force from the start.
        alerts: how alerts live and who hears of them.
        interval_s: seconds between steps, as intended.
        points: readings that each series keeps.
        history: where occurrences are remembered; one of its own by default.
        observe: called with each turn of a watch; for whoever studies rules.
    """

    def __init__(
        self,
        rules: Iterable[AlertRule],
        alerts: AlertSettings,
        *,
        interval_s: float = 1.0,
        points: int = DEFAULT_POINTS,
        history: AlertHistory | None = None,
        observe: Observer | None = None,
    ) -> None:
        self.rules = RuleBook(rules)
        self.book = AlertBook(alerts.max_closed)
        self.history = history if history is not None else AlertHistory(max_size=alerts.history_size)
        self.interval_s = interval_s
        self._hours = Hours()
        self._foresight = foresight = Foresight(self.rules)
        self.learners = Learners(alerts.false_alarms_per_week, self._hours.unix_s)
        self._together = Together(lambda: self.learners.unusual(self._hours.mono_s))
        self.decisions = Decisions(self.book, self.history, alerts, observe=observe, foresee=foresight.evidence)
        self.survivors = Survivors(self.decisions, alerts.no_data_ttl_s)
        self._posts = Posts(
            self.rules, self._hours, self.decisions, self.survivors,
            foresight=foresight, learners=self.learners, points=points,
        )  # fmt: skip
        self.series = self._posts.series
        self.tape = Tape(self._posts.tables, self.series, points)
        self._watching = self._posts.watching
        self._sweep_s = 0.0
        self._answers: list[Callable[[], Answer]] = []
        self._measured: dict[type, Callable[[Any], None]] = {
            given.Sample: self._remember,
            given.NewSeries: self._posts.meet,
            given.SeriesFailed: self._lose,
            given.SeriesEnded: self._leave,
        }
        self._ordered = Orders(self._posts, self._hours, self.decisions).taken

    def step(self, inputs: Sequence[given.Input], now: Instant) -> Outcome:
        """Take what happened, and say what follows from it.

        Args:
            inputs: in the order in which they happened.
            now: the moment; not before that of the step before.
        """
        self._open(now)
        for item in inputs:
            take = self._measured.get(type(item))
            if take is not None:
                take(item)
            elif (answer := self._ordered[type(item)](item)) is not None:
                self._answers.append(answer)
        self._miss_silent()
        self._together.look(self.decisions, self.book, self._hours.active_s)
        self.survivors.sweep(self._hours.now)
        outcome = self.decisions.close()
        if not self._answers:
            return outcome
        answers, self._answers = self._answers, []
        return given.with_answers(outcome, tuple(answer() for answer in answers))

    # -- what outlives the program

    def keep_learned(self) -> bytes:
        """What rules know of the past of their series, for a later process; some kilobytes a series."""
        return keepsake.keep(self.learners, self._foresight, getattr(self._hours, "now", None))

    def keep(self, alert_id: str, now: Instant) -> bytes | None:
        """What of an open alert a later process needs to go on with it; None: there is no such alert open."""
        episode = self.book.episode(alert_id)
        if episode is None:
            return None
        return keep_alert(episode, self._posts.of_episode(episode), now=now, active_s=self._hours.active_s)

    def keep_telling(self, now: Instant) -> bytes:
        """What is remembered of who was told: windows, limits, what is unsaid, and what people ordered."""
        return keep_telling(self.decisions, now, self.survivors.flapping(self.watches(), self._hours.active_s))

    def restore(
        self, alerts: Iterable[bytes], telling: bytes | None, now: Instant, learned: bytes | None = None
    ) -> int:
        """Go on where an earlier process stopped; before the first step. Nobody is told of it.

        Args:
            alerts: as `keep` gave them.
            telling: as `keep_telling` gave it; None: it is lost.
            now: the moment.
            learned: as `keep_learned` gave it; None: it is learned anew.
        Returns: how many alerts are open.
        """
        if learned is not None:
            keepsake.restore(learned, self.learners, self._foresight, now)
        known = {rule.rule.name for rule in self.rules if rule.enabled}
        self._open(now)
        return self.survivors.take_in(alerts, telling, now=now, is_known=known.__contains__)

    def obey(self, alerts: Iterable[bytes], telling: bytes | None) -> None:
        """Take in the orders that somebody wrote into what this engine left, while it stood still.

        Args:
            alerts: as `keep` gave them, with marks that may be new.
            telling: as `keep_telling` gave it, with silences that may be other ones.
        """
        self.survivors.obey(alerts, telling)

    def remember(self, alerts: Iterable[PerformanceAlert]) -> None:
        """Know alerts that ended before this engine began, oldest first."""
        for alert in alerts:
            self.book.remember(alert)

    def add_route(self, route: Route) -> None:
        """One more channel is to be told from now on."""
        self.decisions.teller.add_route(route)

    def bury(self, alerts: Iterable[bytes], now: Instant) -> int:
        """End the open alerts of a process that is gone; told with the next step.

        Args:
            alerts: as that process's `keep` gave them.
            now: the moment.
        Returns: how many there were.
        """
        self._open(now)
        return self.survivors.bury(alerts, now)

    def watches(self) -> Iterator[Watch]:
        """Each rule at work on each series."""
        return iter(self._posts)

    def reload(self, rules: Iterable[AlertRule], alerts: AlertSettings, now: Instant, *, interval_s: float) -> None:
        """Judge and tell by these from now on, and by nothing else; what follows is told with the next step.

        What is the same goes on as if nothing had happened: rules are known by their name, and are the same if they are
        equal. The open alerts of a rule that is gone, or that judges otherwise now, end with that reason. What people
        ordered, and all that was counted, stays.

        Raises: ValueError: if a rule cannot be compiled; then nothing has changed.
        """
        self.decisions.open(now)
        self._posts.settle(rules)
        self.interval_s = interval_s
        self.learners.share(alerts.false_alarms_per_week)
        self.decisions.reload(alerts)

    def watches_of(self, compiled: CompiledRule) -> list[Watch]:
        """A rule at work on each of its series; none while it is disabled."""
        return self._posts.of(compiled)

    def unseen_s(self, watch: Watch) -> float:
        """How long a series has had no reading, in seconds in which somebody looked."""
        return max(self._hours.active_s - watch.seen_s, 0.0)

    # -- remember, and judge

    def _open(self, now: Instant) -> None:
        if self._hours.turn_to(now, self.interval_s):
            for series in self.series.values():
                series.forget_windows()
        self.decisions.open(self._hours.now)

    def _remember(self, sample: given.Sample) -> None:
        mono_s, active_s = self._hours.mono_s, self._hours.active_s
        ids, values = sample.series_ids, sample.values
        if type(ids) is tuple:
            # They come together again and again: a row in a table, and what rules look at one by one.
            table = self._posts.tables.of(ids, mono_s)
            table.add(mono_s, values)
            for column, number, remember in self._posts.tables.single(table):
                value = values[column]
                if value == value:  # noqa: PLR0124 - NaN: nothing was measured
                    remember(mono_s, value)
                    for watch, turn in self._watching[number].look(value, mono_s, active_s):
                        self.decisions.turned(watch, turn)
            return
        for number, value in zip(ids, values, strict=True):
            if value == value:  # noqa: PLR0124 - as above
                self.series[number].push(mono_s, value)
                for watch, turn in self._watching[number].look(value, mono_s, active_s):
                    self.decisions.turned(watch, turn)

    def _lose(self, failed: given.SeriesFailed) -> None:
        for series_id in failed.series_ids:
            watches = self._watching.get(series_id) or Watches()
            watches.in_error = True
            for watch in watches:
                watch.error = failed.reason

    def _leave(self, ended: given.SeriesEnded) -> None:
        for series_id in ended.series_ids:
            for watch in self._watching.get(series_id) or ():
                turn = watch.leave(self._hours.active_s)
                if turn is not None:
                    self.decisions.left(watch, turn, ended.reason)

    def _miss_silent(self) -> None:
        """Give series that fell silent their verdict, about once an interval."""
        if self._hours.active_s < self._sweep_s:
            return
        self._sweep_s = self._hours.active_s + max(self.interval_s, 1.0)
        self.learners.tend(self._hours.mono_s)
        short_of_s = self._hours.active_s - SILENT_S
        for series_id, watches in self._posts.looked_at.items():
            if not watches.in_error and watches.seen_s >= short_of_s:
                continue
            for watch in watches:
                if watch.error or watch.seen_s < short_of_s:
                    self._miss(watch, series_id)
            watches.in_error = any(watch.error for watch in watches)

    def _miss(self, watch: Watch, series_id: int) -> None:
        silent_s = self._hours.active_s - watch.seen_s
        if not watch.error and silent_s <= self._patience_s(series_id):
            return
        turn = watch.miss(Verdict.ERROR if watch.error else Verdict.NO_DATA, self._hours.active_s)
        if turn is not None:
            self.decisions.turned(watch, turn)
        self.decisions.missed(watch, silent_s)

    def _patience_s(self, series_id: int) -> float:
        """How long a series may be silent: three of its own intervals, since sensors have different ones."""
        own_s = self.series[series_id].interval_s() or self.interval_s
        return max(SILENT_S, SILENT_INTERVALS * max(own_s, self.interval_s))
