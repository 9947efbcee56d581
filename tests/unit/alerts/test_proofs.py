from __future__ import annotations

import pytest

from tocsin.alerts.proofs import wanted_proofs
from tocsin.model.levels import AlertCategory, AlertSeverity
from tocsin.model.rule import AlertRule
from tocsin.rules.defaults import default_rules

DEFAULTS = {rule.name: rule for rule in default_rules(cpu=85, memory=90, storage_latency=100, buffer=80)}


@pytest.mark.parametrize(
    ("rule", "kinds"),
    [
        ("cpu-high", ("busy_threads", "processes_cpu")),
        ("memory-high", ("processes_memory",)),
        ("process-memory-high", ("growing_lines", "processes_memory")),
        ("memory-growth", ("growing_lines", "processes_memory")),
        ("memory-leak", ("leak_sites",)),
        ("memory-efficiency", ("growing_lines",)),
        ("filesystem-full", ("filesystems",)),
        ("storage-latency-high", ("processes_io",)),
        ("event-loop-blocked", ("loop_stack",)),
        ("gc-pause-long", ("gc_pauses",)),
        ("gil-wait-high", ("busy_threads",)),
        ("buffer-high", ()),
    ],
)
def test_a_default_rule_asks_for_the_proof_of_what_it_measures(rule: str, kinds: tuple[str, ...]) -> None:
    assert wanted_proofs(DEFAULTS[rule]) == kinds


@pytest.mark.parametrize(
    ("metric", "category", "kinds"),
    [
        ("process.cpu.utilization", AlertCategory.GENERAL, ("busy_threads",)),
        ("orders.price.duration", AlertCategory.APPLICATION_LATENCY, ("busy_threads",)),
        ("orders.price.duration", AlertCategory.GENERAL, ()),
        ("tocsin.gc.time", AlertCategory.CPU_USAGE, ("gc_pauses",)),
    ],
)
def test_the_metric_says_more_than_the_category(metric: str, category: AlertCategory, kinds: tuple[str, ...]) -> None:
    rule = AlertRule("r", category, AlertSeverity.WARNING, 1000, metric=metric)
    assert wanted_proofs(rule) == kinds
