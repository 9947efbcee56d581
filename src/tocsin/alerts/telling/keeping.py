"""What the teller remembers between two runs: windows, limits, what is unsaid, and what people ordered."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from tocsin.alerts.acting import KeptActing
from tocsin.alerts.keeping import KeptFlapping
from tocsin.model.alert import PerformanceAlert
from tocsin.model.notice import DigestLine
from tocsin.model.orders import Maintenance, Silence

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin.alerts.telling.teller import Teller
    from tocsin.clock import Instant


class KeptDesk(msgspec.Struct, frozen=True):
    """What is kept for one channel.

    Attributes:
        tokens: of its limit.
        unsaid: what waits for the digest.
        ended: the ends of alerts that wait to be told with their group, with the reasons.
    """

    tokens: float
    unsaid: list[DigestLine]
    ended: list[tuple[PerformanceAlert, str]]


class KeptTeller(msgspec.Struct, frozen=True, kw_only=True):
    """The teller's memory; ages in seconds before `kept_at`.

    Attributes:
        told: of each source and level, how long ago it was told.
        digest_wait_s: how long the next digest waits.
        digest_in_s: when it is due; None: there is nothing to say.
        made: notices made, so that their numbers go on.
        silences: those in force or to come.
        maintenance: the windows that were ordered while the program ran.
        flapping: comings and goings of alerts that are not open, by fingerprint.
        acting: how often actions ran; None: none did.
    """

    kept_at: datetime
    told: list[tuple[str, int, list[float]]]
    storm: list[float]
    digest_wait_s: float
    digest_in_s: float | None
    made: int
    desks: dict[str, KeptDesk]
    silences: list[Silence]
    maintenance: list[Maintenance]
    acting: KeptActing | None = None
    flapping: dict[str, KeptFlapping] = {}


def keep_teller(
    teller: Teller,
    now: Instant,
    acting: KeptActing | None = None,
    flapping: Mapping[str, KeptFlapping] | None = None,
) -> KeptTeller:
    """What a teller knows, and what is known of actions."""
    mono_s, digests = now.mono_s, teller.digests
    told = [
        (source, level, [mono_s - time_s for time_s in times])
        for (source, level), times in teller.suppressor.last.items()
        if mono_s - times[-1] < teller.suppressor.window_s
    ]
    return KeptTeller(
        kept_at=now.utc, told=told, storm=[mono_s - time_s for time_s in teller.storm.times],
        digest_wait_s=digests.wait_s, digest_in_s=None if digests.due_s is None else digests.due_s - mono_s,
        made=teller.made,
        desks={
            channel: KeptDesk(
                desk.bucket.tokens(mono_s),
                list(desk.unsaid.values()),
                [] if desk.groups is None else desk.groups.ended(),
            )
            for channel, desk in teller.desks.items()
        },
        silences=list(teller.reasons.silences), maintenance=teller.reasons.maintenance.ordered(),
        acting=acting, flapping=dict(flapping or {}),
    )  # fmt: skip


def revive_teller(teller: Teller, kept: KeptTeller, now: Instant) -> None:
    """Let a new teller know what the one before knew. What is configured goes before what was ordered."""
    since_s = now.mono_s - max((now.utc - kept.kept_at).total_seconds(), 0.0)
    for source, level, ages_s in kept.told:
        for age_s in ages_s:
            teller.suppressor.note(source, level, since_s - age_s)
    teller.storm.times.extend(since_s - age_s for age_s in kept.storm)
    teller.digests.wait_s = kept.digest_wait_s
    teller.digests.due_s = None if kept.digest_in_s is None else max(since_s + kept.digest_in_s, now.mono_s)
    teller.made = kept.made
    for channel, kept_desk in kept.desks.items():
        desk = teller.desks.get(channel)
        if desk is None:
            continue
        desk.bucket.fill(kept_desk.tokens, since_s)
        desk.unsaid = {(line.alert_id, line.reason): line for line in kept_desk.unsaid}
        if kept_desk.ended:
            teller.tell_ends(desk, kept_desk.ended, now)
    for silence in kept.silences:
        teller.reasons.silences.put(silence)
    known = {window.name for window in teller.reasons.maintenance}
    for window in kept.maintenance:
        if window.name not in known:
            teller.reasons.maintenance.put(window)
