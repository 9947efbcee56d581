"""One open alert while it lives: the record that its frozen snapshots are made of."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import msgspec

from tocsin.model.alert import Acknowledgement, Evidence, PerformanceAlert, TraceStep
from tocsin.model.digest import sha256_hex
from tocsin.model.levels import AlertCategory, AlertSeverity, AlertState, Held
from tocsin.model.matching import facts_of
from tocsin.model.readings import Labels

# A trace shows how an alert began and what was decided last; what lies between is counted.
TRACE_HEAD: Final = 10
TRACE_TAIL: Final = 30
MAX_EVIDENCE: Final = 8


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """What does not change in an episode.

    Attributes:
        foretold: whether it tells of what is to come, and not of what is.
    """

    title: str
    category: AlertCategory
    source: str
    rule: str = ""
    metric: str = ""
    component: str = ""
    labels: Labels = ()
    recommendations: tuple[str, ...] = ()
    unit: str = ""
    threshold: float | None = None
    runbook_url: str = ""
    owner: str = ""
    foretold: bool = False

    @property
    def fingerprint(self) -> str:
        """The same for every episode of the same trouble: a hash of what makes it the same.

        A rule's is made of rule, metric, component and labels; an event's of source, title, category, component and
        labels.
        """
        if self.rule:
            parts: tuple[Any, ...] = ("rule", self.rule, self.metric, self.component, self.labels)
        else:
            parts = ("event", self.source, self.title, self.category.value, self.component, self.labels)
        return sha256_hex(msgspec.json.encode(parts))[:16]


class Told(msgspec.Struct):
    """What a channel was told of an alert that fires.

    Attributes:
        severity: as it was then.
        first_at: when it was told first, UTC; for words.
        first_s: the same in monotonic seconds, for durations.
        last_s: when it was told last.
        said: whether a notice has gone out; not yet, while the alert waits for others of its group.
        worse: whether it was told that the breach became much worse.
        passed_on: whether somebody else was told, since nobody acknowledged it.
        earlier: whether it was an earlier run of the program that told of its event: if it comes again, it is news.
    """

    severity: AlertSeverity
    first_at: datetime
    first_s: float
    last_s: float
    said: bool = False
    worse: bool = False
    passed_on: bool = False
    earlier: bool = False


class Episode:
    """An alert from its first breach to its end.

    Attributes:
        lasts: an event that goes on until it is resolved, as a rule's alert does.
        told: the channels that were told that it fires, and what.
        fired_s: when it began to fire, in monotonic seconds less those while the program was away; None before.
        waiting: it fires, and nobody was told for a reason that may pass.
        worse: the breach is much worse than its threshold.
    """

    __slots__ = (
        "_facts", "acknowledgement", "advice", "count", "evidence", "fingerprint", "fired_s", "held", "id", "last_s",
        "lasts", "message", "origin", "resolved_at", "severity", "started_at", "state", "suppressed", "told", "trace",
        "trace_cut", "updated_at", "value", "waiting", "worse",
    )  # fmt: skip

    def __init__(self, origin: Origin, severity: AlertSeverity, message: str, at: datetime) -> None:
        self.origin = origin
        self.severity = severity
        self.message = message
        self.fingerprint = origin.fingerprint
        # Made from what came in, not by chance: a replayed run has the same ids.
        self.id = sha256_hex(f"{self.fingerprint}@{at.isoformat()}".encode())[:12]
        self.state = AlertState.PENDING
        self.started_at = self.updated_at = at
        self.resolved_at: datetime | None = None
        self.value: float | None = None
        self.count = 0
        self.lasts = False
        self.last_s = 0.0
        self.fired_s: float | None = None
        self.suppressed = False
        self.held: Held | None = None
        self.acknowledgement: Acknowledgement | None = None
        self.evidence: list[Evidence] = []
        self.advice: tuple[str, ...] = ()
        self.trace: list[TraceStep] = []
        self.trace_cut = 0
        self.told: dict[str, Told] = {}
        self.waiting = False
        self.worse = False
        self._facts: tuple[AlertSeverity, dict[str, str]] | None = None

    @property
    def is_event(self) -> bool:
        """Whether the program raised it itself."""
        return not self.origin.rule

    def note(self, at: datetime, what: str, why: str) -> None:
        """Write a decision into the trace; the same decision twice in a row is written once."""
        trace = self.trace
        if trace and trace[-1].what == what and trace[-1].why == why:
            return
        if len(trace) >= TRACE_HEAD + TRACE_TAIL:
            del trace[TRACE_HEAD]
            self.trace_cut += 1
        trace.append(TraceStep(at, what, why))

    def acknowledged(self, utc: datetime) -> bool:
        """Whether somebody takes care of it as bad as it is now, and still does at this time."""
        mark = self.acknowledgement
        if mark is None or mark.severity < self.severity:
            return False
        return mark.expires_at is None or utc < mark.expires_at

    def facts(self) -> dict[str, str]:
        """What matchers look at."""
        if self._facts is None or self._facts[0] is not self.severity:
            self._facts = self.severity, facts_of(self.snapshot())
        return self._facts[1]

    def add_evidence(self, found: Evidence) -> None:
        """Keep a proof; the newest of each kind."""
        others = [kept for kept in self.evidence if kept.kind != found.kind]
        self.evidence = [*others[1 - MAX_EVIDENCE :], found]

    def show_evidence(self, found: tuple[Evidence, ...]) -> None:
        """Let these proofs take the place of all that were there, several of one kind included."""
        self.evidence = list(found[:MAX_EVIDENCE])

    def advise(self, recommendations: tuple[str, ...]) -> None:
        """Let advice that fits what was found take the place of the rule's; none leaves it as it is."""
        self.advice = recommendations or self.advice

    def snapshot(self) -> PerformanceAlert:
        """The alert as it stands."""
        origin = self.origin
        return PerformanceAlert(
            origin.title, self.message, self.severity, origin.category,
            id=self.id, fingerprint=self.fingerprint, rule=origin.rule, source=origin.source,
            component=origin.component, recommendations=self.advice or origin.recommendations,
            evidence=tuple(self.evidence), labels=dict(origin.labels),
            value=self.value, threshold=origin.threshold, unit=origin.unit,
            started_at=self.started_at, updated_at=self.updated_at, resolved_at=self.resolved_at, state=self.state,
            count=max(self.count, 1), suppressed=self.suppressed, held=self.held,
            acknowledgement=self.acknowledgement, trace=self._shown_trace(),
            runbook_url=origin.runbook_url, owner=origin.owner,
        )  # fmt: skip

    def _shown_trace(self) -> tuple[TraceStep, ...]:
        if not self.trace_cut:
            return tuple(self.trace)
        left_out = TraceStep(self.trace[TRACE_HEAD].at, "left out", f"{self.trace_cut} earlier decisions")
        return (*self.trace[:TRACE_HEAD], left_out, *self.trace[TRACE_HEAD:])
