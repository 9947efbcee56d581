"""What is played to an engine: moments of a virtual time, each with what happened in it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple, Protocol

from tocsin.clock import Instant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tocsin.model.inputs import Input
    from tocsin.model.readings import SeriesKey

# Not zero, so that nobody takes it for "never".
_MONO_START_S = 1000.0


class Moment(NamedTuple):
    """One step.

    Attributes:
        now: when.
        inputs: what happened.
        every_s: seconds from one moment to the next, as intended; what is five times as long is a gap.
        learned: what rules had learned in an earlier run that this one goes on from, and when it went on; at its
            beginning alone.
    """

    now: Instant
    inputs: list[Input]
    every_s: float
    learned: tuple[bytes, Instant] | None = None


class Feed(Protocol):
    """Where moments come from."""

    def moments(self, wanted: Callable[[SeriesKey], bool]) -> Iterator[Moment]:
        """The moments, in the order of time; no more of them is held than a window.

        Args:
            wanted: which series anybody looks at; of the others the readings may be left out.
        Raises: TocsinError: if what was recorded cannot be read.
        """
        ...

    def share_done(self) -> float:
        """How much has been played, from 0 to 1."""
        ...

    def remarks(self) -> list[str]:
        """What a reader of the result should know of where it comes from; after the last moment."""
        ...

    def close(self) -> None:
        """Give files back."""
        ...


class Timeline:
    """Gives each time of a record its place on all clocks.

    Args:
        start_unix_s: the time at which it begins.
    """

    def __init__(self, start_unix_s: float) -> None:
        self._start_unix_s = start_unix_s

    def at(self, unix_s: float) -> Instant:
        """The moment; the machine never sleeps in a record."""
        mono_s = round(unix_s - self._start_unix_s, 6) + _MONO_START_S
        return Instant(mono_s, mono_s, datetime.fromtimestamp(unix_s, UTC))
