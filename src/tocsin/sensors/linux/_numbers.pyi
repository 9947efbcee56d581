"""The numbers of a kept file of /proc, read and picked in one call; see `tocsin.sensors.linux.plan`."""

from typing import Self

from tocsin.clock import Instant
from tocsin.sensors.linux.plan import Line
from tocsin.sensors.linux.quick import One, Quick

def keep_library(name: str, /) -> bool:
    """Load a shared library for good, and say whether it is there."""

class Plan:
    """Where the wanted numbers of a text stand."""

    def __new__(cls, lines: tuple[Line, ...], slots: int, text_lines: int = -1) -> Self: ...
    def of(self, data: bytes, /) -> list[float] | None:
        """The numbers in a text; None if it is not what the plan was made for."""

    def read(self, fd: int, last_below: int, /) -> list[float] | None:
        """The numbers in the file of a descriptor, which ends with a piece shorter than `last_below`.

        Raises: OSError: if it cannot be read.
        """

class Base:
    """What a sensor keeps from one reading to the next; see `tocsin.sensors.linux.quick`."""

    @property
    def before(self) -> list[float] | None:
        """What was kept; None: nothing."""

    @property
    def before_s(self) -> float:
        """When, in monotonic seconds."""

    def keep(self, before: list[float], before_s: float, outputs: int, until_s: float, /) -> None:
        """Keep this for the next reading."""

    def forget(self) -> None:
        """Keep nothing."""

class Sweep:
    """All sensors of a sample, read in one call; see `tocsin.sensors.linux.quick`."""

    def __new__(cls, entries: tuple[tuple[object, Quick | None], ...]) -> Self: ...
    def read(self, now: Instant, mono_s: float, boot_s: float, one: One, /) -> list[float]:
        """All readings, in the order of the entries."""

class Reader:
    """The quick way of a kept file of numbers.

    While descriptor, process and plan are what they were, `numbers` does all in one call. Else, and whenever the text
    does not fit or cannot be read, it answers what `anew` answers, which whoever inherits from this must have.
    """

    def numbers(self) -> list[float]:
        """The wanted numbers of the file, by `anew` if need be."""

    def keep(self, fd: int, last_below: int, plan: Plan, left: int, /) -> None:
        """Read this descriptor by this plan, so many times."""

    def forget(self) -> None:
        """Call `anew` at the next reading."""
