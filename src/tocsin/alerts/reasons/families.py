"""Families: alerts that are degrees of one trouble, and causes with their effects, as far as the metrics tell.

The worst that fires speaks for its family, and a cause speaks for effects that are not worse. What is full already need
not be foretold: an alert on what is speaks for one on what is to come.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from tocsin.alerts.reasons.reason import Reason
from tocsin.model.levels import AlertState, Held

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tocsin.alerts.episode import Episode

_Key = TypeVar("_Key")

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

    Attributes:
        contained: whether the program has a limit of its own. If so, what fills up is not the machine by its fault.
    """

    def __init__(self) -> None:
        self.contained = False
        self._worst: dict[object, Episode] = {}
        self._worst_by_metric: dict[str, Episode] = {}
        self._worst_that_is: dict[object, Episode] = {}

    def look(self, everybody: Iterable[Episode]) -> None:
        """Take in all that is open."""
        self._worst, self._worst_by_metric, self._worst_that_is = {}, {}, {}
        for episode in everybody:
            if episode.is_event or episode.state is not AlertState.FIRING:
                continue
            _keep_worse(self._worst, family_of(episode), episode)
            _keep_worse(self._worst_by_metric, episode.origin.metric, episode)
            if not episode.origin.foretold:
                _keep_worse(self._worst_that_is, family_of(episode), episode)

    def hold(self, episode: Episode) -> Reason | None:
        """A higher severity of the same family silences the lower, and a cause its effects."""
        if episode.is_event:
            return None
        worst = self._worst.get(family_of(episode))
        if worst is not None and worst.severity > episode.severity:
            return Reason(Held.INHIBITION, f"{worst.origin.rule} ({worst.severity.word}) rings for the same series")
        present = self._worst_that_is.get(family_of(episode)) if episode.origin.foretold else None
        if present is not None and present.severity >= episode.severity:
            return Reason(Held.INHIBITION, f"{present.origin.rule} ({present.severity.word}) rings for what is there")
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
        if metric == "system.memory.utilization" and self.contained:
            return ()
        return _CAUSES.get(metric, ())


def family_of(episode: Episode) -> object:
    """What is the same in all degrees of one trouble."""
    origin = episode.origin
    trouble = _SAME_TROUBLE.get(origin.metric)
    return (trouble or (origin.metric, origin.unit), origin.component, origin.labels)


def _keep_worse(worst: dict[_Key, Episode], key: _Key, episode: Episode) -> None:
    known = worst.get(key)
    if known is None or episode.severity > known.severity:
        worst[key] = episode
