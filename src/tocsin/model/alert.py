"""The alert: one episode of badness, as a value that explains itself."""

from __future__ import annotations

import os
from datetime import datetime
from typing import Final

import msgspec

from tocsin.clock import utc_now
from tocsin.model.levels import AlertCategory, AlertSeverity, AlertState, Held, read_level
from tocsin.model.readings import inert

MAX_EVIDENCE_LINES: Final = 20
MAX_EVIDENCE_CHARS: Final = 200


class Evidence(msgspec.Struct, frozen=True):
    """What an alert carries to prove itself.

    It is bounded when it is made: of more than 20 lines the last says how many are left out, and what is longer than
    200 characters ends in a mark.

    Attributes:
        kind: `stack`, `threads`, `gc_pauses`, `filesystems`, `processes`, …: what the lines are.
        title: a line that says what is shown.
        lines: the proof; most telling first.
    """

    kind: str
    title: str
    lines: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        lines = self.lines
        if len(lines) > MAX_EVIDENCE_LINES:
            left_out = len(lines) - MAX_EVIDENCE_LINES + 1
            lines = (*lines[: MAX_EVIDENCE_LINES - 1], f"… and {left_out} more")
        short = tuple(inert(line, MAX_EVIDENCE_CHARS) for line in lines)
        msgspec.structs.force_setattr(self, "title", inert(self.title, MAX_EVIDENCE_CHARS))
        msgspec.structs.force_setattr(self, "lines", short)


class Acknowledgement(msgspec.Struct, frozen=True):
    """Somebody has seen the alert and takes care: repeats of this episode stop.

    Attributes:
        by: who.
        at: when, UTC.
        comment: what they say of it.
        severity: the severity they saw; a worse one makes the mark void.
        expires_at: when it is void by itself, UTC; None: with the episode.
    """

    by: str
    at: datetime
    comment: str = ""
    severity: AlertSeverity = AlertSeverity.CRITICAL
    expires_at: datetime | None = None


class TraceStep(msgspec.Struct, frozen=True):
    """One decision on the way of an alert.

    Attributes:
        at: when, UTC.
        what: what was decided: `pending`, `firing`, `told`, `held`, `resolved`, …
        why: the reason, with its figures.
    """

    at: datetime
    what: str
    why: str


class _AlertHead(msgspec.Struct, frozen=True):
    """The fields that may be given by position."""

    title: str
    message: str
    severity: AlertSeverity
    category: AlertCategory = AlertCategory.GENERAL


class PerformanceAlert(_AlertHead, frozen=True, kw_only=True):
    """One episode, from its first breach (or event) to its end.

    Attributes:
        title: what is wrong, in a few words.
        message: what is wrong, with figures.
        severity: how urgent; also given as a number 1 to 3 or a name.
        category: what it is about.
        id: unique for this episode.
        fingerprint: the same for every episode of the same trouble.
        rule: the rule that rang; empty for an event.
        source: who raised the event; for a rule its name.
        component: the part of the program.
        recommendations: what to do, most useful first.
        evidence: the proof.
        value: the value that decided, in `unit`: of an alert that is over the one at its end, else the one at which it
            last rang. None for events, and at an end that nobody measured.
        threshold: what it was compared with, in `unit`.
        unit: base unit (`1`, `By`, `s`, `By/s`, …).
        labels: of the series or the event.
        started_at: first breach or event, UTC.
        updated_at: last change, UTC.
        resolved_at: its end, UTC; None while open.
        state: pending, firing or resolved.
        count: occurrences in this episode.
        triggered: whether it is, or was, more than a pending suspicion.
        suppressed: whether nobody was told of its last occurrence.
        held: why nobody was told; None when somebody was.
        acknowledgement: who has seen it; kept after the end.
        trace: every decision on its way, oldest first; bounded.
        runbook_url: where the longer answer stands.
        owner: who answers for it.
    """

    id: str = msgspec.field(default_factory=lambda: os.urandom(8).hex())
    fingerprint: str = ""
    rule: str = ""
    source: str = ""
    component: str = ""
    recommendations: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    value: float | None = None
    threshold: float | None = None
    unit: str = ""
    labels: dict[str, str] = {}
    started_at: datetime = msgspec.field(default_factory=utc_now)
    updated_at: datetime | None = None
    resolved_at: datetime | None = None
    state: AlertState = AlertState.FIRING
    count: int = 1
    suppressed: bool = False
    held: Held | None = None
    acknowledgement: Acknowledgement | None = None
    trace: tuple[TraceStep, ...] = ()
    runbook_url: str = ""
    owner: str = ""

    def __post_init__(self) -> None:
        if type(self.severity) is not AlertSeverity:
            msgspec.structs.force_setattr(self, "severity", read_level(self.severity)[0])
        if type(self.category) is not AlertCategory:
            msgspec.structs.force_setattr(self, "category", AlertCategory(self.category))

    @property
    def level(self) -> AlertSeverity:
        """The severity, under the name that signals and `emit` use."""
        return self.severity

    @property
    def triggered(self) -> bool:
        """Whether it is, or was, more than a pending suspicion."""
        return self.state in {AlertState.FIRING, AlertState.RESOLVED}

    @property
    def last_at(self) -> datetime:
        """When it last changed or occurred, UTC."""
        return self.updated_at or self.started_at

    def is_acknowledged(self, utc: datetime) -> bool:
        """Whether somebody takes care of it as bad as it is, and still does at this time, or did to its end."""
        mark = self.acknowledgement
        if mark is None or mark.severity < self.severity:
            return False
        return mark.expires_at is None or (self.resolved_at or utc) < mark.expires_at

    def with_component(self, component: str) -> PerformanceAlert:
        """The same alert, about another part of the program."""
        return msgspec.structs.replace(self, component=component)

    def with_recommendations(self, *recommendations: str) -> PerformanceAlert:
        """The same alert with this advice added behind what it has."""
        flat = [text for item in recommendations for text in ([item] if isinstance(item, str) else item)]
        return msgspec.structs.replace(self, recommendations=(*self.recommendations, *flat))
