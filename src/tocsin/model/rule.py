"""The rule: when a metric is bad, for how long, and what to say of it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from string import Formatter
from typing import Any, Final, NoReturn, TypeVar

import msgspec

from tocsin.errors import ConfigError, Problem
from tocsin.model.levels import AlertCategory, AlertCondition, AlertSeverity, read_level
from tocsin.model.metrics import CATALOGUE, CATEGORY_DEFAULTS, describe
from tocsin.model.units import RATIO, Quantity, parse_quantity

AGGREGATES: Final = ("last", "avg", "min", "max", "sum", "p50", "p95", "p99", "rate", "delta")
WHEN_MISSING: Final = ("hold", "alert")
DEFAULT_WINDOW_S: Final = 60.0
# 10^6 MB is a terabyte: whoever writes that many megabytes meant bytes.
_IMPLAUSIBLE_MB: Final = 1e6
_E = TypeVar("_E", AlertCategory, AlertCondition)


class _RuleHead(msgspec.Struct, frozen=True):
    """The fields that may be given by position, in the mission's order."""

    name: str
    category: AlertCategory
    severity: AlertSeverity
    threshold: float | str
    condition: AlertCondition = AlertCondition.GREATER_THAN
    enabled: bool = True


class AlertRule(_RuleHead, frozen=True, kw_only=True):
    """Says when a metric is bad.

    Attributes:
        name: unique among the rules.
        category: what the alert is about.
        severity: how urgent; also a number 1 to 3 or a name.
        threshold: the bound, as a number or with a unit ("650 MB"). A bare number is in the unit of the category's own
            metric (percent, MB, MB/s, MB/hour, ms), in percent for any other ratio, and as it stands for counts.
        condition: how a value relates to the threshold when it is bad; greater and less are strict, equality holds
            within a relative 1e-9 or an absolute 1e-12.
        enabled: whether it is judged at all.
        metric: what is watched; by default the category's own metric.
        labels: only series that carry all of these labels are watched.
        component: the part of the program the alert is about.
        for_s: seconds a breach must last before the alert fires.
        clear_threshold: where a firing alert ends; by default 2 % of the threshold back from it.
        keep_firing_for_s: seconds the value must stay clear before the alert is resolved.
        window_s: seconds of readings that are looked at together; 0: the last reading alone.
        aggregate: how the window becomes one value; by default `last`, for counters `rate`.
        no_data: what a series that fell silent means: `hold` the state, or `alert` after `for_s`.
        on_error: what a sensor that fails means: `hold` the state, or `alert` after `for_s`.
        sensitivity: for learned thresholds, which are not built yet.
        horizon_s: for forecasts, which are not built yet.
        message: the alert's text; may name {component}, {value}, {threshold}, {metric} and {labels}, and as bare
            numbers of MB (or MB/s) {megabytes} and {threshold_megabytes}.
        recommendations: what to do, most useful first.
        runbook_url: where the longer answer stands.
        owner: who answers for it.
    Raises: ConfigError: with every mistake, if a field is wrong.
    """

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
    sensitivity: float | None = None
    horizon_s: float | None = None
    message: str = ""
    recommendations: tuple[str, ...] = ()
    runbook_url: str = ""
    owner: str = ""

    def __post_init__(self) -> None:
        check = _Check(self)
        check.kinds()
        check.metric()
        check.numbers()
        check.texts()
        check.thresholds()
        if check.problems:
            raise ConfigError(check.problems)

    @property
    def unit(self) -> str:
        """The base unit of the compared value: the metric's, by the second where the aggregate is a rate."""
        unit = describe(self.metric).unit
        return f"{unit}/s" if self.aggregate == "rate" else unit

    @property
    def limit(self) -> float:
        """The threshold in the base unit."""
        return to_base(self, self.threshold)

    @property
    def clear_limit(self) -> float:
        """Where a firing alert ends, in the base unit."""
        if self.clear_threshold is not None:
            return to_base(self, self.clear_threshold)
        back = abs(self.limit) * BUILT_IN_HYSTERESIS
        if self.condition is AlertCondition.GREATER_THAN:
            return self.limit - back
        if self.condition is AlertCondition.LESS_THAN:
            return self.limit + back
        return self.limit


BUILT_IN_HYSTERESIS: Final = 0.02
"""How far back from the threshold a value must go to clear an alert, as a share of the threshold."""


def did_you_mean(word: object, choices: Iterable[str]) -> str:
    """A remark that names the nearest choice, or nothing when none is near."""
    from difflib import get_close_matches  # noqa: PLC0415 - dear to import, and only for a mistake

    near = get_close_matches(str(word).lower(), list(choices), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def to_base(rule: AlertRule, threshold: float | str) -> float:
    """Read a threshold of a rule into the base unit of the value it is compared with.

    Raises: ValueError: saying what was expected, if the unit does not fit the metric.
    """
    if isinstance(threshold, str):
        quantity = _parse(threshold, rule.unit)
        if not quantity.unit:
            return to_base(rule, quantity.value)
        if quantity.unit != rule.unit:
            _refuse(f"{_unit_words(rule.unit)}, since {rule.metric} is in {rule.unit or 'no unit'}")
        return quantity.value
    bare_unit = _bare_unit(rule)
    if bare_unit == "?" or not isinstance(threshold, (int, float)) or isinstance(threshold, bool):
        _refuse(_unit_words(rule.unit))
    if not _is_finite(threshold):
        _refuse("a finite number")
    _check_bare(threshold, bare_unit)
    return parse_quantity(f"{float(threshold)!r} {bare_unit}").value if bare_unit else float(threshold)


def _parse(text: str, unit: str) -> Quantity:
    try:
        return parse_quantity(text)
    except ValueError as error:
        raise ValueError(f"{_unit_words(unit)}; {error}") from None


def _is_finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:  # an int that no float can hold
        return False


def _bare_unit(rule: AlertRule) -> str:
    """The unit that a number without one is in; refuses where a guess could be wrong by a factor of a million."""
    default = CATEGORY_DEFAULTS[rule.category]
    unit = rule.unit
    if rule.metric == default.metric and default.bare_unit and parse_quantity(f"1 {default.bare_unit}").unit == unit:
        return default.bare_unit
    if unit == RATIO:
        return "%"
    if unit in {"By", "s", "By/s"} and rule.metric in CATALOGUE:
        return "?"
    return ""


def _check_bare(number: float, bare_unit: str) -> None:
    if bare_unit == "%" and number < 0:
        _refuse("a percentage of 0 % or more")
    if bare_unit == "%" and number <= 1:
        as_share = f"write {number * 100:g} or '{number * 100:g} %'; " if number > 0.01 else ""
        meant = "one percent" if number == 1 else "less than one percent"
        _refuse(f"a percentage: {as_share}to mean {meant} write '{number:g} %'")
    if bare_unit == "MB" and number >= _IMPLAUSIBLE_MB:
        _refuse(f"megabytes: {number:g} MB is {number / 1e6:g} TB; write the unit, as in '650 MB'")


def _refuse(expected: str) -> NoReturn:
    raise ValueError(expected)


_UNIT_WORDS: Final = {
    RATIO: "a percentage such as '85 %'",
    "By": "a size such as '650 MB'",
    "s": "a time such as '50 ms'",
    "By/s": "a rate such as '5 MB/s'",
}


def _unit_words(unit: str) -> str:
    return _UNIT_WORDS.get(unit, "a number without unit")


class _Check:
    """Goes through the fields of one rule, brings each into its one form, and gathers the problems."""

    def __init__(self, rule: AlertRule) -> None:
        self.rule = rule
        self.problems: list[Problem] = []

    def kinds(self) -> None:
        """Name, category, severity, condition, and whether it is enabled."""
        rule = self.rule
        if not _is_text(rule.name) or not rule.name.strip():
            self._wrong("name", "a name that says what is wrong", 'name="memory-high"')
        self._settle("category", self._member(AlertCategory, "category", 'category="memory_threshold"'))
        severity, understood = read_level(rule.severity)
        if not understood:
            expected = f"info, warning or critical{did_you_mean(rule.severity, [one.word for one in AlertSeverity])}"
            self._wrong("severity", expected, 'severity="warning"')
        self._settle("severity", severity)
        self._settle("condition", self._member(AlertCondition, "condition", 'condition="greater_than"'))
        if rule.condition in {AlertCondition.ANOMALOUS, AlertCondition.WILL_EXCEED}:
            self._wrong("condition", "a condition that is built: greater_than, less_than, equals, not_equals")
        if not isinstance(self._found("enabled"), bool):
            self._wrong("enabled", "True or False", "enabled=False")

    def metric(self) -> None:
        """What is watched and how; by default what the category says."""
        rule, default = self.rule, CATEGORY_DEFAULTS[self.rule.category]
        if not _is_text(rule.metric):
            self._wrong("metric", "the name of a metric", 'metric="system.cpu.utilization"')
            self._settle("metric", default.metric)
        if not rule.metric and default.metric:
            self._settle("metric", default.metric)
            self._settle("aggregate", rule.aggregate or default.aggregate)
            self._settle("window_s", rule.window_s or default.window_s)
        elif not rule.metric and not self._failed("category", "metric"):
            expected = f"a metric, since category {rule.category.value} has none of its own"
            self._wrong("metric", expected, 'metric="system.cpu.utilization"')
        if not rule.aggregate:
            self._settle("aggregate", "rate" if describe(rule.metric).kind == "counter" else "last")
        if rule.aggregate not in AGGREGATES:
            self._wrong("aggregate", _one_of(AGGREGATES, rule.aggregate), 'aggregate="avg"')
        elif rule.aggregate != "last" and not rule.window_s:
            self._settle("window_s", DEFAULT_WINDOW_S)

    def numbers(self) -> None:
        """Durations, and the two that are kept for what is not built yet."""
        for key in ("for_s", "keep_firing_for_s", "window_s"):
            seconds = self._found(key)
            if not _is_number(seconds) or seconds < 0:
                self._wrong(key, "seconds, 0 or more", f"{key}=30")
        for key in ("sensitivity", "horizon_s"):
            number = self._found(key)
            if number is not None and not _is_number(number):
                self._wrong(key, "a number, or None")

    def texts(self) -> None:
        """All that is in words."""
        for key in ("component", "runbook_url", "owner"):
            if not _is_text(self._found(key)):
                self._wrong(key, "a text")
        if not _can_be_filled(self.rule.message):
            self._wrong("message", "a text whose braces hold a plain name, or are doubled", 'message="CPU is {value}"')
        for key in ("no_data", "on_error"):
            if self._found(key) not in WHEN_MISSING:
                self._wrong(key, _one_of(WHEN_MISSING, self._found(key)), f'{key}="alert"')
        advice = self._found("recommendations")
        if not isinstance(advice, Iterable):
            self._wrong("recommendations", "a list of texts", 'recommendations=["Look at the logs"]')
            advice = ()
        self._settle("recommendations", (advice,) if _is_text(advice) else tuple(str(text) for text in advice))
        labels = self._found("labels")
        if not isinstance(labels, Mapping):
            self._wrong("labels", "a mapping of texts", 'labels={"device": "sda"}')
            labels = {}
        self._settle("labels", {str(name): str(value) for name, value in labels.items()})

    def thresholds(self) -> None:
        """The two thresholds, against the metric's unit and against each other."""
        if self._failed("category", "condition", "metric", "aggregate"):
            return  # what unit they should have is not known
        rule = self.rule
        for key in ("threshold", "clear_threshold"):
            value = self._found(key)
            try:
                if value is not None or key == "threshold":
                    to_base(rule, value)
            except ValueError as error:
                self._wrong(key, str(error))
        if rule.clear_threshold is None or self._failed("threshold", "clear_threshold"):
            return
        above = rule.condition is AlertCondition.GREATER_THAN and rule.clear_limit > rule.limit
        below = rule.condition is AlertCondition.LESS_THAN and rule.clear_limit < rule.limit
        if above or below:
            side = "at or below" if above else "at or above"
            self._wrong("clear_threshold", f"a value {side} the threshold {rule.threshold!r}")

    def _member(self, kind: type[_E], key: str, example: str) -> _E:
        """The member of an enum that a field names; when it names none, a problem and a stand-in."""
        found = self._found(key)
        try:
            return kind(str(found).strip().lower())
        except ValueError:
            self._wrong(key, _one_of([member.value for member in kind], found), example)
            return kind("general" if kind is AlertCategory else "greater_than")

    def _found(self, key: str) -> Any:
        """What stands in a field: callers need not have kept to its type."""
        return getattr(self.rule, key)

    def _settle(self, field: str, value: object) -> None:
        msgspec.structs.force_setattr(self.rule, field, value)

    def _failed(self, *keys: str) -> bool:
        return any(problem.key in keys for problem in self.problems)

    def _wrong(self, key: str, expected: str, example: str = "") -> None:
        where = f"AlertRule {self.rule.name!r}"
        self.problems.append(Problem(where, key, _shown(self._found(key)), expected, example))


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and _is_finite(value)


def _one_of(words: Iterable[str], found: object) -> str:
    words = list(words)
    return f"one of {', '.join(words)}{did_you_mean(found, words)}"


def _shown(value: object) -> str:
    try:
        return repr(value)
    except ValueError:  # an int of more digits than Python prints
        return f"a huge {type(value).__name__}"


def _can_be_filled(message: object) -> bool:
    """Whether the message can be filled in: found out now, since an alert that cannot be worded is told to nobody."""
    try:
        Formatter().vformat(message, (), defaultdict(str))  # type: ignore[call-overload]  # what it is, is the question
    except (ValueError, TypeError, LookupError, AttributeError):
        return False
    return isinstance(message, str)
