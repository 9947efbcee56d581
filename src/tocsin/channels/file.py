"""A file: each notice a line of JSON, readable by nobody else, and never larger than it may be."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tocsin.channels import options
from tocsin.channels.document import document, encode
from tocsin.channels.options import Option, settle
from tocsin.channels.outgoing import OutgoingChannel
from tocsin.errors import DeliveryError
from tocsin.model.levels import AlertSeverity

if TYPE_CHECKING:
    from tocsin.model.notice import Notice

MAX_BYTES: Final = 10_000_000
KEEP: Final = 3
_MODE: Final = 0o600
_FOLDER_MODE: Final = 0o700

OPTIONS: Final[options.Options] = {
    "path": Option(options.path, '"alerts.jsonl"', required=True, file=True),
    "max_size": Option(options.size(1000, 10**12), '"10 MB"'),
    "keep": Option(options.count(0, 100), "3"),
}


class FileAlertChannel(OutgoingChannel):
    """Appends each notice to a file, as the JSON document that webhooks get as `data`.

    Args:
        path: of the file; it and its folder are made when needed.
        max_size: bytes, or with a unit; what would grow beyond is begun anew, and the old file is kept as `path.1`.
        keep: how many old files are kept.
        name: the channel's name.
        severity: this and worse is told.
    Raises: ConfigError: with every mistake.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, max_size: float | str | None = None, keep: int | None = None,
        name: str = "file", severity: AlertSeverity | int | str = AlertSeverity.INFO,
    ) -> None:  # fmt: skip
        super().__init__(name, severity)
        given = settle(type(self).__name__, OPTIONS, {"path": path, "max_size": max_size, "keep": keep})
        self._path = Path(given["path"])
        self._max_bytes: int = given.get("max_size", MAX_BYTES)
        self._keep: int = given.get("keep", KEEP)
        self.after_fork()

    def after_fork(self) -> None:
        """Begin anew: the lock may be held by a thread of the parent."""
        self._lock = threading.Lock()

    def deliver(self, notice: Notice) -> None:
        """Append a line. Raises DeliveryError."""
        record = encode(document(notice)) + b"\n"
        try:
            with self._lock:
                self._append(record)
        except OSError as error:
            # A full disk is emptied, a folder comes back: worth another attempt. A folder in the place of the file,
            # or something that is no file, stays.
            wrong_kind = isinstance(error, (IsADirectoryError, NotADirectoryError, FileExistsError))
            raise DeliveryError(
                f"{self._path}: {error.strerror or type(error).__name__}", permanent=wrong_kind
            ) from None

    def _append(self, record: bytes) -> None:
        self._path.parent.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        if self._size() and self._size() + len(record) > self._max_bytes:
            self._rotate()
        # Never through a link that somebody else may have put there, and never waiting for the reader of a pipe.
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        fd = os.open(self._path, flags | getattr(os, "O_CLOEXEC", 0), _MODE)
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise IsADirectoryError(0, "not a regular file")
            _write_line(fd, record)
        finally:
            os.close(fd)

    def _size(self) -> int:
        try:
            return self._path.stat().st_size
        except FileNotFoundError:
            return 0

    def _rotate(self) -> None:
        """`path` becomes `path.1`, that `path.2`, and the oldest is replaced."""
        names = [self._path, *(self._path.with_name(f"{self._path.name}.{number + 1}") for number in range(self._keep))]
        if self._keep == 0:
            self._path.unlink(missing_ok=True)
        for older, newer in zip(reversed(names[1:]), reversed(names[:-1]), strict=True):
            if newer.exists():
                newer.replace(older)


def _write_line(fd: int, record: bytes) -> None:
    size = os.fstat(fd).st_size
    if size and os.lseek(fd, -1, os.SEEK_END) >= 0 and os.read(fd, 1) != b"\n":
        record = b"\n" + record  # a full disk has torn the last line; this one is to stay whole
    while record:
        record = record[os.write(fd, record) :]
