"""The rules in force, compiled once, found by metric."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from tocsin.errors import RuleNotFound
from tocsin.model.levels import AlertCondition
from tocsin.rules.conditions import band_of, compile_condition

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tocsin.model.readings import SeriesKey
    from tocsin.model.rule import AlertRule


def _never(_value: float) -> bool:
    return False


class CompiledRule:
    """A rule with its bounds in base units and its condition as functions.

    Attributes:
        rule: as it was written.
        is_bad: whether a value starts a breach.
        stays_bad: whether a value keeps a firing alert going; the clear threshold counts here.
        band: the lowest and the highest value that is surely not bad.
        enabled: whether it is judged; changes at run time.
    """

    __slots__ = ("band", "clear_limit", "enabled", "is_bad", "limit", "rule", "stays_bad")

    def __init__(self, rule: AlertRule) -> None:
        self.rule = rule
        self.enabled = rule.enabled
        self.limit = float(rule.limit)
        self.clear_limit = float(rule.clear_limit)
        # What will exceed is judged by the past of each series, not by one value: see `tocsin.rules.outlook`.
        condition = AlertCondition.GREATER_THAN if rule.condition is AlertCondition.WILL_EXCEED else rule.condition
        learned = condition is AlertCondition.ANOMALOUS  # judged by what was learned: see `tocsin.rules.learned`
        self.is_bad = _never if learned else compile_condition(condition, self.limit)
        self.stays_bad = _never if learned else compile_condition(condition, self.clear_limit)
        self.band = band_of(rule.condition, self.limit)

    def as_it_stands(self) -> AlertRule:
        """The rule as it is judged now: enabled or not."""
        return self.rule if self.rule.enabled is self.enabled else replace(self.rule, enabled=self.enabled)

    def matches(self, key: SeriesKey) -> bool:
        """Whether the rule watches this series: the same metric, and all of the rule's labels."""
        if key.metric != self.rule.metric:
            return False
        return not self.rule.labels or self.rule.labels.items() <= dict(key.labels).items()


class RuleBook:
    """The rules in force.

    Attributes:
        version: grows with each change.
    """

    def __init__(self, rules: Iterable[AlertRule] = ()) -> None:
        self.version = 0
        self._by_name: dict[str, CompiledRule] = {}
        self._by_metric: dict[str, list[CompiledRule]] = {}
        for rule in rules:
            self.add(rule)

    def __iter__(self) -> Iterator[CompiledRule]:
        return iter(self._by_name.values())

    def __len__(self) -> int:
        return len(self._by_name)

    def get(self, name: str) -> CompiledRule | None:
        """The rule of this name."""
        return self._by_name.get(name)

    def add(self, rule: AlertRule) -> CompiledRule:
        """Put a rule in force; one of the same name must have been removed."""
        compiled = CompiledRule(rule)
        self.version += 1
        self._by_name[rule.name] = compiled
        self._by_metric.setdefault(rule.metric, []).append(compiled)
        return compiled

    def remove(self, name: str) -> CompiledRule:
        """Take a rule out of force.

        Raises: RuleNotFound: if there is none of this name.
        """
        compiled = self._by_name.pop(name, None)
        if compiled is None:
            raise RuleNotFound(name, self._by_name)
        self.version += 1
        self._by_metric[compiled.rule.metric].remove(compiled)
        return compiled

    def reword(self, compiled: CompiledRule, rule: AlertRule) -> None:
        """Let a rule stand in other words; it must judge alike."""
        self.version += 1
        compiled.rule = rule

    def switch(self, compiled: CompiledRule, *, enabled: bool) -> bool:
        """Enable or disable a rule; whether that changes anything."""
        if compiled.enabled == enabled:
            return False
        self.version += 1
        compiled.enabled = enabled
        return True

    def for_series(self, key: SeriesKey) -> list[CompiledRule]:
        """The rules that watch a series."""
        return [compiled for compiled in self._by_metric.get(key.metric, ()) if compiled.matches(key)]
