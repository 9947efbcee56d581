"""What is done once an episode besides telling: said here, within limits, and run by whoever drives the engine.

An action of a rule rests between two attempts, and runs so often in a window and no more. What may not run is refused
with the reason, and counted; the counts go on in the next process, however this one ends.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from tocsin.model.action import ActionLimits, ActionOutcome, DueAction, parse_action
from tocsin.model.alert import Evidence, TraceStep
from tocsin.model.units import format_value

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tocsin.alerts.episode import Episode
    from tocsin.clock import Instant
    from tocsin.model.alert import PerformanceAlert
    from tocsin.model.inputs import ActionDone
    from tocsin.model.rule import AlertRule

EVIDENCE: Final = "artifacts"
TITLE: Final = "captured when it rang"
# Of actions of rules that come and go; those that ran longest ago are forgotten first.
MAX_COUNTERS: Final = 500
_WHAT: Final = {
    ActionOutcome.DONE: "acted", ActionOutcome.REFUSED: "not acted", ActionOutcome.FAILED: "action failed",
}  # fmt: skip
_WORD: Final = {"heap_snapshot": "heap", "stacks": "stacks"}


class KeptCounter(msgspec.Struct, frozen=True):
    """One action of one rule, with ages in seconds.

    Attributes:
        ages_s: of the runs within the window, the oldest first.
        attempt_age_s: of the last attempt; None: there was none.
        refused: since the last run.
    """

    rule: str
    action: str
    ages_s: list[float]
    attempt_age_s: float | None
    refused: int


class KeptActing(msgspec.Struct, frozen=True):
    """What is kept of actions.

    Attributes:
        kept_at: when, UTC.
        counters: of each action of each rule.
        pending: those whose outcome is not known yet: alert, rule and action.
    """

    kept_at: datetime
    counters: list[KeptCounter] = []
    pending: list[tuple[str, str, str]] = []


class _Counter:
    """How often one action of one rule ran, and was refused."""

    __slots__ = ("attempt_s", "refused", "runs")

    def __init__(self) -> None:
        self.runs: deque[float] = deque()
        self.attempt_s: float | None = None
        self.refused = 0

    def why_not(self, limits: ActionLimits, now_s: float) -> str:
        """Why it may not run now; empty where it may."""
        while self.runs and now_s - self.runs[0] >= limits.window_s:
            self.runs.popleft()
        window = format_value(limits.window_s, "s")
        if len(self.runs) >= limits.count:
            return f"it ran {_times(len(self.runs))} within {window}, and may run {_times(limits.count)}"
        if self.attempt_s is not None and now_s - self.attempt_s < limits.cooldown_s:
            since = format_value(now_s - self.attempt_s, "s")
            return f"its last attempt was {since} ago, and it rests for {format_value(limits.cooldown_s, 's')}"
        return ""


class _Running(NamedTuple):
    """An action that is due, and whose outcome is not known."""

    rule: str
    began_s: float


class Acting:
    """Says which actions are due, and remembers what became of them.

    Args:
        limits: of each action of each rule.

    Attributes:
        counts: outcomes so far, by their word; those refused here included.
        version: grows with each action that is due, and with each outcome.
    """

    def __init__(self, limits: ActionLimits) -> None:
        self.limits = limits
        self.version = 0
        self.counts = dict.fromkeys((outcome.value for outcome in ActionOutcome), 0)
        self._counters: dict[tuple[str, str], _Counter] = {}
        self._pending: dict[tuple[str, str], _Running] = {}

    def due(self, rule: AlertRule, episode: Episode, now: Instant) -> list[DueAction]:
        """The actions of a rule that has just rung, as far as they may run; the others are noted as refused."""
        found = []
        for place, action in enumerate(rule.actions):
            counter = self._counter(rule.name, action)
            why = counter.why_not(self.limits, now.mono_s)
            if why:
                counter.refused += 1
                self.counts[ActionOutcome.REFUSED] += 1
                episode.note(now.utc, "not acted", f"{action}: {why}; refused {_times(counter.refused)} since then")
                continue
            counter.runs.append(now.mono_s)
            counter.attempt_s = now.mono_s
            limits, refused = self.limits, counter.refused
            counter.refused = 0
            since = f"; {refused} refused since the last" if refused else ""
            window = format_value(limits.window_s, "s")
            episode.note(
                now.utc, "acting", f"{action}: run {len(counter.runs)} of at most {limits.count} within {window}{since}"
            )
            artifact = _artifact(episode.id, action, place)
            if artifact:
                _show(episode, action, f"is being taken; then: tocsin artifacts show {artifact}")
            self.version += 1
            self._pending[episode.id, action] = _Running(rule.name, now.mono_s)
            found.append(DueAction(episode.id, rule.name, action, artifact, episode.origin.labels))
        return found

    def done(self, done: ActionDone) -> None:
        """An outcome came back. What was refused by whoever should run it counts as an attempt, and not as a run."""
        self.version += 1
        self.counts[done.outcome] += 1
        running = self._pending.pop((done.alert_id, done.action), None)
        if running is None or done.outcome is not ActionOutcome.REFUSED:
            return
        counter = self._counter(running.rule, done.action)
        counter.refused += 1
        if running.began_s in counter.runs:
            counter.runs.remove(running.began_s)

    def left(self, rule: AlertRule, action: str, now: Instant) -> tuple[int, str]:
        """How often an action may still run within the window, and why not now (empty: it may)."""
        counter = self._counters.get((rule.name, action)) or _Counter()
        why = counter.why_not(self.limits, now.mono_s)
        return max(self.limits.count - len(counter.runs), 0), why

    # -- what outlives the program

    def keep(self, now: Instant) -> KeptActing | None:
        """What the next process needs to know; None: there was nothing."""
        if not self._counters and not self._pending:
            return None
        counters = [
            KeptCounter(
                rule, action, [now.mono_s - ran_s for ran_s in counter.runs],
                None if counter.attempt_s is None else now.mono_s - counter.attempt_s, counter.refused,
            )
            for (rule, action), counter in self._counters.items()
        ]  # fmt: skip
        pending = [(alert_id, running.rule, action) for (alert_id, action), running in self._pending.items()]
        return KeptActing(now.utc, counters, pending)

    def revive(self, kept: KeptActing, now: Instant) -> list[tuple[str, str]]:
        """Go on counting. Returns: alert and action of what was under way when the process before ended."""
        since_s = now.mono_s - max((now.utc - kept.kept_at).total_seconds(), 0.0)
        for one in kept.counters:
            counter = self._counter(one.rule, one.action)
            counter.runs = deque(since_s - age_s for age_s in one.ages_s)
            counter.attempt_s = None if one.attempt_age_s is None else since_s - one.attempt_age_s
            counter.refused = one.refused
        return [(alert_id, action) for alert_id, _, action in kept.pending]

    def _counter(self, rule: str, action: str) -> _Counter:
        counter = self._counters.get((rule, action))
        if counter is None:
            while len(self._counters) >= MAX_COUNTERS:
                oldest = min(self._counters, key=lambda key: self._counters[key].attempt_s or 0.0)
                del self._counters[oldest]
            counter = self._counters[rule, action] = _Counter()
        return counter


def note(episode: Episode, done: ActionDone, utc: datetime) -> None:
    """Write an outcome into the trace of an open alert, with the proof that it brought."""
    episode.note(utc, _WHAT[done.outcome], f"{done.action}: {done.reason}")
    if done.evidence is not None:
        episode.add_evidence(done.evidence)
    if parse_action(done.action).captures:
        _show(episode, done.action, _kept(done))


def noted(alert: PerformanceAlert, done: ActionDone, utc: datetime) -> PerformanceAlert:
    """An alert that has ended meanwhile, with an outcome in its trace and the proof that it brought."""
    evidence = [one for one in alert.evidence if done.evidence is None or one.kind != done.evidence.kind]
    evidence += [] if done.evidence is None else [done.evidence]
    if parse_action(done.action).captures:
        evidence = list(_with_line(evidence, done.action, _kept(done)))
    step = TraceStep(utc, _WHAT[done.outcome], f"{done.action}: {done.reason}")
    return msgspec.structs.replace(alert, evidence=tuple(evidence), trace=(*alert.trace, step))


def _kept(done: ActionDone) -> str:
    return f"tocsin artifacts show {done.artifact}" if done.artifact else f"nothing is kept: {done.reason}"


def _show(episode: Episode, action: str, text: str) -> None:
    """Let the alert, and so its notices, say where what was captured is."""
    found = next(one for one in _with_line(episode.evidence, action, text) if one.kind == EVIDENCE)
    episode.add_evidence(found)


def _with_line(evidence: Iterable[Evidence], action: str, text: str) -> list[Evidence]:
    """The evidence with a line on what an action captured; its earlier line goes."""
    others = [one for one in evidence if one.kind != EVIDENCE]
    lines = [line for one in evidence if one.kind == EVIDENCE for line in one.lines]
    lines = [line for line in lines if not line.startswith(f"{action}: ")]
    return [*others, Evidence(EVIDENCE, TITLE, (*lines, f"{action}: {text}"))]


def _artifact(alert_id: str, action: str, place: int) -> str:
    """The name of what an action captures: made of the alert, so that its first notice can already say it."""
    parsed = parse_action(action)
    if not parsed.captures:
        return ""
    word = _WORD[parsed.kind.value]
    return f"{alert_id}-{word}" if place == 0 else f"{alert_id}-{word}-{place + 1}"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
