"""A file of /proc that is kept open: reading it again costs a third of opening it again."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

from tocsin.errors import SampleError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tocsin.sensors.linux.plan import Plan

# The kernel hands out files made of records in pieces of about a page, whatever size is asked for. A piece this much
# below a page was the last one, since no record of these files is longer than the rest of the page.
_LAST_PIECE_BELOW: Final = 2048
_MAX_BYTES: Final = 1 << 24
_NEVER: Final = sys.maxsize
RELEARN_EVERY: Final = 60
"""For files with a line for each device: one that is wanted may have taken the place of one that was not."""


class ProcFile:
    """One file of /proc, read whole from its start each time.

    In a fork, a kept `/proc/self` file still tells of the parent: the file is opened anew when the pid has changed.

    Args:
        path: the file.
        long_records: whether a record may be about as long as a page (mountinfo): such a file is read up to its end.
    """

    __slots__ = ("_fd", "_identity", "_last_below", "_path", "_pid", "_size")

    def __init__(self, path: Path, *, long_records: bool = False) -> None:
        self._fd = -1
        self._path = os.fspath(path)
        self._last_below = 1 if long_records else _LAST_PIECE_BELOW
        self._pid = -1
        self._identity = (0, 0)
        self._size = 4096

    def read(self) -> bytes:
        """The whole content.

        Raises: SampleError: if it cannot be read or is empty.
        """
        if self._pid != os.getpid():
            self._open()
        try:
            data = os.pread(self._fd, self._size, 0)
            if len(data) >= self._last_below:
                data = self._rest(data)
        except OSError as error:
            self.close()
            raise SampleError(f"{self._path}: cannot be read: {error.strerror}") from error
        if not data:
            self.close()
            raise SampleError(f"{self._path}: is empty")
        return data

    def links(self) -> int:
        """The number of links to it, which for a folder of /proc tells how many folders are in it.

        Raises: SampleError: if it cannot be opened.
        """
        if self._pid != os.getpid():
            self._open()
        try:
            return os.fstat(self._fd).st_nlink
        except OSError as error:
            self.close()
            raise SampleError(f"{self._path}: cannot be looked at: {error.strerror}") from error

    def close(self) -> None:
        """Give the descriptor back, unless the program has closed it behind our back and uses its number anew."""
        fd, self._fd, self._pid = self._fd, -1, -1
        if fd < 0:
            return
        try:
            found = os.fstat(fd)
            if (found.st_dev, found.st_ino) == self._identity:
                os.close(fd)
        except OSError:
            return  # closed by somebody else already

    def __del__(self) -> None:
        self.close()  # a monitor that is dropped, as in a fork, must not leave descriptors behind

    def _open(self) -> None:
        self.close()
        try:
            self._fd = os.open(self._path, os.O_RDONLY)
        except OSError as error:
            raise SampleError(f"{self._path}: cannot be opened: {error.strerror}") from error
        found = os.fstat(self._fd)
        self._identity = (found.st_dev, found.st_ino)
        self._pid = os.getpid()

    def _rest(self, data: bytes) -> bytes:
        while len(data) < _MAX_BYTES:
            piece = os.pread(self._fd, self._size, len(data))
            if not piece:
                break
            data += piece
        # Next time the buffer holds all that the kernel gives at once.
        self._size = max(self._size, 2 * len(data))
        return data


class NumberFile(ProcFile):
    """A file of /proc of which some numbers are wanted.

    Args:
        path: the file.
        learn: makes a plan of its text, at first and whenever the one before does not fit any more.
        long_records: see `ProcFile`.
        relearn_every: readings after which it is learnt anew though it fits: for files in which another line may be
            wanted later; 0 for never.
    """

    __slots__ = ("_learn", "_left", "_plan", "_relearn_every")

    def __init__(
        self, path: Path, learn: Callable[[bytes], Plan], *, long_records: bool = False, relearn_every: int = 0
    ) -> None:
        super().__init__(path, long_records=long_records)
        self._learn = learn
        self._plan: Plan | None = None
        self._left = self._relearn_every = relearn_every or _NEVER

    def numbers(self) -> list[float]:
        """The wanted numbers, in the order of the plan; NaN for what is not there.

        Raises: SampleError: if the file cannot be read or is empty.
        """
        if self._pid != os.getpid():
            self._open()
        self._left -= 1
        plan = self._plan
        if plan is not None and self._left > 0:
            try:
                found = plan.read(self._fd, self._last_below)
            except OSError as error:
                self.close()
                raise SampleError(f"{self._path}: cannot be read: {error.strerror}") from error
            if found is not None:
                return found
        return self._numbers_anew()

    def forget(self) -> None:
        """Learn anew at the next reading."""
        self._plan = None

    def _numbers_anew(self) -> list[float]:
        data = self.read()
        self._left = self._relearn_every
        plan = self._plan = self._learn(data)
        found = plan.of(data)
        if found is None:
            raise SampleError(f"{self._path}: expected what was learnt of it a moment ago, found {data[:60]!r}")
        return found
