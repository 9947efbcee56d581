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
from tocsin.alerts.watch import Watch
from tocsin.errors import RuleNotFound
from tocsin.model import inputs as given
from tocsin.model.inputs import Answer, Outcome
from tocsin.model.levels import Verdict
from tocsin.rules.book import CompiledRule, RuleBook
from tocsin.series.memory import DEFAULT_POINTS, Series
from tocsin.series.tables import Tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tocsin.alerts.episode import Episode
    from tocsin.alerts.settings import AlertSettings
    from tocsin.clock import Instant
    from tocsin.model.rule import AlertRule

# A pause between steps longer than this, or than five intervals, is a gap: nobody looked, so nothing was bad.
GAP_S: Final = 5.0
GAP_INTERVALS: Final = 5.0
# Boot time moves on while the machine sleeps; a smaller difference is only the clocks' own.
SUSPEND_S: Final = 0.5
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
    """

    def __init__(
        self,
        rules: Iterable[AlertRule],
        alerts: AlertSettings,
        *,
        interval_s: float = 1.0,
        points: int = DEFAULT_POINTS,
        history: AlertHistory | None = None,
    ) -> None:
        self.rules = RuleBook(rules)
        self.series: dict[int, Series] = {}
        self.book = AlertBook(alerts.max_closed)
        self.history = history if history is not None else AlertHistory(max_size=alerts.history_size)
        self.decisions = Decisions(self.book, self.history, alerts)
        self.interval_s = interval_s
        self.survivors = Survivors(self.decisions, alerts.no_data_ttl_s)
        self._points = points
        self._tables = Tables(points, self.series)
        self._watches: dict[int, list[Watch]] = {}
        # The same lists, of the series that a rule has ever looked at.
        self._looked_at: dict[int, list[Watch]] = {}
        self._last: Instant | None = None
        self._idle_s = 0.0
        self._sweep_s = 0.0
        self._answers: list[Callable[[], Answer]] = []
        self._take: dict[type, Callable[[Any], None]] = {
            given.NewSeries: self._meet,
            given.Sample: self._remember,
            given.SeriesFailed: self._lose,
            given.Event: self._event,
            given.Check: self._check,
            given.JudgeNow: self._judge_now,
            given.Acknowledge: self._acknowledge,
            given.Resolve: self._resolve,
            given.PutSilence: self._put_silence,
            given.ExpireSilence: self._expire_silence,
            given.PutMaintenance: self._put_maintenance,
            given.AddRule: self._add_rule,
            given.RemoveRule: self._remove_rule,
            given.SwitchRule: self._switch_rule,
            given.EvidenceFound: self._evidence,
            given.ClearHistory: self._clear_history,
            given.TellAll: self._tell_all,
            given.Cut: self._cut,
        }

    def step(self, inputs: Sequence[given.Input], now: Instant) -> Outcome:
        """Take what happened, and say what follows from it.

        Args:
            inputs: in the order in which they happened.
            now: the moment; not before that of the step before.
        """
        self._open(now)
        for item in inputs:
            self._take[type(item)](item)
        self._miss_silent()
        self.survivors.sweep(self._now)
        outcome = self.decisions.close()
        if not self._answers:
            return outcome
        answers, self._answers = self._answers, []
        return given.with_answers(outcome, tuple(answer() for answer in answers))

    # -- what outlives the program

    def keep(self, alert_id: str, now: Instant) -> bytes | None:
        """What of an open alert a later process needs to go on with it; None: there is no such alert open."""
        episode = self.book.episode(alert_id)
        if episode is None:
            return None
        return keep_alert(episode, self._watch_of(episode), now=now, active_s=self._active_s)

    def keep_telling(self, now: Instant) -> bytes:
        """What is remembered of who was told: windows, limits, what is unsaid, and what people ordered."""
        return keep_telling(self.decisions, now)

    def restore(self, alerts: Iterable[bytes], telling: bytes | None, now: Instant) -> int:
        """Go on where an earlier process stopped; before the first step. Nobody is told of it.

        Args:
            alerts: as `keep` gave them.
            telling: as `keep_telling` gave it; None: it is lost.
            now: the moment.
        Returns: how many alerts are open.
        """
        known = {rule.rule.name for rule in self.rules if rule.enabled}
        self._open(now)
        return self.survivors.take_in(alerts, telling, now=now, is_known=known.__contains__)

    def bury(self, alerts: Iterable[bytes], now: Instant) -> int:
        """End the open alerts of a process that is gone; told with the next step.

        Args:
            alerts: as that process's `keep` gave them.
            now: the moment.
        Returns: how many there were.
        """
        self._open(now)
        return self.survivors.bury(alerts, now)

    def _watch_of(self, episode: Episode) -> Watch | None:
        watches = (watch for watches in self._watches.values() for watch in watches)
        return None if episode.is_event else next((watch for watch in watches if watch.episode is episode), None)

    # -- time

    def _open(self, now: Instant) -> None:
        last = self._last
        if last is not None and now.mono_s < last.mono_s:
            now = last  # two threads read the clock in one order and came here in the other
        if last is not None:
            passed_s = now.mono_s - last.mono_s
            asleep_s = (now.boot_s - last.boot_s) - passed_s
            if passed_s > max(GAP_S, GAP_INTERVALS * self.interval_s):
                self._idle_s += passed_s - self.interval_s
                self._mark_gap()
            elif asleep_s > SUSPEND_S:
                self._mark_gap()
        self._last = now
        self._now = now
        self._active_s = now.mono_s - self._idle_s
        self.decisions.open(now)

    def _mark_gap(self) -> None:
        for series in self.series.values():
            series.forget_windows()

    # -- remember, and judge

    def _meet(self, new: given.NewSeries) -> None:
        if new.series_id in self.series:
            return  # two callers met it at once
        series = self.series[new.series_id] = Series(new.key, self._points)
        if new.key.metric == "container.memory.utilization":
            self.decisions.teller.reasons.inhibitions.families.contained = True
        wanted = [compiled for compiled in self.rules.for_series(new.key) if compiled.enabled]
        self._watches[new.series_id] = watches = [self._watch(compiled, series) for compiled in wanted]
        if watches:
            self._looked_at[new.series_id] = watches

    def _watch(self, compiled: CompiledRule, series: Series) -> Watch:
        rule = compiled.rule
        series.single_out()
        aggregate = series.look_through(rule.aggregate, rule.window_s)
        watch = Watch(rule, series.key, compiled.is_bad, stays_bad=compiled.stays_bad, aggregate=aggregate)
        watch.seen_s = getattr(self, "_active_s", 0.0)
        self.survivors.claim(watch, watch.seen_s)
        return watch

    def _remember(self, sample: given.Sample) -> None:
        mono_s, ids, values = self._now.mono_s, sample.series_ids, sample.values
        if type(ids) is tuple:
            # They come together again and again: a row in a table, and what rules look at one by one.
            table = self._tables.of(ids, mono_s)
            table.add(mono_s, values)
            for column, number, remember in self._tables.single(table):
                value = values[column]
                if value == value:  # noqa: PLR0124 - NaN: nothing was measured
                    remember(mono_s, value)
                    self._judge(self._watches[number], value)
            return
        for number, value in zip(ids, values, strict=True):
            if value == value:  # noqa: PLR0124 - as above
                self.series[number].push(mono_s, value)
                self._judge(self._watches[number], value)

    def _judge(self, watches: Iterable[Watch], value: float) -> None:
        mono_s, active_s = self._now.mono_s, self._active_s
        for watch in watches:
            turn = watch.look(value, mono_s, active_s)
            if turn is not None:
                self.decisions.turned(watch, turn)

    def _lose(self, failed: given.SeriesFailed) -> None:
        for series_id in failed.series_ids:
            for watch in self._watches.get(series_id, ()):
                watch.error = failed.reason

    def _miss_silent(self) -> None:
        """Give series that fell silent their verdict, about once an interval."""
        if self._active_s < self._sweep_s:
            return
        self._sweep_s = self._active_s + max(self.interval_s, 1.0)
        short_of_s = self._active_s - SILENT_S
        for series_id, watches in self._looked_at.items():
            for watch in watches:
                if watch.error or watch.seen_s < short_of_s:
                    self._miss(watch, series_id)

    def _miss(self, watch: Watch, series_id: int) -> None:
        silent_s = self._active_s - watch.seen_s
        if not watch.error and silent_s <= self._patience_s(series_id):
            return
        turn = watch.miss(Verdict.ERROR if watch.error else Verdict.NO_DATA, self._active_s)
        if turn is not None:
            self.decisions.turned(watch, turn)
        self.decisions.missed(watch, silent_s)

    def _patience_s(self, series_id: int) -> float:
        """How long a series may be silent: three of its own intervals, since sensors have different ones."""
        own_s = self.series[series_id].interval_s() or self.interval_s
        return max(SILENT_S, SILENT_INTERVALS * max(own_s, self.interval_s))

    # -- events, checks and commands

    def _event(self, event: given.Event) -> None:
        episode = self.decisions.event(event)
        self._answers.append(
            lambda: Answer(suppressed=episode.suppressed, held=episode.held, alert=episode.snapshot(), triggered=True)
        )

    def _check(self, check: given.Check) -> None:
        compiled = self.rules.get(check.rule)
        if compiled is None or not compiled.enabled:
            reason = f"rule {check.rule!r} is {'disabled' if compiled else 'removed'}"
            self._answers.append(lambda: Answer(found=False, reason=reason))
            return
        asked = [
            watch for series_id in check.series_ids for watch in self._watches[series_id] if watch.rule is compiled.rule
        ]
        for watch in asked:
            self.decisions.checked(watch, watch.judge_now(self._active_s))
        self._answers.append(lambda: _checked(asked, compiled))

    def _judge_now(self, asked: given.JudgeNow) -> None:
        found = [episode for case in asked.cases if (episode := self._judge_case(case)) is not None]
        self._answers.append(
            lambda: Answer(triggered=bool(found), alerts=tuple(episode.snapshot() for episode in found))
        )

    def _judge_case(self, case: given.Case) -> Episode | None:
        """Judge readings that say one thing; the episode of the worst rule that they break."""
        mono_s, active_s = self._now.mono_s, self._active_s
        watches: list[Watch] = []
        for series_id, value in zip(case.series_ids, case.values, strict=True):
            self.series[series_id].push(mono_s, value)
            watches += [watch for watch in self._watches[series_id] if watch.take(value, mono_s, active_s)]
        broken = [(watch.rule.severity, place) for place, watch in enumerate(watches) if watch.is_beyond()]
        worst = watches[max(broken)[1]] if broken else None
        for watch in watches:
            if watch is worst:
                self.decisions.asked(watch, watch.judge_now(active_s), case)
            elif (turn := watch.judge_again(active_s)) is not None:
                self.decisions.turned(watch, turn)
        return None if worst is None else worst.episode

    def _acknowledge(self, command: given.Acknowledge) -> None:
        alert = self.decisions.acknowledge(command)
        self._answers.append(lambda: Answer(found=alert is not None, alert=alert))

    def _put_silence(self, command: given.PutSilence) -> None:
        matching = self.decisions.silence(command.silence)
        self._answers.append(lambda: Answer(matching=matching, reason=f"it matches {matching} open alerts"))

    def _expire_silence(self, command: given.ExpireSilence) -> None:
        known = self.decisions.expire_silence(command.silence_id)
        self._answers.append(lambda: Answer(found=known))

    def _put_maintenance(self, command: given.PutMaintenance) -> None:
        self.decisions.maintain(command.window)
        self._answers.append(Answer)

    def _resolve(self, command: given.Resolve) -> None:
        alert = self.decisions.resolve(command.fingerprint)
        self._answers.append(lambda: Answer(found=alert is not None, alert=alert))

    def _evidence(self, found: given.EvidenceFound) -> None:
        self.decisions.evidence(found)

    def _clear_history(self, command: given.ClearHistory) -> None:
        self.book.clear()
        self.history.clear()
        if command.throttle:
            self.decisions.teller.suppressor.last.clear()
        self._answers.append(Answer)

    def _tell_all(self, _: given.TellAll) -> None:
        self.decisions.teller.hurry()

    def _cut(self, _: given.Cut) -> None:
        self._answers.append(lambda: given.CUT)

    # -- rules at run time

    def _add_rule(self, command: given.AddRule) -> None:
        if self.rules.get(command.rule.name) is not None:
            self._drop_rule(command.rule.name, "replaced by a rule of the same name")
        compiled = self.rules.add(command.rule)
        if compiled.enabled:
            self._put_to_work(compiled)
        self._answers.append(Answer)

    def _remove_rule(self, command: given.RemoveRule) -> None:
        try:
            self._drop_rule(command.name, "rule removed")
        except RuleNotFound as error:
            missing = str(error)
            self._answers.append(lambda: Answer(found=False, reason=missing))
        else:
            self._answers.append(Answer)

    def _switch_rule(self, command: given.SwitchRule) -> None:
        compiled = self.rules.get(command.name)
        if compiled is not None and compiled.enabled != command.enabled:
            compiled.enabled = command.enabled
            if command.enabled:
                self._put_to_work(compiled)
            else:
                self._take_off(compiled, "rule disabled")
        self._answers.append(lambda: Answer(found=compiled is not None))

    def _drop_rule(self, name: str, why: str) -> None:
        self._take_off(self.rules.remove(name), why)

    def _put_to_work(self, compiled: CompiledRule) -> None:
        for series_id, series in self.series.items():
            if compiled.matches(series.key):
                self._watches[series_id].append(self._watch(compiled, series))
                self._looked_at[series_id] = self._watches[series_id]
        self._tables.single_out()

    def _take_off(self, compiled: CompiledRule, why: str) -> None:
        for watches in self._watches.values():
            for watch in watches:
                if watch.rule is compiled.rule:
                    self.decisions.end(watch, why)
            watches[:] = [watch for watch in watches if watch.rule is not compiled.rule]


def _checked(asked: list[Watch], compiled: CompiledRule) -> Answer:
    """The answer to a direct check: the worst of the series that were asked."""
    judged = [watch for watch in asked if watch.value is not None]
    if not judged:
        return Answer(found=False, threshold=compiled.limit, reason="no reading yet")
    beyond = [watch for watch in judged if watch.is_beyond()]
    worst = max(beyond or judged, key=lambda watch: watch.value or 0.0)
    episode = worst.episode
    alert = episode.snapshot() if episode is not None and beyond else None
    return Answer(
        triggered=bool(beyond), suppressed=bool(alert and alert.suppressed), held=alert.held if alert else None,
        value=worst.value, threshold=compiled.limit, alert=alert,
    )  # fmt: skip
