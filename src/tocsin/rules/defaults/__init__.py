"""The rules that everybody has: useful at once on an idle laptop and in a container, and quiet on both.

The four thresholds come from the configuration; each figure has its reason beside it, in the file of its kind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.rules.defaults.container import CONTAINER_RULE, container_rules
from tocsin.rules.defaults.machine import CPU_RULE, MEMORY_RULE, machine_rules
from tocsin.rules.defaults.memory import PROCESS_MEMORY_RULE, memory_rules
from tocsin.rules.defaults.program import BUFFER_RULE, program_rules
from tocsin.rules.defaults.storage import STORAGE_RULE, storage_rules

if TYPE_CHECKING:
    from tocsin.model.rule import AlertRule

__all__ = [
    "BUFFER_RULE",
    "CONTAINER_RULE",
    "CPU_RULE",
    "MEMORY_RULE",
    "PROCESS_MEMORY_RULE",
    "STORAGE_RULE",
    "default_rules",
]


def default_rules(
    *, cpu: float | str, memory: float | str, storage_latency: float | str, buffer: float | str
) -> tuple[AlertRule, ...]:
    """The default pack; at least one rule a category, each with recommendations.

    Args:
        cpu: share of the machine's CPU, bare numbers in percent.
        memory: share of the machine's memory, bare numbers in percent.
        storage_latency: bare numbers in milliseconds.
        buffer: share of a buffer's capacity, bare numbers in percent.
    Raises: ConfigError: if a threshold cannot be read.
    """
    return (
        *machine_rules(cpu, memory),
        *container_rules(),
        *storage_rules(storage_latency),
        *memory_rules(),
        *program_rules(buffer),
    )
