"""The bounds of a rule in the unit of what they are compared with."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NoReturn

from tocsin.model.levels import AlertCondition
from tocsin.model.metrics import CATALOGUE, CATEGORY_DEFAULTS
from tocsin.model.rule_fields import UPWARD
from tocsin.model.units import RATIO, Quantity, parse_quantity

if TYPE_CHECKING:
    from tocsin.model.rule_fields import RuleFields

BUILT_IN_HYSTERESIS: Final = 0.02
"""How far back from the threshold a value must go to clear an alert, as a share of the threshold."""
# 10^6 MB is a terabyte: whoever writes that many megabytes meant bytes.
_IMPLAUSIBLE_MB: Final = 1e6


def limit_of(rule: RuleFields) -> float:
    """The threshold; NaN where there is none, as what is anomalous needs none."""
    return math.nan if rule.condition is AlertCondition.ANOMALOUS else to_base(rule, rule.threshold)


def clear_limit_of(rule: RuleFields) -> float:
    """Where a firing alert ends."""
    if rule.clear_threshold is not None:
        return to_base(rule, rule.clear_threshold)
    limit = limit_of(rule)
    back = abs(limit) * BUILT_IN_HYSTERESIS
    if rule.condition in UPWARD:
        return limit - back
    return limit + back if rule.condition is AlertCondition.LESS_THAN else limit


def least_change_of(rule: RuleFields) -> float:
    """What is nearer than this to the expected value is not unusual."""
    return 0.0 if rule.min_change == 0 else to_base(rule, rule.min_change)


def to_base(rule: RuleFields, threshold: float | str) -> float:
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
    if not is_finite(threshold):
        _refuse("a finite number")
    _check_bare(threshold, bare_unit)
    return parse_quantity(f"{float(threshold)!r} {bare_unit}").value if bare_unit else float(threshold)


def _parse(text: str, unit: str) -> Quantity:
    try:
        return parse_quantity(text)
    except ValueError as error:
        raise ValueError(f"{_unit_words(unit)}; {error}") from None


def is_finite(number: float) -> bool:
    """Whether a float can hold it, and not as infinity."""
    try:
        return math.isfinite(number)
    except OverflowError:  # an int that no float can hold
        return False


def _bare_unit(rule: RuleFields) -> str:
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
