"""The words of a rule's alert."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from tocsin.model.levels import AlertCondition, Verdict
from tocsin.model.units import format_value

if TYPE_CHECKING:
    from tocsin.alerts.watch import Watch
    from tocsin.model.readings import SeriesKey
    from tocsin.model.rule import AlertRule

_FIELD: Final = re.compile(r"\{(\w+)\}")
_SIDES: Final = {
    AlertCondition.GREATER_THAN: "above",
    AlertCondition.LESS_THAN: "below",
    AlertCondition.EQUALS: "equal to",
    AlertCondition.NOT_EQUALS: "different from",
}


def message_of(watch: Watch, *, verdict: Verdict = Verdict.BAD) -> str:
    """What a rule says of a series, with figures in units a person reads."""
    rule, key, value, assessor, unit = watch.rule, watch.key, watch.value, watch.assessor, watch.unit
    if verdict in {Verdict.NO_DATA, Verdict.ERROR}:
        what = "no readings" if verdict is Verdict.NO_DATA else "its sensor fails"
        return f"{key}: {what}, so {rule.name} cannot be judged"
    limit = rule.limit if assessor is None else assessor.bound(value)
    fields = {
        "component": component_of(rule, key) or "program",
        "value": format_value(value, unit),
        "threshold": format_value(limit, unit),
        "forecast": format_value(limit, unit) if assessor is None else assessor.words(unit),
        "metric": rule.metric,
        "labels": ", ".join(text for _, text in key.labels),
        "megabytes": _plain(value, 1e6),
        "threshold_megabytes": _plain(limit, 1e6),
    }
    if rule.message:
        # Not `str.format`: what a template names beside these stays as it was written.
        said = _FIELD.sub(lambda match: fields.get(match[1], match[0]), rule.message)
        aside = "" if assessor is None or "{forecast}" in rule.message else assessor.aside(value, unit)
        return f"{said} ({aside})" if aside else said
    if assessor is not None:
        return f"{key} is {fields['value']}{assessor.joint}{fields['forecast']}"
    side = _SIDES.get(rule.condition, "against")
    return f"{key} is {fields['value']}, {side} the threshold {fields['threshold']}"


def component_of(rule: AlertRule, key: SeriesKey) -> str:
    """The part of the program that an alert is about: the rule's, or else the one that the series names."""
    return rule.component or next((text for name, text in key.labels if name == "component"), "")


def _plain(value: float | None, unit: float) -> str:
    """A bare number of a unit, to two decimals."""
    return "?" if value is None else f"{round(value / unit, 2):.15g}"


def back_to_normal(watch: Watch) -> str:
    """Why an alert is over whose value has gone back, with the value at which it was over."""
    return "value is back to normal" + ("" if watch.value is None else f": {format_value(watch.value, watch.unit)}")


def explain(watch: Watch) -> str:
    """The comparison in a few words, for the trace."""
    rule, unit = watch.rule, watch.unit
    shown = format_value(watch.value, unit)
    if watch.assessor is None:
        text = f"{shown} is {_SIDES.get(rule.condition, 'against')} {format_value(rule.limit, unit)}"
    else:
        text = f"{shown} now, and {watch.assessor.words(unit)}"
    return f"{text} for {rule.for_s:g} s" if rule.for_s else text
