"""The manager's rules: on what reports say, and always with these numbers.

Reports have metrics of their own. Under the names of the program's, a report on another part, or a made-up one, would
stand in one series with what is measured, and each would end the other's alert.
"""

from __future__ import annotations

from typing import Final

import msgspec

from tocsin.errors import ConfigError, Problem
from tocsin.model import memory_metrics as metrics
from tocsin.model.levels import AlertCategory, AlertCondition, AlertSeverity
from tocsin.model.rule import AlertRule
from tocsin.rules.defaults import memory as pack

USAGE_MESSAGE: Final = "Memory usage {megabytes}MB exceeds threshold {threshold_megabytes}MB"
USAGE: Final = ("650 MB", "700 MB")

# What a rule that was written for the program's own metrics watches here.
_STANDS_FOR: Final = {
    "process.memory.usage": metrics.REPORTED_USAGE,
    metrics.GROWTH_RATE: metrics.REPORTED_GROWTH,
    metrics.EFFICIENCY: metrics.REPORTED_EFFICIENCY,
    metrics.LEAK_COUNT: metrics.REPORTED_LEAK_COUNT,
    metrics.LEAK_RATE: metrics.REPORTED_LEAK_RATE,
}
_UNITS: Final = {"By": "B", "By/s": "B/s"}
_WARNING, _CRITICAL = AlertSeverity.WARNING, AlertSeverity.CRITICAL


def reported_rules() -> tuple[AlertRule, ...]:
    """The pack. What to do is worked out of each report, so the rules themselves give no advice."""
    leak, growth = AlertCategory.MEMORY_LEAK, AlertCategory.MEMORY_GROWTH
    low, usage = AlertCategory.MEMORY_EFFICIENCY, AlertCategory.MEMORY_THRESHOLD
    return (
        _rule("reported-leak", leak, _WARNING, pack.LEAKS, metrics.REPORTED_LEAK_COUNT, pack.LEAK_MESSAGE),
        _rule("reported-leak-fast", leak, _CRITICAL, pack.FAST_LEAK, metrics.REPORTED_LEAK_RATE, pack.LEAK_MESSAGE),
        _rule("reported-growth", growth, _WARNING, pack.GROWTH[0], metrics.REPORTED_GROWTH, pack.GROWTH_MESSAGE),
        _rule("reported-growth-high", growth, _CRITICAL, pack.GROWTH[1], metrics.REPORTED_GROWTH, pack.GROWTH_MESSAGE),
        _rule(
            "reported-efficiency", low, _WARNING, pack.EFFICIENCY, metrics.REPORTED_EFFICIENCY, pack.EFFICIENCY_MESSAGE
        ),
        _rule("reported-usage", usage, _WARNING, USAGE[0], metrics.REPORTED_USAGE, USAGE_MESSAGE),
        _rule("reported-usage-high", usage, _CRITICAL, USAGE[1], metrics.REPORTED_USAGE, USAGE_MESSAGE),
    )


def _rule(  # noqa: PLR0917 - one line a rule, in the order of AlertRule
    name: str, category: AlertCategory, severity: AlertSeverity, threshold: float | str, metric: str, message: str
) -> AlertRule:
    less = category is AlertCategory.MEMORY_EFFICIENCY
    condition = AlertCondition.LESS_THAN if less else AlertCondition.GREATER_THAN
    return AlertRule(name, category, severity, threshold, condition, metric=metric, message=message)


def for_reports(rule: AlertRule) -> AlertRule:
    """The same rule, on what reports say of the metric that it watches.

    Raises: ConfigError: if reports say nothing of it.
    """
    if rule.metric in _STANDS_FOR.values():
        return rule
    metric = _STANDS_FOR.get(rule.metric)
    if metric is None:
        known = ", ".join((*_STANDS_FOR, *_STANDS_FOR.values()))
        raise ConfigError([Problem(f"AlertRule {rule.name!r}", "metric", repr(rule.metric), f"one of {known}")])
    changes: dict[str, object] = {"metric": metric}
    if (rule.metric, rule.aggregate) == ("process.memory.usage", "rate"):
        # A report has worked its growth out already.
        changes |= {"metric": metrics.REPORTED_GROWTH, "aggregate": "last", "window_s": 0.0}
        if not rule.message:
            changes["message"] = pack.GROWTH_MESSAGE
    changes["threshold"] = _written(rule.limit, rule.unit)
    if rule.clear_threshold is not None:
        changes["clear_threshold"] = _written(rule.clear_limit, rule.unit)
    return msgspec.structs.replace(rule, **changes)


def _written(base: float, unit: str) -> float | str:
    """A threshold in a form that is right for any metric of its unit."""
    return f"{base!r} {_UNITS[unit]}" if unit in _UNITS else base
