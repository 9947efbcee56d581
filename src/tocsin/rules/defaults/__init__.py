"""The rules that everybody has: useful at once on an idle laptop and in a container, and quiet on both.

The four thresholds come from the configuration; each figure has its reason beside it, in the file of its kind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from tocsin.model.levels import ThresholdKind
from tocsin.rules.defaults.container import CONTAINER_RULE, container_rules
from tocsin.rules.defaults.machine import CPU_RULE, MEMORY_RULE, machine_rules
from tocsin.rules.defaults.memory import PROCESS_MEMORY_RULE, memory_rules
from tocsin.rules.defaults.program import BUFFER_RULE, program_rules
from tocsin.rules.defaults.storage import STORAGE_RULE, storage_rules
from tocsin.rules.defaults.unusual import unusual_rules

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
    *, cpu: float | str, memory: float | str, storage_latency: float | str, buffer: float | str, learn: bool = False
) -> tuple[AlertRule, ...]:
    """The default pack; at least one rule a category, each with recommendations.

    Args:
        cpu: share of the machine's CPU, bare numbers in percent.
        memory: share of the machine's memory, bare numbers in percent.
        storage_latency: bare numbers in milliseconds.
        buffer: share of a buffer's capacity, bare numbers in percent.
        learn: whether the four adjust to what was learned, and what is unusual rings.
    Raises: ConfigError: if a threshold cannot be read.
    """
    pack = (
        *machine_rules(cpu, memory),
        *container_rules(),
        *storage_rules(storage_latency),
        *memory_rules(),
        *program_rules(buffer),
    )
    if not learn:
        return pack
    return (*(_adjusting(rule) for rule in pack), *unusual_rules())


# What the four must differ by from what was expected to be unusual: less is no trouble, however rare.
_LEAST_CHANGE: Final = {CPU_RULE: "20 %", MEMORY_RULE: "10 %", STORAGE_RULE: "20 ms", BUFFER_RULE: "20 %"}


def _adjusting(rule: AlertRule) -> AlertRule:
    least = _LEAST_CHANGE.get(rule.name)
    if least is None:
        return rule
    return msgspec.structs.replace(rule, adjust=ThresholdKind.DYNAMIC, min_change=least, early=False)
