"""What a rule is made of, and the words that may stand in its fields."""

from __future__ import annotations

from typing import Final

import msgspec

from tocsin.model.levels import AlertCategory, AlertCondition, AlertSeverity, ThresholdKind
from tocsin.model.metrics import describe

AGGREGATES: Final = ("last", "avg", "min", "max", "sum", "p50", "p95", "p99", "rate", "delta")
WHEN_MISSING: Final = ("hold", "alert")
UPWARD: Final = frozenset({AlertCondition.GREATER_THAN, AlertCondition.WILL_EXCEED})
"""The conditions that are bad above the threshold."""


class _RuleHead(msgspec.Struct, frozen=True):
    """The fields that may be given by position, in the mission's order."""

    name: str
    category: AlertCategory
    severity: AlertSeverity
    threshold: float | str = ""
    condition: AlertCondition = AlertCondition.GREATER_THAN
    enabled: bool = True


class RuleFields(_RuleHead, frozen=True, kw_only=True):
    """The fields of a rule, as `AlertRule` tells of them."""

    metric: str = ""
    labels: dict[str, str] = {}
    component: str = ""
    for_s: float = 0.0
    clear_threshold: float | str | None = None
    keep_firing_for_s: float = 0.0
    window_s: float = 0.0
    aggregate: str = ""
    no_data: str = "hold"
    on_error: str = "hold"
    adjust: ThresholdKind = ThresholdKind.STATIC
    sensitivity: float | None = None
    min_change: float | str = 0.0
    early: bool = True
    horizon_s: float | None = None
    message: str = ""
    recommendations: tuple[str, ...] = ()
    runbook_url: str = ""
    owner: str = ""
    actions: tuple[str, ...] = ()

    @property
    def unit(self) -> str:
        """The base unit of the compared value: the metric's, by the second where the aggregate is a rate."""
        return self.unit_on(describe(self.metric).unit)

    def unit_on(self, unit: str) -> str:
        """The same on a series whose readings are in this unit."""
        return f"{unit}/s" if self.aggregate == "rate" else unit
