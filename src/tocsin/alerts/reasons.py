"""The reasons not to tell, asked in this order on the full present state.

disabled, silence, maintenance, inhibition, acknowledgement, suppression, limit. Each is a function from an episode to
an explanation, or None when it does not hold; suppression and limit are asked where their counts are kept. Silences and
maintenance windows take their places here when they are built.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tocsin.model.levels import AlertState, Held

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tocsin.alerts.episode import Episode


class Reason(NamedTuple):
    """Why nobody is told."""

    held: Held
    why: str


class Families:
    """Which alerts are degrees of the same trouble: equal metric, component and labels.

    The worst that fires speaks for its family. This is worked out from all that fires, so the order in which they
    came does not matter.
    """

    def __init__(self, episodes: Iterable[Episode]) -> None:
        self._worst: dict[object, Episode] = {}
        for episode in episodes:
            if episode.is_event or episode.state is not AlertState.FIRING:
                continue
            family = _family(episode)
            worst = self._worst.get(family)
            if worst is None or episode.severity > worst.severity:
                self._worst[family] = episode

    def inhibition(self, episode: Episode) -> Reason | None:
        """A higher severity of the same family silences the lower."""
        if episode.is_event:
            return None
        worst = self._worst.get(_family(episode))
        if worst is None or worst.severity <= episode.severity:
            return None
        return Reason(Held.INHIBITION, f"{worst.origin.rule} ({worst.severity.word}) rings for the same series")


def acknowledgement(episode: Episode) -> Reason | None:
    """Somebody takes care of this episode."""
    mark = episode.acknowledgement
    if mark is None or not episode.acknowledged():
        return None
    return Reason(Held.ACKNOWLEDGEMENT, f"acknowledged by {mark.by or 'somebody'}")


def _family(episode: Episode) -> object:
    origin = episode.origin
    return (origin.metric, origin.unit, origin.component, origin.labels)
