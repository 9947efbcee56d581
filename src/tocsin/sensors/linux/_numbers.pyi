"""The numbers of a kept file of /proc, read and picked in one call; see `tocsin.sensors.linux.plan`."""

from typing import Self

from tocsin.sensors.linux.plan import Line

class Plan:
    """Where the wanted numbers of a text stand."""

    def __new__(cls, lines: tuple[Line, ...], slots: int, text_lines: int = -1) -> Self: ...
    def of(self, data: bytes, /) -> list[float] | None:
        """The numbers in a text; None if it is not what the plan was made for."""

    def read(self, fd: int, last_below: int, /) -> list[float] | None:
        """The numbers in the file of a descriptor, which ends with a piece shorter than `last_below`.

        Raises: OSError: if it cannot be read.
        """

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
