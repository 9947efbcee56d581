"""What each room is told, in values of its own: the rooms know nothing of `AlertConfig`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tocsin.alerts.settings import AlertSettings, Route
from tocsin.memory.settings import MemorySettings
from tocsin.model.action import ActionLimits
from tocsin.sensors.storage.settings import StorageSettings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tocsin.artifacts import ArtifactBounds
    from tocsin.journal.history.upkeep import Bounds
    from tocsin.model.orders import Inhibition, Maintenance


class RoomSettings:
    """The settings of `AlertConfig`, sorted by the room that they are for."""

    __slots__ = ()

    if TYPE_CHECKING:
        state_dir: Path | None
        false_alarms_per_week: float
        journal: Mapping[str, Any]
        memory: Mapping[str, Any]
        storage: Mapping[str, Any]
        actions: Mapping[str, Any]
        artifacts: Mapping[str, Any]
        suppress_after: int
        suppress_window: float
        event_ttl: float
        storm_after: int
        maintenance: tuple[Maintenance, ...]
        inhibition: tuple[Inhibition, ...]
        inhibition_wait: float
        history_size: int
        max_open_alerts: int

    def alert_settings(self, routes: tuple[Route, ...] = ()) -> AlertSettings:
        """What the room of alerts is told; the routes come from whoever has the channels."""
        return AlertSettings(
            routes=routes,
            suppress_after=self.suppress_after,
            suppress_window_s=self.suppress_window,
            event_ttl_s=self.event_ttl,
            max_open=self.max_open_alerts,
            history_size=self.history_size,
            storm_after=self.storm_after,
            maintenance=self.maintenance,
            inhibitions=self.inhibition,
            inhibition_wait_s=self.inhibition_wait,
            actions=self.action_limits,
            false_alarms_per_week=self.false_alarms_per_week,
        )

    @property
    def memory_interval_bytes(self) -> int:
        """Bytes of allocation between two samples of the memory profiler."""
        return self.memory_settings.interval_bytes

    @property
    def memory_settings(self) -> MemorySettings:
        """What the memory profiler is told."""
        given = self.memory
        return MemorySettings(
            enabled=given["enabled"],
            interval_bytes=given["interval"],
            snapshot_s=given["snapshot"],
            tier=given["tier"],
        )

    @property
    def journal_bounds(self) -> Bounds:
        """How much the journal keeps."""
        from tocsin.journal.history.upkeep import Bounds  # noqa: PLC0415 - it loads SQLite, which few need

        given = self.journal
        return Bounds(
            raw_s=given["readings"],
            minutes_s=given["minutes"],
            alerts_s=given["alerts"],
            size_bytes=given["size"],
        )

    @property
    def action_limits(self) -> ActionLimits:
        """How often one action of one rule may run."""
        given = self.actions
        return ActionLimits(cooldown_s=given["cooldown"], count=given["count"], window_s=given["window"])

    @property
    def artifact_bounds(self) -> ArtifactBounds:
        """How many artifacts are kept."""
        from tocsin.artifacts import ArtifactBounds  # noqa: PLC0415 - only where something is captured

        given = self.artifacts
        return ArtifactBounds(
            size_bytes=given["size"],
            count=given["count"],
            age_s=given["age"],
            min_free_bytes=given["min_free"],
        )

    @property
    def storage_settings(self) -> StorageSettings:
        """What the background probe of storage is told; without a directory of its own it takes `state_dir`."""
        given = self.storage
        state_dir = self.state_dir if self.state_dir is not None and self.state_dir.is_dir() else None
        return StorageSettings(
            directory=given.get("directory") or state_dir,
            read_probe=given["read_probe"],
            write_probe=given["write_probe"],
            write_every_s=given["write_every"],
            write_budget_bytes=given["write_budget"],
            min_free_bytes=given["min_free"],
        )
