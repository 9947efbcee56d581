"""Rules on the program's memory: how full it is, how it grows, what leaks.

The numbers and messages are those by which `MemoryAlertManager` judges reports, but for two things: how full is a share
of what the program may have, so that a large and stable program stays quiet, and growth must last.
"""

from __future__ import annotations

from typing import Final

from tocsin.model.levels import AlertCategory, AlertCondition, AlertSeverity
from tocsin.model.rule import AlertRule
from tocsin.rules.defaults.filling import filling

PROCESS_MEMORY_RULE = "process-memory-high"

LEAK_MESSAGE: Final = "Memory leak detected in {component}"
GROWTH_MESSAGE: Final = "High memory growth rate: {megabytes}MB/s"
EFFICIENCY_MESSAGE: Final = "Low allocation efficiency: {value}"
# More than any leak at all, and growth that fills a container of 512 MB within a night.
LEAKS: Final = 0.0
FAST_LEAK: Final = "50 MB/hour"
GROWTH: Final = ("1 MB/s", "5 MB/s")
EFFICIENCY: Final = 0.5

_WARNING, _CRITICAL = AlertSeverity.WARNING, AlertSeverity.CRITICAL


def memory_rules() -> tuple[AlertRule, ...]:
    """All of them."""
    return (*_use(), *_growth(), *_leaks())


def _use() -> tuple[AlertRule, ...]:
    return (
        filling(
            "process-memory-filling",
            "process.memory.utilization",
            "95 %",
            message="The program uses {value} of the memory it may have and, at this pace, reaches {forecast}",
            recommendations=(
                "See which lines grow: tocsin leaks",
                "Restart in an orderly way before then, and bound what grows",
            ),
        ),
        AlertRule(
            PROCESS_MEMORY_RULE,
            AlertCategory.MEMORY_THRESHOLD,
            _WARNING,
            "85 %",
            metric="process.memory.utilization",
            for_s=30.0,
            message="The program uses {value} of the memory it may have",
            recommendations=(
                "See which lines hold it: tocsin leaks",
                "Raise the container's limit only after that",
            ),
        ),
        AlertRule(
            "process-memory-critical",
            AlertCategory.MEMORY_THRESHOLD,
            _CRITICAL,
            "95 %",
            metric="process.memory.utilization",
            message="The program uses {value} of the memory it may have and is about to be killed",
            recommendations=(
                "Shed load or restart it in an orderly way now",
                "Then see which lines hold it: tocsin leaks",
            ),
        ),
    )


def _growth() -> tuple[AlertRule, ...]:
    return (
        AlertRule(
            # A window of 30 s and `for` 60 s: one step (a model loaded, a cache filled) is over before it counts.
            "memory-growth",
            AlertCategory.MEMORY_GROWTH,
            _WARNING,
            GROWTH[0],
            for_s=60.0,
            message=GROWTH_MESSAGE,
            recommendations=(
                "See which lines grow: tocsin leaks",
                "Look for a list, dict or cache that only gains entries",
            ),
        ),
        AlertRule(
            "memory-growth-critical",
            AlertCategory.MEMORY_GROWTH,
            _CRITICAL,
            GROWTH[1],
            for_s=60.0,
            message=GROWTH_MESSAGE,
            recommendations=(
                "Stop the input that feeds it, or restart in an orderly way",
                "See which lines grow: tocsin leaks",
            ),
        ),
    )


def _leaks() -> tuple[AlertRule, ...]:
    return (
        AlertRule(
            "memory-leak",
            AlertCategory.MEMORY_LEAK,
            _WARNING,
            LEAKS,
            metric="tocsin.memory.leak.count",
            # A verdict near its bound may come and go; a leak that is over is told a minute later.
            keep_firing_for_s=60.0,
            message=LEAK_MESSAGE,
            recommendations=(
                "See the lines, and what holds what they made: tocsin leaks",
                "Bound the container that keeps the objects, or drop its entries when they are done with",
            ),
        ),
        AlertRule(
            "memory-leak-fast",
            AlertCategory.MEMORY_LEAK,
            _CRITICAL,
            FAST_LEAK,
            metric="tocsin.memory.leak.rate",
            keep_firing_for_s=60.0,
            message=LEAK_MESSAGE,
            recommendations=(
                "See the lines, and what holds what they made: tocsin leaks",
                "Restart in an orderly way before the limit is reached, and bound the container that keeps the objects",
            ),
        ),
        AlertRule(
            "memory-efficiency",
            AlertCategory.MEMORY_EFFICIENCY,
            _WARNING,
            EFFICIENCY,
            condition=AlertCondition.LESS_THAN,
            message=EFFICIENCY_MESSAGE,
            recommendations=(
                "See what the allocator holds and what is alive: tocsin leaks --json",
                "Free large temporary objects earlier; consider a restart after a peak",
            ),
        ),
    )
