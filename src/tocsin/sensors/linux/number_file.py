"""A file of /proc of which some numbers are wanted, again and again."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

from tocsin.errors import SampleError
from tocsin.sensors.linux.procfile import ProcFile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tocsin.sensors.linux.plan import Plan

_NEVER: Final = sys.maxsize
RELEARN_EVERY: Final = 60
"""For files with a line for each device: one that is wanted may have taken the place of one that was not."""


class PureReader:
    """The quick way of a kept file, in plain Python; see `_numbers.pyi`, and reader.c for the other."""

    __slots__ = ("_fd", "_last_below", "_left", "_pid", "_plan")

    def __init__(self) -> None:
        self._plan: Plan | None = None

    def numbers(self) -> list[float]:
        """The wanted numbers, by `anew` if need be."""
        if self._plan is not None and self._left > 0 and self._pid == os.getpid():
            self._left -= 1
            try:
                found = self._plan.read(self._fd, self._last_below)
            except OSError:
                found = None
            if found is not None:
                return found
        return self.anew()

    def keep(self, fd: int, last_below: int, plan: Plan, left: int, /) -> None:
        """Read this descriptor by this plan, so many times."""
        self._fd, self._last_below, self._plan, self._left, self._pid = fd, last_below, plan, left, os.getpid()

    def forget(self) -> None:
        """Call `anew` at the next reading."""
        self._plan = None

    def anew(self) -> list[float]:
        """What the quick way does not do."""
        raise NotImplementedError


if TYPE_CHECKING:
    Reader = PureReader
else:
    try:
        from tocsin.sensors.linux import _numbers
    except ImportError:
        Reader = PureReader
    else:
        Reader = _numbers.Reader


class NumberFile(Reader):
    """A kept file and the plan by which its numbers are picked.

    `numbers()` gives the wanted numbers in the order of the plan, NaN for what is not there; it raises a SampleError if
    the file cannot be read or is empty.

    Args:
        path: the file.
        learn: makes a plan of its text, at first and whenever the one before does not fit any more.
        long_records: see `ProcFile`.
        relearn_every: readings after which it is learnt anew though it fits; 0 for never.
    """

    __slots__ = ("_file", "_learn", "_relearn_every")

    def __init__(
        self, path: Path, learn: Callable[[bytes], Plan], *, long_records: bool = False, relearn_every: int = 0
    ) -> None:
        super().__init__()
        self._file = ProcFile(path, long_records=long_records)
        self._learn = learn
        self._relearn_every = relearn_every or _NEVER

    def anew(self) -> list[float]:
        """Read the text, and learn where its numbers stand."""
        self.forget()
        data = self._file.read()
        plan = self._learn(data)
        found = plan.of(data)
        if found is None:
            raise SampleError(f"{self._file}: expected what was learnt of it a moment ago, found {data[:60]!r}")
        self.keep(self._file.fd, self._file.last_below, plan, self._relearn_every - 1)
        return found

    def close(self) -> None:
        """Give the descriptor back; the next reading opens and learns the file anew."""
        self.forget()
        self._file.close()
