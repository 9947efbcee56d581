"""Rules without a threshold: they ring at what the program has never been like, and are told quietly.

Each has a least change: what is rare and small is nobody's trouble. And none rings before a day is known: what a
program does in its first hours, it may do for the first time.
"""

from __future__ import annotations

from tocsin.model.levels import AlertCategory, AlertCondition, AlertSeverity
from tocsin.model.rule import AlertRule


def unusual_rules() -> tuple[AlertRule, ...]:
    """CPU and memory of the program, and the lag of its event loops."""
    return (
        AlertRule(
            "program-cpu-unusual",
            AlertCategory.CPU_USAGE,
            AlertSeverity.INFO,
            condition=AlertCondition.ANOMALOUS,
            metric="process.cpu.utilization",
            aggregate="avg",
            # A minute's mean: what is over within is nobody's trouble.
            window_s=60.0,
            min_change="25 %",
            early=False,
            message="The program uses {value} of a core: {forecast}",
            recommendations=("See its busiest lines in the evidence, or with tocsin status", "Ask what changed since"),
        ),
        AlertRule(
            "program-memory-unusual",
            AlertCategory.MEMORY_GROWTH,
            AlertSeverity.INFO,
            condition=AlertCondition.ANOMALOUS,
            metric="process.memory.usage",
            min_change="64 MB",
            early=False,
            for_s=60.0,
            message="The program holds {value}: {forecast}",
            recommendations=("See who holds it: tocsin leaks", "Ask what changed since"),
        ),
        AlertRule(
            "event-loop-lag-unusual",
            AlertCategory.APPLICATION_LATENCY,
            AlertSeverity.INFO,
            condition=AlertCondition.ANOMALOUS,
            metric="tocsin.eventloop.lag",
            aggregate="avg",
            window_s=60.0,
            min_change="50 ms",
            early=False,
            message="The event loop answers after {value}: {forecast}",
            recommendations=("See what blocks it in the evidence of event-loop-blocked", "Ask what changed since"),
        ),
    )
