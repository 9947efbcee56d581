"""A channel that tells nobody: for trying rules without the secrets of the channels."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tocsin.model.alert import PerformanceAlert


class MuteChannel:
    """Stands in for a channel where only what it would be told is of interest.

    Args:
        name: of the channel that it stands in for.
        keeps_state: whether that one's receiver keeps open alerts.
    """

    def __init__(self, name: str, *, keeps_state: bool = False) -> None:
        self.name = name
        self.keeps_state = keeps_state

    async def send_alert(self, alert: PerformanceAlert) -> None:
        """Nobody is told."""
