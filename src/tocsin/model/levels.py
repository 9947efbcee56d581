"""How bad, and of what kind: the enums that every alert and rule carries."""

from __future__ import annotations

from enum import Enum, IntEnum, StrEnum
from typing import Final


class AlertSeverity(IntEnum):
    """How urgent an alert is; a higher number is worse."""

    INFO = 1
    WARNING = 2
    CRITICAL = 3

    @property
    def word(self) -> str:
        """The name as it is written in `tocsin.toml`: `info`, `warning`, `critical`."""
        return self.name.lower()


class AlertCategory(StrEnum):
    """What an alert is about."""

    MEMORY_LEAK = "memory_leak"
    MEMORY_GROWTH = "memory_growth"
    MEMORY_EFFICIENCY = "memory_efficiency"
    MEMORY_THRESHOLD = "memory_threshold"
    CPU_USAGE = "cpu_usage"
    DISK_IO = "disk_io"
    NETWORK_IO = "network_io"
    APPLICATION_LATENCY = "application_latency"
    GENERAL = "general"


class AlertCondition(StrEnum):
    """When a value is bad. `ANOMALOUS` is named here and refused until it is built."""

    GREATER_THAN = "greater_than"
    LESS_THAN = "less_than"
    EQUALS = "equals"
    NOT_EQUALS = "not_equals"
    ANOMALOUS = "anomalous"
    WILL_EXCEED = "will_exceed"


class ThresholdKind(StrEnum):
    """Which bound a threshold rule on a metric that is bad when it is high compares with."""

    STATIC = "static"  # what was written
    DYNAMIC = "dynamic"  # the lower of what was written and what was learned
    BOTH = "both"  # above what was written, and unusual, too
    SIGMA = "sigma"  # the lower of what was written and the history's mean plus two deviations


class AlertState(StrEnum):
    """Where an alert stands in its life."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


class Verdict(IntEnum):
    """What a rule says of one series at one time. `NO_DATA` and `ERROR` never count as `OK`."""

    OK = 0
    BAD = 1
    NO_DATA = 2
    ERROR = 3


class Held(StrEnum):
    """Why nobody was told, in the order in which the reasons are asked."""

    DISABLED = "disabled"
    SILENCE = "silence"
    MAINTENANCE = "maintenance"
    INHIBITION = "inhibition"
    ACKNOWLEDGEMENT = "acknowledgement"
    SUPPRESSION = "suppression"
    LIMIT = "limit"


class _Default(Enum):
    UNSET = "unset"


UNSET: Final = _Default.UNSET
"""Stands for "not given" where None has a meaning of its own."""

Unset = _Default

_BY_WORD = {severity.word: severity for severity in AlertSeverity}


def read_level(level: object) -> tuple[AlertSeverity, bool]:
    """Read a level given as a severity, its number or its name.

    Args:
        level: an `AlertSeverity`, 1 to 3, or a name in any case.
    Returns: the severity, and whether the level was understood. What is not understood is WARNING,
        since an alert with an odd level is still an alert.
    """
    if isinstance(level, AlertSeverity):
        return level, True
    if isinstance(level, str):
        found = _BY_WORD.get(level.strip().lower())
        return (found, True) if found is not None else (AlertSeverity.WARNING, False)
    if isinstance(level, (int, float)) and not isinstance(level, bool) and level in (1, 2, 3):
        return AlertSeverity(int(level)), True
    return AlertSeverity.WARNING, False
