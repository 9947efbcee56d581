"""A file of /proc that is kept open: reading it again costs a third of opening it again."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from tocsin.errors import SampleError

if TYPE_CHECKING:
    from pathlib import Path

# The kernel hands out files made of records in pieces of about a page, whatever size is asked for. A piece this much
# below a page was the last one, since no record of these files is longer than the rest of the page.
_LAST_PIECE_BELOW: Final = 2048
_MAX_BYTES: Final = 1 << 24


class ProcFile:
    """One file of /proc, read whole from its start each time.

    In a fork, a kept `/proc/self` file still tells of the parent: the file is opened anew when the pid has changed.

    Args:
        path: the file.
        long_records: whether a record may be about as long as a page (mountinfo): such a file is read up to its end.

    Attributes:
        last_below: a piece of fewer bytes was the last one.
    """

    __slots__ = ("_fd", "_identity", "_path", "_pid", "_size", "last_below")

    def __init__(self, path: Path, *, long_records: bool = False) -> None:
        self._fd = -1
        self._path = os.fspath(path)
        self.last_below = 1 if long_records else _LAST_PIECE_BELOW
        self._pid = -1
        self._identity = (0, 0)
        self._size = 4096

    def __str__(self) -> str:
        return self._path

    @property
    def fd(self) -> int:
        """The descriptor; negative while it is closed."""
        return self._fd

    def read(self) -> bytes:
        """The whole content.

        Raises: SampleError: if it cannot be read or is empty.
        """
        if self._pid != os.getpid():
            self._open()
        try:
            data = os.pread(self._fd, self._size, 0)
            if len(data) >= self.last_below:
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
