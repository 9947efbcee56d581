"""Inhibition: what another alert says already need not be told.

A higher severity of the same family silences the lower; a cause silences its effects.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

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
    """

    def __init__(self, configured: Iterable[Inhibition] = (), wait_s: float = 0.0) -> None:
        self._wait_s = wait_s
        self._configured = tuple(configured)
        self._worst: dict[object, Episode] = {}
        self._causes: list[tuple[Inhibition, Episode]] = []

    def look(self, everybody: Iterable[Episode]) -> None:
        """Take in all that is open."""
        self._worst, self._causes = {}, []
        for episode in everybody:
            if episode.state is not AlertState.FIRING:
                continue
            if not episode.is_event:
                self._enter(episode)
            self._causes += [(one, episode) for one in self._configured if all_match(one.source, episode.facts())]

    def hold(self, episode: Episode, now: Instant) -> Reason | None:
        """The alert that speaks for this one, if there is one, or may come in a moment."""
        return self._by_family(episode) or self._by_cause(episode) or self._in_wait(episode, now)

    def _enter(self, episode: Episode) -> None:
        family = family_of(episode)
        worst = self._worst.get(family)
        if worst is None or episode.severity > worst.severity:
            self._worst[family] = episode

    def _by_family(self, episode: Episode) -> Reason | None:
        if episode.is_event:
            return None
        worst = self._worst.get(family_of(episode))
        if worst is None or worst.severity <= episode.severity:
            return None
        return Reason(Held.INHIBITION, f"{worst.origin.rule} ({worst.severity.word}) rings for the same series")

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


def family_of(episode: Episode) -> object:
    """Which alerts are degrees of the same trouble: equal metric, unit, component and labels."""
    origin = episode.origin
    return (origin.metric, origin.unit, origin.component, origin.labels)
