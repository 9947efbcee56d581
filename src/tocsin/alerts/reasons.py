"""The reasons not to tell, asked in this order on the full present state.

disabled, silence, maintenance, inhibition, acknowledgement, suppression, limit. Each is a function from an episode to
an explanation, or None when it does not hold; suppression and limit are asked where their counts are kept. Silences and
maintenance windows take their places here when they are built.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from tocsin.model.levels import AlertState, Held

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tocsin.alerts.episode import Episode


_Key = TypeVar("_Key")


class Reason(NamedTuple):
    """Why nobody is told."""

    held: Held
    why: str


# Metrics that tell of the same trouble: the count of leaks says that there is one, the rate how bad it is.
_SAME_TROUBLE: Final = {"tocsin.memory.leak.count": "leak", "tocsin.memory.leak.rate": "leak"}
# What fills up since something else does, and grows since something leaks: the cause speaks for its effects.
_CAUSES: Final[dict[str, tuple[str, ...]]] = {
    "container.memory.utilization": ("process.memory.utilization",),
    "system.memory.utilization": ("process.memory.utilization",),
}
_CAUSES_OF_GROWTH: Final = ("tocsin.memory.leak.count", "tocsin.memory.leak.rate")


class Families:
    """Which alerts are degrees of the same trouble: equal metric, component and labels; and which are its effects.

    The worst that fires speaks for its family, and a cause speaks for effects that are not worse. This is worked out
    from all that fires, so the order in which they came does not matter.

    Args:
        episodes: all that are open.
        contained: whether the program has a limit of its own. If so, what fills up is not the machine by its fault.
    """

    def __init__(self, episodes: Iterable[Episode], *, contained: bool = False) -> None:
        self._contained = contained
        self._worst: dict[object, Episode] = {}
        self._worst_by_metric: dict[str, Episode] = {}
        for episode in episodes:
            if episode.is_event or episode.state is not AlertState.FIRING:
                continue
            _keep_worse(self._worst, _family(episode), episode)
            _keep_worse(self._worst_by_metric, episode.origin.metric, episode)

    def inhibition(self, episode: Episode) -> Reason | None:
        """A higher severity of the same family silences the lower, and a cause its effects."""
        if episode.is_event:
            return None
        worst = self._worst.get(_family(episode))
        if worst is not None and worst.severity > episode.severity:
            return Reason(Held.INHIBITION, f"{worst.origin.rule} ({worst.severity.word}) rings for the same series")
        for metric in self._causes(episode):
            cause = self._worst_by_metric.get(metric)
            if cause is not None and cause.severity >= episode.severity:
                return Reason(Held.INHIBITION, f"{cause.origin.rule} ({cause.severity.word}) rings for the cause")
        return None

    def _causes(self, episode: Episode) -> tuple[str, ...]:
        metric, unit = episode.origin.metric, episode.origin.unit
        # A rule on how fast memory grows, and none on how much there is of it.
        if metric == "tocsin.memory.growth.rate" or (metric == "process.memory.usage" and unit == "By/s"):
            return _CAUSES_OF_GROWTH
        if metric == "system.memory.utilization" and self._contained:
            return ()
        return _CAUSES.get(metric, ())


def acknowledgement(episode: Episode) -> Reason | None:
    """Somebody takes care of this episode."""
    mark = episode.acknowledgement
    if mark is None or not episode.acknowledged():
        return None
    return Reason(Held.ACKNOWLEDGEMENT, f"acknowledged by {mark.by or 'somebody'}")


def _family(episode: Episode) -> object:
    origin = episode.origin
    trouble = _SAME_TROUBLE.get(origin.metric)
    return (trouble or (origin.metric, origin.unit), origin.component, origin.labels)


def _keep_worse(worst: dict[_Key, Episode], key: _Key, episode: Episode) -> None:
    known = worst.get(key)
    if known is None or episode.severity > known.severity:
        worst[key] = episode
