"""What the rules on memory that fills have in common."""

from __future__ import annotations

from typing import Final

from tocsin.model.levels import AlertCategory, AlertCondition, AlertSeverity
from tocsin.model.rule import AlertRule

# Memory goes up and down faster than disks: what rose for a quarter of an hour says little of the afternoon.
HORIZON_S: Final = 2 * 3600.0
LASTS_S: Final = 300.0


def filling(name: str, metric: str, threshold: str, *, message: str, recommendations: tuple[str, ...]) -> AlertRule:
    """A warning that memory, or what else is used like it, is full within two hours."""
    memory = "memory" in metric
    return AlertRule(
        name,
        AlertCategory.MEMORY_THRESHOLD if memory else AlertCategory.GENERAL,
        AlertSeverity.WARNING,
        threshold,
        AlertCondition.WILL_EXCEED,
        metric=metric,
        horizon_s=HORIZON_S,
        for_s=LASTS_S,
        message=message,
        recommendations=recommendations,
    )
