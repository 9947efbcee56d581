"""What a configuration may say, and yet probably does not mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tocsin.config import commands, slips
from tocsin.config.channels import literal_secrets
from tocsin.config.mistakes import nearest
from tocsin.model.levels import ThresholdKind
from tocsin.model.metrics import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tocsin.config.channels import Described
    from tocsin.model.orders import Inhibition, Maintenance
    from tocsin.model.rule import AlertRule

_OWN_METRICS: Final = ("system.", "process.", "tocsin.")


def remarks(
    rules: tuple[AlertRule, ...],
    *,
    channels: tuple[Described, ...],
    maintenance: tuple[Maintenance, ...],
    inhibition: tuple[Inhibition, ...],
    health: Mapping[str, Iterable[str]],
    known: set[str],
) -> Iterator[str]:
    """A sentence for each.

    Args:
        rules: besides the default ones.
        channels: as they were described.
        maintenance: windows of it.
        inhibition: what are only effects.
        health: the rules that health depends on, by kind.
        known: the names of all rules.
    """
    yield from _unmeasured(rules)
    yield from _unlearned(rules)
    yield from commands.slips(rules)
    yield from literal_secrets(channels)
    yield from slips.slips(channels, maintenance, inhibition)
    yield from _unknown_in_health(health, known)


def _unmeasured(rules: Iterable[AlertRule]) -> Iterator[str]:
    """Of each rule on a metric that bears one of Tocsin's own names and that nothing measures."""
    for rule in rules:
        if rule.metric.startswith(_OWN_METRICS) and rule.metric not in CATALOGUE:
            yield f"rule {rule.name!r}: nothing measures {rule.metric!r}{nearest(rule.metric, CATALOGUE)}"


def _unlearned(rules: Iterable[AlertRule]) -> Iterator[str]:
    """Of what rules say about learning that do not learn."""
    for rule in rules:
        learns = rule.learns and rule.adjust is not ThresholdKind.SIGMA
        said = {
            "sensitivity": rule.sensitivity is not None,
            "min_change": rule.min_change != 0,
            "early": not rule.early,
        }
        for key in (key for key, is_said in said.items() if is_said and not learns):
            yield (
                f"rule {rule.name!r}: {key} has no effect, since this rule does not learn; "
                'adjust = "dynamic" or condition = "anomalous" does'
            )


def _unknown_in_health(health: Mapping[str, Iterable[str]], known: set[str]) -> Iterator[str]:
    """Of each rule that health is to depend on and that is not there; the program may add it yet."""
    for kind, names in health.items():
        for name in names:
            if name not in known:
                yield f"health.{kind}: there is no rule {name!r}{nearest(name, known)}"
