"""What a sensor is."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tocsin.clock import Instant
    from tocsin.model.readings import Layout, SeriesKey

NAN: Final = float("nan")
"""The reading of a series that could not be measured this time: it is absent, never zero."""


class Tier(IntEnum):
    """How often a sensor is read: the value is the number of check intervals between two readings."""

    CORE = 1
    SLOW = 10
    SLOWEST = 60


class Sensor(Protocol):
    """Reads one thing, and says once what it reads.

    A sensor may also have a text `remark`, told with its health: what it leaves out on purpose, and why.

    Attributes:
        name: unique in a monitor, like `host.cpu`.
        tier: how often it is worth reading.
        layout: the series it reads; the same tuple object as long as these do not change.
    """

    @property
    def name(self) -> str:
        """The name in health reports."""
        ...

    @property
    def tier(self) -> Tier:
        """How often it is worth reading."""
        ...

    @property
    def layout(self) -> Layout:
        """The series of the last reading; a new tuple whenever series come or go."""
        ...

    def read(self, now: Instant) -> list[float]:
        """Read everything once.

        Returns: one number for each series of `layout` as it stands after this call, in the metric's base unit;
            NaN where nothing was measured. Counters are handed over as they are, without a rate.
        Raises: Exception: if the source cannot be read; the monitor sets the sensor aside and tries again later.
        """
        ...

    def close(self) -> None:
        """Give files back and forget earlier readings; a later `read` opens them anew."""
        ...


class AbsentSensor:
    """Stands where this machine lacks a sensor's source, so that its absence can be told.

    Attributes:
        reason: why it is absent, in words.
    """

    tier: Final = Tier.SLOWEST
    layout: Layout = ()

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        self.reason = reason

    def read(self, now: Instant) -> list[float]:  # noqa: ARG002 - the protocol's shape
        """Nothing."""
        return []

    def close(self) -> None:
        """Nothing to give back."""


def kept_layout(old: Layout, keys: Iterable[SeriesKey]) -> Layout:
    """The old layout object if it holds the same series: whoever caches by identity then need not look again."""
    new = tuple(keys)
    return old if new == old else new
