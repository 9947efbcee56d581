"""Somebody takes care of the alert: its repeats stop, until the mark expires or the alert gets worse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.alerts.reasons.reason import Reason
from tocsin.model.levels import Held

if TYPE_CHECKING:
    from tocsin.alerts.episode import Episode
    from tocsin.clock import Instant


def acknowledgement(episode: Episode, now: Instant) -> Reason | None:
    """Whether somebody takes care of this episode, as bad as it is now."""
    mark = episode.acknowledgement
    if mark is None or not episode.acknowledged(now.utc):
        return None
    return Reason(Held.ACKNOWLEDGEMENT, f"acknowledged by {mark.by or 'somebody'}", mark.expires_at)
