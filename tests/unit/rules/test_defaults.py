from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tocsin.errors import ConfigError
from tocsin.model.levels import AlertCategory, AlertSeverity
from tocsin.model.metrics import CATALOGUE
from tocsin.rules.defaults import BUFFER_RULE, CPU_RULE, MEMORY_RULE, STORAGE_RULE, default_rules

if TYPE_CHECKING:
    from tocsin.model.rule import AlertRule

RULES = default_rules(cpu=85, memory=90, storage_latency=100, buffer=80)
BY_NAME = {rule.name: rule for rule in RULES}


@pytest.mark.parametrize("category", list(AlertCategory))
def test_every_category_has_a_rule(category: AlertCategory) -> None:
    assert any(rule.category is category for rule in RULES)


@pytest.mark.parametrize("rule", RULES, ids=[rule.name for rule in RULES])
def test_every_rule_says_what_to_do_and_watches_what_is_measured(rule: AlertRule) -> None:
    assert rule.recommendations
    assert all(text and not text.endswith(".") for text in rule.recommendations)
    assert rule.metric in CATALOGUE
    assert any(figure in rule.message for figure in ("{value}", "{megabytes}", "{component}"))
    assert rule.enabled


def test_every_rule_has_a_name_of_its_own() -> None:
    assert len(BY_NAME) == len(RULES)


def test_the_four_thresholds_come_from_the_configuration() -> None:
    rules = {rule.name: rule for rule in default_rules(cpu="70 %", memory=75, storage_latency="20 ms", buffer="0.5 %")}

    assert rules[CPU_RULE].limit == 0.7
    assert rules[MEMORY_RULE].limit == 0.75
    assert rules[STORAGE_RULE].limit == 0.02
    assert rules[BUFFER_RULE].limit == 0.005


def test_a_threshold_that_cannot_be_meant_is_refused() -> None:
    with pytest.raises(ConfigError, match="write 85 or '85 %'"):
        default_rules(cpu=0.85, memory=90, storage_latency=100, buffer=80)


@pytest.mark.parametrize(
    ("warning", "critical", "limits"),
    [
        ("memory-growth", "memory-growth-critical", (1e6, 5e6)),
        ("process-memory-high", "process-memory-critical", (0.85, 0.95)),
        ("filesystem-full", "filesystem-full-critical", (0.9, 0.97)),
        ("container-memory-high", "container-memory-critical", (0.9, 0.97)),
    ],
)
def test_a_pair_watches_one_metric_and_the_worse_rule_stands_farther_out(
    warning: str, critical: str, limits: tuple[float, float]
) -> None:
    mild, grave = BY_NAME[warning], BY_NAME[critical]

    assert (mild.metric, mild.aggregate, mild.labels) == (grave.metric, grave.aggregate, grave.labels)
    assert (mild.severity, grave.severity) == (AlertSeverity.WARNING, AlertSeverity.CRITICAL)
    assert (mild.limit, grave.limit) == limits


def test_growth_must_last_a_minute_so_that_one_step_stays_quiet() -> None:
    assert BY_NAME["memory-growth"].for_s == BY_NAME["memory-growth-critical"].for_s == 60.0
    assert BY_NAME["memory-growth"].aggregate == "rate"


def test_a_busy_minute_of_the_machine_is_not_told() -> None:
    assert BY_NAME[CPU_RULE].for_s >= 60.0


def test_every_default_rule_stands_in_the_guide() -> None:
    guide = (Path(__file__).parents[3] / "docs" / "guide" / "monitoring.md").read_text("utf-8")
    told = set(re.findall(r"`([a-z-]+)`", guide))
    told |= {head + tail for head, tail in re.findall(r"`([a-z]+(?:-[a-z]+)*)`, `(-critical)`", guide)}
    told |= {head.removesuffix("-high") + tail for head, tail in re.findall(r"`([a-z-]+-high)`, `(-critical)`", guide)}
    assert set(BY_NAME) <= told
