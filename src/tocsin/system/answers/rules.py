"""What each rule sees, and why it does not ring: for `tocsin rules` and for the page, as plain values."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from tocsin.errors import TocsinError
from tocsin.model.levels import AlertState, Verdict
from tocsin.model.units import format_value
from tocsin.system.answers.explaining import in_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tocsin.alerts.episode import Episode
    from tocsin.alerts.watch import Watch
    from tocsin.clock import Instant
    from tocsin.engine import Engine
    from tocsin.model.alert import PerformanceAlert
    from tocsin.model.rule import AlertRule
    from tocsin.rules.book import CompiledRule
    from tocsin.system.core import SystemCore

# How long a step that is under way is waited for.
PATIENCE_S: Final = 2.0
# Of a rule with very many series those that are worst say enough.
MAX_SERIES: Final = 50

# In the order in which they matter to whoever asks; also the words of a rule whose series differ.
STATES: Final = ("firing", "pending", "error", "no data", "ok", "no series", "disabled")


def answers_on_rules(core: SystemCore) -> Mapping[str, Callable[[dict[str, Any]], Any]]:
    """By command, who answers."""
    return {
        "rules": lambda _: {"rules": rules_of(core)},
        "shown_rules": lambda _: {"rules": [shown(rule) for rule in rules_of(core)]},
    }


def rules_of(core: SystemCore) -> list[dict[str, Any]]:
    """Each rule with what it sees, and what it may still do besides telling, seen between two steps.

    Raises: TocsinError: if the step that is under way does not come to its end.
    """
    found: list[dict[str, Any]] = []

    def look() -> None:
        now = core.clock.now()
        watches: dict[int, list[Watch]] = {}
        for watch in core.engine.watches():
            watches.setdefault(id(watch.rule), []).append(watch)
        found.extend(
            _rule(core.engine, compiled, watches.get(id(compiled.rule), []), now) for compiled in core.engine.rules
        )

    if not core.stepper.between_steps(look, PATIENCE_S):
        raise TocsinError(f"the step that is under way has taken more than {PATIENCE_S:g} s; see: tocsin status")
    return found


def left_rules(
    rules: Iterable[AlertRule], alerts: Iterable[PerformanceAlert], latest: Mapping[str, list[dict[str, Any]]]
) -> list[dict[str, Any]]:
    """The same as far as it is known of a program that has ended.

    Args:
        rules: that were in force last.
        alerts: those that are open.
        latest: to each rule the last reading of each of its series: `labels` and `value`.
    """
    by_rule: dict[str, list[PerformanceAlert]] = {}
    for alert in alerts:
        by_rule.setdefault(alert.rule, []).append(alert)
    return [_left_rule(rule, by_rule.get(rule.name, []), latest.get(rule.name, [])) for rule in rules]


def shown(rule: dict[str, Any]) -> dict[str, Any]:
    """The same for the page, where `state` is how far an alert has come; how the rule stands is its `standing`."""
    series = [{**one, "state": _life(one["state"]), "standing": one["state"]} for one in rule["series"]]
    return {
        **rule,
        "state": _life(rule["state"]),
        "standing": rule["state"],
        "clear": rule["clear_threshold"],
        "series": series,
    }


def _life(state: str) -> str:
    return state if state in {AlertState.FIRING.value, AlertState.PENDING.value} else AlertState.INACTIVE.value


# -- of a running program


def _rule(engine: Engine, compiled: CompiledRule, watches: Iterable[Watch], now: Instant) -> dict[str, Any]:
    rule = compiled.as_it_stands()
    watches = list(watches)
    series = [_series(engine, compiled, watch) for watch in watches]
    units = {watch.unit for watch in watches}
    actions = [_action(engine, rule, action, now) for action in rule.actions]
    return _plain(rule, series, _why_nothing(engine, compiled), unit=units.pop() if len(units) == 1 else rule.unit) | {
        "actions": actions,
        "budget": _number(engine.learners.budget(rule)) if rule.learns else None,
    }


def _action(engine: Engine, rule: AlertRule, action: str, now: Instant) -> dict[str, Any]:
    left, why_not = engine.decisions.acting.left(rule, action, now)
    return {"action": action, "left": left, "why_not": why_not}


def _why_nothing(engine: Engine, compiled: CompiledRule) -> str:
    """Why a rule watches no series."""
    rule = compiled.rule
    if not compiled.enabled:
        return "it is disabled"
    others = sum(series.key.metric == rule.metric for series in engine.series.values())
    if others:
        labels = ", ".join(f"{name}={value}" for name, value in rule.labels.items())
        return f"none of the {others} series of {rule.metric} has the labels {labels}"
    return f"nothing has measured {rule.metric} so far"


def _series(engine: Engine, compiled: CompiledRule, watch: Watch) -> dict[str, Any]:
    state = _state_of(watch)
    episode = watch.episode
    unseen_s = engine.unseen_s(watch)
    return {
        "labels": dict(watch.key.labels),
        "value": watch.value,
        "verdict": watch.verdict.name.lower().replace("_", " "),
        "state": state,
        "why": _why(compiled, watch, state, unseen_s),
        "unseen_s": unseen_s,
        "alert": None if episode is None else episode.id,
        "held": None if episode is None or episode.held is None else episode.held.value,
        "accrued_s": watch.life.accrued_s if watch.life.state is AlertState.PENDING else None,
    }


def _state_of(watch: Watch) -> str:
    if watch.life.state is not AlertState.INACTIVE:
        return watch.life.state.value
    if watch.verdict is Verdict.OK or (
        watch.verdict is Verdict.NO_DATA and watch.value is not None and not watch.silent
    ):
        return "ok"
    return "error" if watch.verdict is Verdict.ERROR else "no data"


def _why(compiled: CompiledRule, watch: Watch, state: str, unseen_s: float) -> str:
    """Why it does not ring; of one that does, whether somebody hears it."""
    rule, life = compiled.rule, watch.life
    missing = _missing(watch, unseen_s)
    match state:
        case "pending":
            left = f"bad for {_span(life.accrued_s)} of the {_span(rule.for_s)} that it must last"
            return f"{left}; {missing}" if missing else left
        case "firing":
            return "; ".join(filter(None, [_heard(watch), missing]))
        case "ok":
            return f"not {_side(compiled, watch.unit)}" if watch.assessor is None else watch.assessor.words(watch.unit)
    return missing or "no reading yet that fills its window"


def _heard(watch: Watch) -> str:
    episode = watch.episode
    words = "" if episode is None else _held(episode)
    if watch.life.clearing:
        return f"{words}; the value is back, and it keeps firing for a while"
    return f"{words}; it flaps" if watch.flapping is not None and watch.flapping.active else words


def _held(episode: Episode) -> str:
    """Who was told, or why nobody was."""
    if episode.told:
        return f"told on {', '.join(episode.told)}"
    why = next((step.why for step in reversed(episode.trace) if step.what == "held"), "")
    return f"held by {why}" if why else "no channel is told of it"


def _missing(watch: Watch, unseen_s: float) -> str:
    if watch.error:
        return f"its sensor failed: {watch.error}"
    if watch.silent:
        return f"no reading for {_span(unseen_s)}"
    return "" if watch.value is not None else "no reading yet"


# -- of both


def _plain(rule: AlertRule, series: list[dict[str, Any]], why_nothing: str, *, unit: str) -> dict[str, Any]:
    series.sort(key=lambda one: STATES.index(one["state"]))
    state = series[0]["state"] if series else "disabled" if not rule.enabled else "no series"
    return {
        "name": rule.name,
        "state": state,
        "why": why_nothing if not series else series[0]["why"],
        "words": in_words(rule),
        "category": rule.category.value,
        "metric": rule.metric,
        "labels": rule.labels,
        "unit": unit,
        "condition": rule.condition.value,
        "aggregate": rule.aggregate,
        "window_s": rule.window_s,
        "threshold": _number(rule.limit),
        "clear_threshold": _number(rule.clear_limit),
        "for_s": rule.for_s,
        "severity": rule.severity.word,
        "enabled": rule.enabled,
        "component": rule.component,
        "owner": rule.owner,
        "runbook_url": rule.runbook_url,
        "recommendations": list(rule.recommendations),
        "series": series[:MAX_SERIES],
        "series_left_out": max(len(series) - MAX_SERIES, 0),
    }


def _left_rule(rule: AlertRule, alerts: Iterable[PerformanceAlert], latest: Iterable[dict[str, Any]]) -> dict[str, Any]:
    known = {tuple(sorted(alert.labels.items())): alert for alert in alerts}
    series = [_left_series(one, known.pop(tuple(sorted(one["labels"].items())), None)) for one in latest]
    series += [_left_series({"labels": dict(alert.labels), "value": alert.value}, alert) for alert in known.values()]
    why = "it was disabled" if not rule.enabled else "no reading of it is left"
    return _plain(rule, series, why, unit=rule.unit) | {
        "actions": [{"action": action, "left": None, "why_not": "the program has ended"} for action in rule.actions],
        "budget": None,
    }


def _left_series(reading: Mapping[str, Any], alert: PerformanceAlert | None) -> dict[str, Any]:
    open_state = None if alert is None else alert.state.value
    why = "" if alert is None or alert.held is None else f"held by {alert.held.value}"
    return {
        "labels": reading["labels"],
        "value": reading["value"],
        "verdict": None,
        "state": open_state or "no data",
        "why": why
        or ("the program has ended; this was its last reading" if alert is None else "when the program ended"),
        "unseen_s": None,
        "alert": None if alert is None else alert.id,
        "held": None if alert is None or alert.held is None else alert.held.value,
        "accrued_s": None,
    }


_SIDES: Final = {
    "greater_than": "above", "less_than": "below", "equals": "equal to", "not_equals": "different from",
}  # fmt: skip


def _side(compiled: CompiledRule, unit: str) -> str:
    side = _SIDES.get(compiled.rule.condition.value, "beyond")
    return f"{side} {format_value(compiled.limit, unit)}"


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _span(seconds: float) -> str:
    return format_value(seconds, "s")
