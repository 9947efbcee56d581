"""The reasons not to tell, one file each, asked in this order on the full present state.

disabled, silence, maintenance, inhibition, acknowledgement, suppression, limit. A disabled rule has no alerts at all;
the last two are asked where their counts are kept, when somebody would be told. Those between are asked here, of all
that fires and not of what came last, so that the order in which things came does not matter, nor a restart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.alerts.reasons.acknowledgement import acknowledgement
from tocsin.alerts.reasons.inhibition import Inhibitions
from tocsin.alerts.reasons.maintenance import MaintenanceWindows
from tocsin.alerts.reasons.reason import Reason
from tocsin.alerts.reasons.silences import Silences

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tocsin.alerts.episode import Episode
    from tocsin.clock import Instant
    from tocsin.model.orders import Inhibition, Maintenance

__all__ = ["Reason", "Reasons"]


class Reasons:
    """Holds alerts back for what people ordered, and for what other alerts say already.

    Args:
        maintenance: the windows that are configured.
        inhibitions: which alerts are only effects of which.
        inhibition_wait_s: how long a possible effect waits for its cause.

    Attributes:
        silences: those in force or to come.
        maintenance: the windows that are known.
        inhibitions: which alerts hold back which.
    """

    def __init__(
        self,
        *,
        maintenance: Iterable[Maintenance] = (),
        inhibitions: Iterable[Inhibition] = (),
        inhibition_wait_s: float = 0.0,
    ) -> None:
        self.silences = Silences()
        self.maintenance = MaintenanceWindows(maintenance)
        self.inhibitions = Inhibitions(inhibitions, inhibition_wait_s)

    def reload(
        self, *, maintenance: Iterable[Maintenance], inhibitions: Iterable[Inhibition], inhibition_wait_s: float
    ) -> bool:
        """Go by what is configured now; what was ordered stays. Whether anything is different."""
        other_windows = self.maintenance.reload(maintenance)
        return self.inhibitions.reload(inhibitions, inhibition_wait_s) or other_windows

    @property
    def version(self) -> int:
        """Grows with each order that was given or taken back."""
        return self.silences.version + self.maintenance.version

    def look(self, everybody: Iterable[Episode]) -> None:
        """Take in all that is open, before it is asked of single alerts."""
        self.inhibitions.look(everybody)

    def hold(self, episode: Episode, now: Instant) -> Reason | None:
        """The first reason that holds; None: tell."""
        return (
            self.silences.hold(episode, now)
            or self.maintenance.hold(episode, now)
            or self.inhibitions.hold(episode, now)
            or acknowledgement(episode, now)
        )
