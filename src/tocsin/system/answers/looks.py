"""What may be asked of a running program beside its alerts: readings, rules, channels, threads and health."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from tocsin import runbooks
from tocsin.model.metrics import describe
from tocsin.system.answers.explaining import in_words
from tocsin.system.answers.health import health_of
from tocsin.system.answers.readings import Wanted, readings
from tocsin.system.answers.threads import threads
from tocsin.system.answers.trials import Trial, backtest, changed_rule

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tocsin.model.rule import AlertRule
    from tocsin.system.core import SystemCore


class Nothing(msgspec.Struct):
    """There is nothing to choose."""


class Switch(msgspec.Struct):
    """A rule that is to be judged, or not."""

    name: str
    enabled: bool


class OfRule(msgspec.Struct):
    """A rule by its name."""

    name: str


class Changing(Protocol):
    """Who takes the orders."""

    def enable_rule(self, name: str) -> None:
        """Judge by it again."""
        ...

    def disable_rule(self, name: str) -> None:
        """Judge by it no longer."""
        ...

    def add_rule(self, rule: AlertRule) -> None:
        """Judge by it in the place of the one that bore its name."""
        ...


def answers_on_looks(system: Changing, core: SystemCore) -> Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]]:
    """The commands, each a function from request to reply."""

    def switch(asked: Switch) -> dict[str, Any]:
        (system.enable_rule if asked.enabled else system.disable_rule)(asked.name)
        return {"name": asked.name, "enabled": asked.enabled}

    def change(asked: Trial) -> dict[str, Any]:
        rule = changed_rule(core.rules, asked)
        system.add_rule(rule)
        return {"name": rule.name, "words": in_words(rule)}

    table: dict[str, tuple[Any, Callable[[Any], dict[str, Any]]]] = {
        "health": (Nothing, lambda _: health_of(core)),
        "metrics": (Nothing, lambda _: metrics(core)),
        "readings": (Wanted, lambda asked: readings(core, asked)),
        "switch": (Switch, switch),
        "backtest": (Trial, lambda asked: backtest(core, asked)),
        "change": (Trial, change),
        "runbook": (OfRule, lambda asked: {"name": asked.name, "text": runbooks.text(asked.name)}),
        "channels": (Nothing, lambda _: channels(core)),
        "threads": (Nothing, lambda _: threads(core)),
    }
    return {command: _typed(kind, answer) for command, (kind, answer) in table.items()}


def _typed(kind: Any, answer: Callable[[Any], dict[str, Any]]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda request: answer(msgspec.convert(request, type=kind))


def metrics(core: SystemCore) -> dict[str, Any]:
    """What is measured here, by name: unit, kind, meaning, and the label sets of its series."""
    found: dict[str, dict[str, Any]] = {}
    for series in tuple(core.engine.series.values()):
        key = series.key
        info = describe(key.metric)
        entry = found.setdefault(
            key.metric, {"metric": key.metric, "unit": series.unit, "kind": info.kind, "text": info.text, "series": []}
        )
        entry["series"].append(dict(key.labels))
    return {"metrics": [found[name] for name in sorted(found)]}


def channels(core: SystemCore) -> dict[str, Any]:
    """Each channel: what it is told, and how it does."""
    routes = {route.channel: route for route in core.telling.routes}
    return {
        "channels": [
            {
                "name": name,
                **found,
                "severity": routes[name].severity.word if name in routes else "info",
                "matchers": [str(matcher) for matcher in routes[name].matchers] if name in routes else [],
            }
            for name, found in core.telling.delivery.status().items()
        ]
    }
