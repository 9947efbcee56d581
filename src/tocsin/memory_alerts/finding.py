"""What a report or an analysis says, on its way into the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from tocsin.model.alert import Evidence
from tocsin.model.readings import SeriesKey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.model.alert import PerformanceAlert
    from tocsin.model.levels import AlertCategory
    from tocsin.model.rule import AlertRule


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Readings that say one thing, and what proves it.

    Attributes:
        readings: by series, finite, in base units.
        evidence: the proof.
        recommendations: what to do about it.
    """

    readings: dict[SeriesKey, float]
    evidence: tuple[Evidence, ...] = ()
    recommendations: tuple[str, ...] = ()


class Door(Protocol):
    """A way into an engine: an AlertSystem, or one of the manager's own."""

    async def _judge(self, findings: Sequence[Finding]) -> tuple[PerformanceAlert, ...]:
        """Judge findings at once, without `for`, and tell; the alert of each that is bad."""
        ...

    def add_rule(self, rule: AlertRule) -> None:
        """Judge by one more rule; one of the same name is replaced."""
        ...

    def add_channel(self, channel: Any) -> None:
        """Tell one more channel."""
        ...

    async def get_recent_alerts(self, n: int = 10) -> list[PerformanceAlert]:
        """The last `n` alerts, newest first."""
        ...

    async def get_alerts_by_category(self, category: AlertCategory | str) -> list[PerformanceAlert]:
        """Those of a category, newest first."""
        ...

    async def get_unacknowledged_alerts(self) -> list[PerformanceAlert]:
        """Those that nobody has acknowledged, newest first."""
        ...

    async def acknowledge_alert(self, alert_id: str) -> PerformanceAlert:
        """Take care of an alert. Raises AlertNotFound."""
        ...

    async def clear_history(self) -> None:
        """Forget what is over."""
        ...
