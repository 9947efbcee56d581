"""The ordinary reading of a sensor, without a step of Python: what the sensor keeps for it, and how it is called.

A sensor that has a `quick` says from which files its numbers come, and which of the ways in `derive.c` makes its
readings of them. Its `read` stays the one that knows all cases; what it keeps is here, so both go on from the same.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tocsin.clock import Instant
    from tocsin.sensors.linux.number_file import NumberFile

    One = Callable[[Any, Instant], list[float]]
    """Reads one sensor, by what stands for it."""


class PureBase:
    """What a sensor keeps from one reading to the next, in plain Python.

    Attributes:
        before: what was kept; None: nothing, so the next reading is a first one.
        before_s: when, in monotonic seconds.
    """

    __slots__ = ("before", "before_s")

    def __init__(self) -> None:
        self.before: list[float] | None = None
        self.before_s = 0.0

    def keep(self, before: list[float], before_s: float, outputs: int, until_s: float, /) -> None:  # noqa: ARG002
        """Keep this for the next reading.

        Args:
            before: numbers.
            before_s: the moment, in monotonic seconds.
            outputs: how many readings the sensor has; the ordinary reading has as many.
            until_s: from then on `read` is called again, whatever is read.
        """
        self.before, self.before_s = before, before_s

    def forget(self) -> None:
        """Keep nothing: the next reading is a first one."""
        self.before = None


class Quick(NamedTuple):
    """How a sensor is read without Python.

    Attributes:
        kind: the way in derive.c.
        files: where its numbers come from, one file behind the other.
        base: what it keeps.
        settings: of the way.
    """

    kind: str
    files: tuple[NumberFile, ...]
    base: PureBase
    settings: tuple[float, ...] = ()


def quick_of(sensor: object) -> Quick | None:
    """How this sensor is read without Python; None: by its `read` alone."""
    quick = getattr(sensor, "quick", None)
    return quick if isinstance(quick, Quick) else None


class AnySweep(Protocol):
    """Reads the sensors of a sample, one after the other."""

    def read(self, now: Instant, mono_s: float, boot_s: float, one: One, /) -> list[float]:
        """All readings, in the order of the entries.

        Args:
            now: this moment.
            mono_s, boot_s: of this moment.
            one: called for what is to be read by itself.
        """
        ...


class PureSweep:
    """The same in plain Python: each sensor reads for itself.

    Args:
        entries: what stands for each sensor, and its `Quick`, if it has one.
    """

    def __init__(self, entries: Sequence[tuple[Any, Quick | None]]) -> None:
        self._all = [who for who, _ in entries]

    def read(self, now: Instant, mono_s: float, boot_s: float, one: One, /) -> list[float]:  # noqa: ARG002
        """See `AnySweep.read`."""
        values: list[float] = []
        for who in self._all:
            values += one(who, now)
        return values


FOR_EVER = math.inf

if TYPE_CHECKING:
    Base = PureBase
    make_sweep: Callable[[tuple[tuple[Any, Quick | None], ...]], AnySweep]
else:
    try:
        from tocsin.sensors.linux import _numbers
    except ImportError:
        Base, make_sweep = PureBase, PureSweep
    else:
        # A build from before has none of these.
        Base, make_sweep = getattr(_numbers, "Base", PureBase), getattr(_numbers, "Sweep", PureSweep)
