"""What follows from a step: episodes begin and end, and it is decided who is told.

The engine says what turned; this is where a turn becomes a change, a notice, or a reason why there is none.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from tocsin.alerts.acting import Acting, note, noted
from tocsin.alerts.episode import Episode, Origin
from tocsin.alerts.events import EventDesk
from tocsin.alerts.life import Turn
from tocsin.alerts.proofs import wanted_proofs
from tocsin.alerts.reasons.silences import matches
from tocsin.alerts.telling import Teller
from tocsin.alerts.wording import back_to_normal, component_of, explain, message_of
from tocsin.model.action import ActionOutcome
from tocsin.model.alert import Acknowledgement
from tocsin.model.inputs import ActionDone, Change, Outcome, Want
from tocsin.model.levels import AlertCondition, AlertState, Verdict
from tocsin.model.rule_fields import UPWARD

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.alerts.acting import KeptActing
    from tocsin.alerts.book import AlertBook
    from tocsin.alerts.history import AlertHistory
    from tocsin.alerts.settings import AlertSettings
    from tocsin.alerts.watch import Watch
    from tocsin.clock import Instant
    from tocsin.model.action import DueAction
    from tocsin.model.alert import Evidence, PerformanceAlert, TraceStep
    from tocsin.model.inputs import Acknowledge, Case, Event, EvidenceFound
    from tocsin.model.orders import Maintenance, Silence
    from tocsin.model.readings import SeriesKey
    from tocsin.model.rule import AlertRule

    Observer = Callable[[Watch, Turn], None]
    Foreseer = Callable[[SeriesKey, float | None, float], Evidence | None]


class _Occurrence(NamedTuple):
    """An event that was raised, and on which it is decided at the end of the step."""

    episode: Episode
    before: AlertState
    times: int


class Decisions:
    """Turns what the watches and the program say into changes and notices.

    Args:
        book: where alerts stand.
        history: where occurrences are remembered.
        settings: how alerts live and who hears of them.
        observe: called with each turn of a watch, before anything follows from it; for whoever studies rules.
        foresee: from a series, a limit (None: its next one) and now (monotonic seconds) to when the limit is reached,
            as proof; None where that cannot be said.

    Attributes:
        teller: who is told what.
        acting: what is done besides telling.
    """

    def __init__(
        self,
        book: AlertBook,
        history: AlertHistory,
        settings: AlertSettings,
        *,
        observe: Observer | None = None,
        foresee: Foreseer | None = None,
    ) -> None:
        self._observe = observe
        self._foresee = foresee
        self.teller = Teller(settings)
        self.acting = Acting(settings.actions)
        self._book = book
        self._history = history
        self._events = EventDesk(book, settings)
        self._no_data_ttl_s = settings.no_data_ttl_s
        self._now: Instant
        self._fresh: list[Episode] = []
        self._befores: list[tuple[Episode, AlertState, str]] = []
        self._changes: list[Change] = []
        self._wants: list[Want] = []
        self._due: list[DueAction] = []
        self._occurrences: dict[str, _Occurrence] = {}  # by alert: of a storm one alert may gather thousands a step
        self._worsened: list[Episode] = []
        self._relieved = False

    def open(self, now: Instant) -> None:
        """A step begins."""
        self._now = now

    def close(self) -> Outcome:
        """A step ends: events that fell silent are over, and whoever should know is told."""
        now = self._now
        for episode in self._events.expired(now):
            self._finish(episode, "no recurrence")
        self._tell_all()
        notices = self.teller.collect(self._book.episodes, now)
        changes, wants, due = tuple(self._changes), tuple(self._wants), tuple(self._due)
        self._changes, self._wants, self._due = [], [], []
        return Outcome(changes, notices, wants, due)

    # -- rules

    def turned(self, watch: Watch, turn: Turn) -> None:
        """A watch went from one state to another."""
        if self._observe is not None:
            self._observe(watch, turn)
        match turn:
            case Turn.PENDING:
                episode = self._begin(watch)
                episode.note(self._now.utc, "pending", explain(watch))
                self._change(episode, AlertState.INACTIVE, "breach began")
            case Turn.FIRED:
                self._fire(watch)
            case Turn.CALMED if watch.episode is not None:
                self._calm(watch, watch.episode)
            case Turn.CLEARING if watch.episode is not None:
                watch.episode.note(self._now.utc, "clearing", "value is back; it keeps firing for a while")
            case Turn.RELAPSED if watch.episode is not None:
                watch.episode.note(self._now.utc, "relapsed", explain(watch))
            case Turn.WORSENED if watch.episode is not None:
                self._worsen(watch, watch.episode)
            case Turn.RESOLVED if watch.episode is not None:
                self.end(watch, back_to_normal(watch))

    def checked(self, watch: Watch, turn: Turn | None) -> None:
        """A direct check was made: a breach that was known already is one more occurrence."""
        if turn is not None:
            self.turned(watch, turn)
            return
        episode = watch.episode
        if episode is None or episode.state is not AlertState.FIRING or not watch.is_beyond():
            return
        if episode in self._fresh:
            return  # the reading that came with the check rang the bell itself
        episode.count += 1
        self._refresh(episode, watch)
        signals = self.teller.occurred(episode, 1, self._now)
        self._change(episode, AlertState.FIRING, "checked again", signals=signals)
        self._history.add(episode.snapshot(), now=self._now)

    def asked(self, watch: Watch, turn: Turn | None, case: Case) -> None:
        """Readings from outside broke a rule: it rings, or occurs once more, with the proof that came along."""
        if turn is not None:
            self.turned(watch, turn)
        if watch.episode is not None:
            for evidence in case.evidence:
                watch.episode.add_evidence(evidence)
            watch.episode.advise(case.recommendations)
        if turn is None:
            self.checked(watch, None)

    def missed(self, watch: Watch, silent_s: float) -> None:
        """A series has been silent for a time; a firing alert of it ends after long, since it is gone."""
        episode = watch.episode
        if episode is None:
            return
        holds = watch.verdict is Verdict.NO_DATA and watch.rule.no_data == "hold"
        if holds and silent_s > self._no_data_ttl_s:
            self.end(watch, f"no readings for {silent_s:.0f} s; the series is gone")
        else:
            what = "error" if watch.verdict is Verdict.ERROR else "no data"
            episode.note(self._now.utc, what, watch.error or "no readings; the state is held")

    def left(self, watch: Watch, turn: Turn, why: str) -> None:
        """What a watch looked at is no more."""
        if turn is not Turn.RESOLVED:
            self.turned(watch, turn)
            return
        if self._observe is not None:
            self._observe(watch, turn)
        self.end(watch, why)

    def end(self, watch: Watch, why: str) -> None:
        """An alert of a rule is over."""
        episode = watch.episode
        watch.reset()
        if episode is None:
            return
        if episode.state is AlertState.PENDING:
            self._book.discard(episode)
        else:
            self._finish(episode, why, value=watch.value)

    def reworded(self, watch: Watch, rule: AlertRule) -> None:
        """A rule was exchanged for one that judges alike: its alert goes on, in the new one's words."""
        watch.rule = rule
        if watch.episode is not None:
            watch.episode.origin = origin_of(watch)
            watch.episode.note(self._now.utc, "rule changed", "it judges as before, so the alert goes on")

    def reload(self, settings: AlertSettings) -> None:
        """Decide by other settings from now on. What people ordered, and all that was counted, stays."""
        self._no_data_ttl_s = settings.no_data_ttl_s
        self.acting.limits = settings.actions
        self._events.reload(settings)
        self._history.max_size = settings.history_size
        self._relieved |= self.teller.reload(settings, self._book.episodes(), self._now)

    def _begin(self, watch: Watch) -> Episode:
        episode = watch.episode = Episode(origin_of(watch), watch.rule.severity, "", self._now.utc)
        self._book.open(episode)
        self._refresh(episode, watch)
        return episode

    def _fire(self, watch: Watch) -> None:
        episode = watch.episode
        before = AlertState.INACTIVE if episode is None else episode.state
        episode = episode or self._begin(watch)
        episode.state = AlertState.FIRING
        episode.fired_s = self._now.mono_s
        episode.worse = watch.is_much_worse()
        episode.count += 1
        self._refresh(episode, watch)
        episode.note(self._now.utc, "firing", explain(watch))
        self._look_ahead(episode, watch)
        if watch.rule.actions:
            self._due += self.acting.due(watch.rule, episode, self._now)
        self._fresh.append(episode)
        self._befores.append((episode, before, "breach lasted long enough"))
        self._wants += [Want(episode.id, kind, watch.key.labels) for kind in wanted_proofs(watch.rule)]

    def _worsen(self, watch: Watch, episode: Episode) -> None:
        episode.worse = True
        self._refresh(episode, watch)
        episode.note(self._now.utc, "worsened", explain(watch))
        self._look_ahead(episode, watch)
        self._worsened.append(episode)

    def _look_ahead(self, episode: Episode, watch: Watch) -> None:
        """Let the alert say when the next limit is reached, where that can be said."""
        rule = watch.rule
        proof = None if watch.assessor is None or watch.silent else watch.assessor.evidence(watch.unit)
        if proof is not None:
            episode.add_evidence(proof)
        if self._foresee is None or watch.silent or rule.condition not in UPWARD:
            return
        limit = rule.limit if episode.origin.foretold else None
        found = self._foresee(watch.key, limit, self._now.mono_s)
        if found is not None:
            episode.add_evidence(found)

    # -- from the process before

    def adopt(self, episode: Episode) -> None:
        """Go on with an open alert of the process before."""
        self._book.open(episode)
        self.teller.adopt(episode, self._now)
        if episode.is_event:
            self._events.adopt(episode)
        if episode.waiting:
            self._relieved = True  # asked at once whether its reason still holds

    def remark(self, alert_id: str, mark: Acknowledgement | None, trace: list[TraceStep]) -> None:
        """Go on with a mark that was written into what these decisions left."""
        episode = self._book.episode(alert_id)
        if episode is not None and mark != episode.acknowledgement:
            episode.acknowledgement, episode.trace = mark, trace

    def go_on_acting(self, kept: KeptActing) -> None:
        """Go on counting actions; what was under way when the process before ended is noted, and not run again."""
        for alert_id, action in self.acting.revive(kept, self._now):
            if self._book.find(alert_id) is not None:
                why = "the program ended while it ran, or before; what became of it is not known"
                self.acted(ActionDone(alert_id, action, ActionOutcome.FAILED, why))

    def bury(self, episode: Episode, why: str) -> None:
        """An alert of another process ends with it: whoever was told that it fires is told so."""
        if episode.state is not AlertState.FIRING:
            return
        now = self._now
        episode.state, episode.value = AlertState.RESOLVED, None
        episode.resolved_at = episode.updated_at = now.utc
        episode.note(now.utc, "resolved", why)
        self.teller.resolved(episode, now, why)
        self._changes.append(Change(episode.snapshot(), AlertState.FIRING, now.utc, why))
        self._book.remember(episode.snapshot())

    def give_up(self, episode: Episode, why: str) -> None:
        """What an alert of the process before spoke of has not come back."""
        if episode.state is AlertState.PENDING:
            self._book.discard(episode)
        else:
            self._finish(episode, why)

    def _calm(self, watch: Watch, episode: Episode) -> None:
        episode.note(self._now.utc, "calmed", "value is back before it rang")
        episode.state = AlertState.INACTIVE
        self._change(episode, AlertState.PENDING, "value is back before it rang")
        self._book.discard(episode)
        watch.reset()

    def _refresh(self, episode: Episode, watch: Watch) -> None:
        silent = watch.verdict if watch.silent else Verdict.BAD
        episode.value = watch.value
        episode.message = message_of(watch, verdict=silent)
        episode.updated_at = self._now.utc
        episode.last_s = self._now.mono_s
        self._book.show(episode)

    # -- events and commands

    def event(self, event: Event) -> Episode:
        """The program raised an alert itself."""
        episode = self._events.occur(event, self._now)
        before = AlertState.INACTIVE if episode.count == event.count else AlertState.FIRING
        known = self._occurrences.get(episode.id)
        if known is not None:
            before, times = known.before, known.times + event.count
        else:
            times = event.count
        self._occurrences[episode.id] = _Occurrence(episode, before, times)
        return episode

    def resolve(self, fingerprint: str) -> PerformanceAlert | None:
        """The program said that an event is over."""
        self._tell_all()  # what happened before it
        episode = self._book.by_fingerprint(fingerprint)
        if episode is None or not episode.is_event:
            return None
        self._events.take_out(episode)
        self._finish(episode, "resolved by the program")
        return episode.snapshot()

    def acknowledge(self, command: Acknowledge) -> PerformanceAlert | None:
        """Somebody takes care of an alert; of one that has ended, the mark is kept too."""
        now = self._now
        self._tell_all()  # what happened before it
        episode = self._book.episode(command.alert_id)
        if episode is None:
            ended = self._book.find(command.alert_id)
            if ended is not None:
                mark = Acknowledgement(command.by, now.utc, command.comment, ended.severity)
                marked = msgspec.structs.replace(ended, acknowledgement=mark)
                if not ended.is_acknowledged(now.utc):
                    self._book.replace_closed(marked)
                    self._changes.append(Change(marked, ended.state, now.utc, "acknowledged"))
                    return marked
            return ended
        if not episode.acknowledged(now.utc):
            expires = None if command.for_s is None else now.utc + timedelta(seconds=command.for_s)
            episode.acknowledgement = Acknowledgement(command.by, now.utc, command.comment, episode.severity, expires)
            episode.note(
                now.utc, "acknowledged", " ".join(filter(None, [f"by {command.by or 'somebody'}", command.comment]))
            )
            self._change(episode, episode.state, "acknowledged")
        return episode.snapshot()

    def silence(self, silence: Silence) -> int:
        """Hold back what matches from now on; how many open alerts that are."""
        self._tell_all()  # what happened before it
        self.teller.reasons.silences.put(silence)
        return sum(matches(silence, episode) for episode in self._book.episodes())

    def expire_silence(self, silence_id: str) -> bool:
        """Obey a silence no longer; what it held back and still fires is told. False: there is none of this id."""
        self._relieved = True
        return self.teller.reasons.silences.take_away(silence_id) is not None

    def maintain(self, window: Maintenance) -> None:
        """Expect noise in a window."""
        self._tell_all()  # what happened before it
        self.teller.reasons.maintenance.put(window)
        self._relieved = True  # it may take the place of one that held more

    def forget_the_past(self, *, throttle: bool) -> None:
        """Forget the alerts that are over; with `throttle` also what an event's source has raised of late."""
        self._book.clear()
        self._history.clear()
        if throttle:
            self.teller.suppressor.last.clear()

    def evidence(self, found: EvidenceFound) -> None:
        """A proof has been captured."""
        episode = self._book.episode(found.alert_id)
        if episode is not None:
            episode.add_evidence(found.evidence)
            episode.advise(found.recommendations)
            self._change(episode, episode.state, "evidence captured")

    # -- what all have in common

    def acted(self, done: ActionDone) -> None:
        """An action was run, or not; its alert may have ended meanwhile."""
        self.acting.done(done)
        now = self._now
        why = f"{done.action}: {done.outcome.value}"
        episode = self._book.episode(done.alert_id)
        if episode is not None:
            note(episode, done, now.utc)
            self._change(episode, episode.state, why)
            return
        ended = self._book.find(done.alert_id)
        if ended is not None:
            marked = noted(ended, done, now.utc)
            self._book.replace_closed(marked)
            self._changes.append(Change(marked, marked.state, now.utc, why))

    def _finish(self, episode: Episode, why: str, *, value: float | None = None) -> None:
        if episode in self._fresh or episode in self._worsened:
            self._tell_all()  # it began in this very step, and what began is told before its end
        now = self._now
        before, episode.state = episode.state, AlertState.RESOLVED
        episode.value = value  # what it was while it rang stands in its message and in its trace
        episode.resolved_at = episode.updated_at = now.utc
        episode.note(now.utc, "resolved", why)
        self._relieved = True
        self.teller.resolved(episode, now, why)
        self._change(episode, before, why)
        self._book.close(episode)

    def _tell_all(self) -> None:
        """Decide together on all that happened, and on what may no longer be held back."""
        passed = self._relieved or self.teller.something_passed(self._now)
        if not (self._occurrences or self._fresh or self._worsened or passed):
            return
        everybody = self._book.episodes()
        self.teller.look(everybody)
        occurrences, self._occurrences = self._occurrences, {}
        for occurrence in occurrences.values():
            self._tell_occurrence(occurrence)
        asked = {episode.id: episode for episode in self._fresh}
        if passed:
            asked |= {episode.id: episode for episode in self.teller.passed(everybody)}
        self._relieved = False
        worsened, self._worsened = self._worsened, []
        self._fresh, befores, self._befores = [], self._befores, []
        self.teller.fired([one for one in asked.values() if one.state is AlertState.FIRING], self._now)
        for episode in worsened:
            self.teller.worsened(episode, self._now)
            self._change(episode, AlertState.FIRING, "much worse")
        for episode, before, why in befores:
            self._change(episode, before, why, signals=0 if episode.suppressed else 1)
            self._history.add(episode.snapshot(), now=self._now)

    def _tell_occurrence(self, occurrence: _Occurrence) -> None:
        episode, before, count = occurrence
        signals = self.teller.occurred(episode, count, self._now)
        snapshot = self._change(episode, before, "raised by the program", signals=signals)
        self._remember_occurrences(snapshot, signals, count)

    def _change(self, episode: Episode, before: AlertState, why: str, *, signals: int = 0) -> PerformanceAlert:
        """Note a change; the alert as it stands now."""
        self._book.show(episode)
        snapshot = episode.snapshot()
        self._changes.append(Change(snapshot, before, self._now.utc, why, signals))
        return snapshot

    def _remember_occurrences(self, snapshot: PerformanceAlert, told: int, count: int) -> None:
        for _ in range(told):
            self._history.add(msgspec.structs.replace(snapshot, suppressed=False, held=None), now=self._now)
        if told < count:
            self._history.add(msgspec.structs.replace(snapshot, suppressed=True), now=self._now)


def origin_of(watch: Watch) -> Origin:
    """What the alerts of a watch have in common."""
    rule = watch.rule
    return Origin(
        title=rule.name, category=rule.category, source=rule.name, rule=rule.name, metric=rule.metric,
        component=component_of(rule, watch.key), labels=watch.key.labels, recommendations=rule.recommendations,
        unit=watch.unit, runbook_url=rule.runbook_url, owner=rule.owner,
        threshold=None if rule.condition is AlertCondition.ANOMALOUS else float(rule.limit),
        foretold=rule.condition is AlertCondition.WILL_EXCEED,
    )  # fmt: skip
