"""What proves an alert: the kinds of evidence that are asked of whoever drives the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tocsin.model.levels import AlertCategory

if TYPE_CHECKING:
    from tocsin.model.rule import AlertRule

# By the beginning of the metric's name; the first that fits. What is measured says more of the proof than the category.
_BY_METRIC: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("tocsin.eventloop.", ("loop_stack",)),
    ("tocsin.asyncio.", ("loop_stack",)),
    ("tocsin.gc.", ("gc_pauses",)),
    ("cpython.gc.", ("gc_pauses",)),
    ("tocsin.gil.", ("busy_threads",)),
    ("tocsin.thread.", ("thread_stack",)),
    ("process.cpu.", ("busy_threads",)),
    ("system.cpu.", ("busy_threads", "processes_cpu")),
    ("system.memory.", ("processes_memory",)),
    ("tocsin.memory.leak.", ("leak_sites",)),
    ("tocsin.memory.", ("growing_lines",)),
    ("process.memory.", ("growing_lines", "processes_memory")),
    ("tocsin.report.", ()),
    ("system.filesystem.", ("filesystems",)),
    ("system.disk.", ("processes_io",)),
    ("tocsin.storage.", ("processes_io",)),
)
_BY_CATEGORY: Final[dict[AlertCategory, tuple[str, ...]]] = {
    AlertCategory.APPLICATION_LATENCY: ("busy_threads",),
    AlertCategory.CPU_USAGE: ("busy_threads", "processes_cpu"),
    AlertCategory.MEMORY_THRESHOLD: ("processes_memory",),
    AlertCategory.DISK_IO: ("processes_io",),
}


def wanted_proofs(rule: AlertRule) -> tuple[str, ...]:
    """The kinds of evidence that an alert of this rule wants when it fires; most telling first."""
    by_metric = next((kinds for beginning, kinds in _BY_METRIC if rule.metric.startswith(beginning)), None)
    return _BY_CATEGORY.get(rule.category, ()) if by_metric is None else by_metric
