"""The bound of a metric as of now: what its rules have learned, or the thresholds that were written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tocsin.model.levels import AlertCondition, Verdict
from tocsin.model.units import RATIO

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tocsin.engine.pipeline import Engine
    from tocsin.rules.book import CompiledRule

_ABOVE: Final = frozenset({AlertCondition.GREATER_THAN, AlertCondition.ANOMALOUS})


def bound_of(engine: Engine, metric: str) -> float | None:
    """Beyond which value of a metric the first of its rules rings now; from any thread.

    Args:
        engine: whose rules.
        metric: its name.
    Returns: the lowest bound above, or else the highest one below, in percent for shares and in the metric's base unit
        for others; infinite while what has no threshold is not known yet; None where no enabled rule has a bound.
    """
    rules = [compiled for compiled in tuple(engine.rules) if compiled.enabled and compiled.rule.metric == metric]
    above = [bound for one in rules if one.rule.condition in _ABOVE for bound in _bounds(engine, one)]
    if above:
        return min(above)
    below = [bound for one in rules if one.rule.condition is AlertCondition.LESS_THAN for bound in _bounds(engine, one)]
    return max(below, default=None)


def _bounds(engine: Engine, compiled: CompiledRule) -> Iterable[float]:
    """The bound of a rule on each of its series that are read; of none, the threshold that was written."""
    rule = compiled.rule
    if rule.condition is AlertCondition.ANOMALOUS:
        found = [engine.learners.bound(rule.metric)]
    else:
        read = [watch for watch in engine.watches_of(compiled) if watch.verdict is not Verdict.NO_DATA]
        learned = (None if watch.assessor is None else watch.assessor.bound(None) for watch in read)
        found = [bound for bound in learned if bound is not None] or [compiled.limit]
    scale = 1e2 if rule.unit == RATIO else 1.0
    return [bound * scale for bound in found]
