"""What of an open alert outlives the program: enough to go on with it as if nothing had happened.

Monotonic seconds mean nothing to the next process, so they are kept as ages. What is real time goes on while the
program is away (when somebody was told); what is the alert's own time does not (how long a breach has lasted).
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from tocsin.alerts.episode import Episode, Origin, Told
from tocsin.alerts.flapping import Flapping
from tocsin.alerts.life import Life
from tocsin.model.alert import Acknowledgement, Evidence, TraceStep
from tocsin.model.levels import AlertSeverity, AlertState, Held

if TYPE_CHECKING:
    from tocsin.alerts.watch import Watch
    from tocsin.clock import Instant


class KeptTold(msgspec.Struct, frozen=True, kw_only=True):
    """`Told`, with ages."""

    severity: AlertSeverity
    first_at: datetime
    first_age_s: float
    last_age_s: float
    said: bool
    worse: bool
    passed_on: bool


class KeptFlapping(msgspec.Struct, frozen=True):
    """`Flapping`, with ages in active seconds."""

    ages_s: list[float]
    active: bool


class KeptLife(msgspec.Struct, frozen=True, kw_only=True):
    """How far a rule's alert has come.

    Attributes:
        accrued_s: active seconds of breach while pending, of recovery while clearing.
        clearing: whether it fires and the value has gone back.
        flapping: its comings and goings; None where there were none.
    """

    accrued_s: float
    clearing: bool
    flapping: KeptFlapping | None = None


class KeptAlert(msgspec.Struct, frozen=True, kw_only=True):
    """An open alert.

    Attributes:
        kept_at: when this was written, UTC.
        age_s: seconds since its last occurrence or change.
        fired_age_s: seconds since it began to fire, as far as somebody watched; None before.
        life: of a rule's alert; None for an event.
    """

    kept_at: datetime
    origin: Origin
    id: str
    severity: AlertSeverity
    message: str
    state: AlertState
    started_at: datetime
    updated_at: datetime
    value: float | None
    count: int
    lasts: bool
    age_s: float
    fired_age_s: float | None
    suppressed: bool
    held: Held | None
    acknowledgement: Acknowledgement | None
    evidence: list[Evidence]
    advice: tuple[str, ...]
    trace: list[TraceStep]
    trace_cut: int
    told: dict[str, KeptTold]
    waiting: bool
    worse: bool
    life: KeptLife | None = None


def keep(episode: Episode, now: Instant, life: KeptLife | None) -> KeptAlert:
    """An open alert as it stands."""
    mono_s = now.mono_s
    told = {
        channel: KeptTold(
            severity=one.severity, first_at=one.first_at, first_age_s=mono_s - one.first_s,
            last_age_s=mono_s - one.last_s, said=one.said, worse=one.worse, passed_on=one.passed_on,
        )
        for channel, one in episode.told.items()
    }  # fmt: skip
    return KeptAlert(
        kept_at=now.utc, origin=episode.origin, id=episode.id, severity=episode.severity, message=episode.message,
        state=episode.state, started_at=episode.started_at, updated_at=episode.updated_at, value=episode.value,
        count=episode.count, lasts=episode.lasts, age_s=mono_s - episode.last_s,
        fired_age_s=None if episode.fired_s is None else mono_s - episode.fired_s, suppressed=episode.suppressed,
        held=episode.held, acknowledgement=episode.acknowledgement, evidence=episode.evidence, advice=episode.advice,
        trace=episode.trace, trace_cut=episode.trace_cut, told=told, waiting=episode.waiting, worse=episode.worse,
        life=life,
    )  # fmt: skip


def revive(kept: KeptAlert, now: Instant) -> Episode:
    """The alert in a new process. A wall clock that was set back meanwhile counts as no time away."""
    away_s = max((now.utc - kept.kept_at).total_seconds(), 0.0)
    since_s = now.mono_s - away_s
    episode = Episode(kept.origin, kept.severity, kept.message, kept.started_at)
    for name in ("id", "state", "updated_at", "value", "count", "lasts", "suppressed", "held", "acknowledgement",
                 "evidence", "advice", "trace", "trace_cut", "waiting", "worse"):  # fmt: skip
        setattr(episode, name, getattr(kept, name))
    episode.last_s = since_s - kept.age_s
    # Its wait for a cause does not run out while nobody looks for one.
    episode.fired_s = None if kept.fired_age_s is None else now.mono_s - kept.fired_age_s
    episode.told = {
        channel: Told(
            one.severity, one.first_at, since_s - one.first_age_s, since_s - one.last_age_s, one.said, one.worse,
            one.passed_on, earlier=episode.is_event,
        )
        for channel, one in kept.told.items()
    }  # fmt: skip
    return episode


def life_of(watch: Watch, active_s: float) -> KeptLife:
    """How far the alert of a watch has come."""
    life = watch.life
    flapping = None if watch.flapping is None else keep_flapping(watch, active_s)
    return KeptLife(accrued_s=life.accrued_s, clearing=life.clearing, flapping=flapping)


def keep_flapping(watch: Watch, active_s: float) -> KeptFlapping:
    """The comings and goings of a watch's alert, which has rung before."""
    flapping = watch.flapping or Flapping()
    return KeptFlapping([active_s - time_s for time_s in flapping.times], flapping.active)


def revive_flapping(kept: KeptFlapping, active_s: float) -> Flapping:
    """The same in a new process."""
    return Flapping([active_s - age_s for age_s in kept.ages_s], active=kept.active)


def resume(watch: Watch, episode: Episode, kept: KeptLife, active_s: float) -> None:
    """Let a watch go on where that of another process stopped."""
    if kept.flapping is not None:
        watch.flapping = revive_flapping(kept.flapping, active_s)
    watch.resume(episode, Life(episode.state, kept.accrued_s, active_s, kept.clearing))
