"""Inhibition: what another alert says already need not be told.

A higher severity of the same family silences the lower, and a cause silences its effects: causes that the metrics tell
(families.py), and those that are configured.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from tocsin.alerts.reasons.families import Families
from tocsin.alerts.reasons.reason import Reason
from tocsin.model.levels import AlertState, Held
from tocsin.model.matching import all_match

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tocsin.alerts.episode import Episode
    from tocsin.clock import Instant
    from tocsin.model.orders import Inhibition


class Inhibitions:
    """Which alerts hold back which, worked out from all that fires.

    Args:
        configured: causes and their effects.
        wait_s: how long a possible effect waits for its cause, so that it does not matter which comes first.

    Attributes:
        families: those that the metrics tell.
    """

    def __init__(self, configured: Iterable[Inhibition] = (), wait_s: float = 0.0) -> None:
        self.families = Families()
        self._wait_s = wait_s
        self._configured = tuple(configured)
        self._causes: list[tuple[Inhibition, Episode]] = []

    def reload(self, configured: Iterable[Inhibition], wait_s: float) -> bool:
        """Go by these from now on. Whether they are other ones."""
        before = (self._configured, self._wait_s)
        self._configured, self._wait_s = after = (tuple(configured), wait_s)
        return before != after

    def look(self, everybody: Iterable[Episode]) -> None:
        """Take in all that is open."""
        episodes = [episode for episode in everybody if episode.state is AlertState.FIRING]
        self.families.look(episodes)
        self._causes = [
            (one, episode) for one in self._configured for episode in episodes if all_match(one.source, episode.facts())
        ]

    def hold(self, episode: Episode, now: Instant) -> Reason | None:
        """The alert that speaks for this one, if there is one, or may come in a moment."""
        return self.families.hold(episode) or self._by_cause(episode) or self._in_wait(episode, now)

    def _by_cause(self, episode: Episode) -> Reason | None:
        for one, cause in self._causes:
            if cause is episode or not all_match(one.target, episode.facts()):
                continue
            # What matches both sides would hold back its own kind, and two of them each other.
            if all_match(one.target, cause.facts()) and all_match(one.source, episode.facts()):
                continue
            here, there = episode.facts(), cause.facts()
            if all(here.get(name, "") == there.get(name, "") for name in one.equal):
                return Reason(Held.INHIBITION, f"an effect of {cause.origin.title!r}, which fires")
        return None

    def _in_wait(self, episode: Episode, now: Instant) -> Reason | None:
        if not self._configured or episode.fired_s is None:
            return None
        left_s = episode.fired_s + self._wait_s - now.mono_s
        if left_s <= 0 or not any(all_match(one.target, episode.facts()) for one in self._configured):
            return None
        until = now.utc + timedelta(seconds=left_s)
        return Reason(Held.INHIBITION, f"waits {self._wait_s:g} s for what may be its cause", until)
