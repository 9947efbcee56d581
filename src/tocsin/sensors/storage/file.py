"""The file that the background probe reads from and writes to.

It has no name, or loses it before anything is written, so nothing is left behind whatever becomes of the process. Where
a file system cannot make a file without a name, one killed between two system calls leaves an empty file whose name
tells whose it was; the next probe in that folder removes it.
"""

from __future__ import annotations

import os
import stat
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tocsin.errors import SampleError
from tocsin.sensors.protocol import NAN
from tocsin.sensors.storage.place import sync

if TYPE_CHECKING:
    import random
    from mmap import mmap

BLOCK_BYTES: Final = 4096
FILE_BYTES: Final = 1 << 20
PREFIX: Final = "tocsin-probe-"
DIRECT: Final = "O_DIRECT"
DROPPED: Final = "posix_fadvise"
# A name lives for microseconds: one that is this old belongs to nobody, whoever has its pid now.
LEFT_AFTER_S: Final = 3600.0
# So many reads in a row that memory answered.
_MAX_KEPT: Final = 12
# A page in memory is there in 2 to 16 µs, call included. Few devices answer as fast, and of these nothing is said.
_MEMORY_S: Final = 30e-6


class ProbeFile:
    """A file of 1 MiB without a name, written once.

    All of it may hang for as long as the device does: it belongs on a thread of its own.

    Args:
        place: the folder.
        proc: where /proc is.

    Attributes:
        method: how a read gets past the page cache: `O_DIRECT` or `posix_fadvise`; empty before `open`.
    """

    def __init__(self, place: Path, proc: Path = Path("/proc")) -> None:
        self.method = ""
        self._place = place
        self._proc = proc
        self._fd = self._direct_fd = -1
        self._identity = (0, 0)
        self._buffer: mmap | None = None
        self._kept = 0

    @property
    def is_open(self) -> bool:
        """Whether it has been written."""
        return self._fd >= 0

    def free_bytes(self) -> int:
        """Space that is left to a program on this file system."""
        found = os.statvfs(self._place)
        return found.f_bavail * found.f_frsize

    def open(self, utc_s: float) -> None:
        """Make it and write it.

        Args:
            utc_s: now, in seconds since 1970; tells what others have left long ago.
        Raises: OSError: if that is not possible.
        """
        fd = self._make(utc_s)
        try:
            # Nothing that could be compressed away, or be told from a hole.
            os.write(fd, os.urandom(FILE_BYTES))
            sync(fd)
            found = os.fstat(fd)
            if found.st_size < FILE_BYTES:
                raise OSError(28, "No space left on device", str(self._place))  # noqa: TRY301 - a short write
        except BaseException:
            os.close(fd)
            raise
        self._fd, self._identity = fd, (found.st_dev, found.st_ino)
        self._choose_method()

    def read(self, rng: random.Random) -> float:
        """Read a block at a place of chance; the seconds that took, or NaN where memory answered this time.

        Raises: OSError, SampleError: if it cannot be read, or not past the page cache.
        """
        self._check(self._fd)
        offset = rng.randrange(FILE_BYTES // BLOCK_BYTES) * BLOCK_BYTES
        if self.method == DIRECT and self._buffer is not None:
            self._check(self._direct_fd)
            try:
                start_s = time.perf_counter()
                os.preadv(self._direct_fd, [self._buffer], offset)
                return time.perf_counter() - start_s
            except OSError as error:
                if error.errno != 22:  # EINVAL: it opened the file so, and cannot read so
                    raise
                self._drop_direct()
        if not self.method:
            raise SampleError("neither O_DIRECT nor posix_fadvise works here: a read would be answered by memory")
        return self._read_dropped(offset)

    def write(self, rng: random.Random) -> float:
        """Write a block at a place of chance and sync it; the seconds that took. Raises OSError, SampleError."""
        self._check(self._fd)
        offset = rng.randrange(FILE_BYTES // BLOCK_BYTES) * BLOCK_BYTES
        block = os.urandom(BLOCK_BYTES)
        start_s = time.perf_counter()
        os.lseek(self._fd, offset, os.SEEK_SET)  # pwrite is not everywhere
        os.write(self._fd, block)
        sync(self._fd)
        return time.perf_counter() - start_s

    def close(self) -> None:
        """Give it back; with its last descriptor the file is gone."""
        for fd in (self._fd, self._direct_fd):
            with suppress(OSError):
                if fd >= 0 and self._is_ours(fd):
                    os.close(fd)
        self._fd = self._direct_fd = -1
        self.method = ""

    def __del__(self) -> None:
        self.close()

    def _make(self, utc_s: float) -> int:
        nameless = getattr(os, "O_TMPFILE", None)
        if nameless is not None:
            with suppress(OSError):  # this file system cannot; the way below has a name for a moment
                return os.open(self._place, nameless | os.O_RDWR, 0o600)
        _remove_leftovers(self._place, utc_s)
        path = self._place / f"{PREFIX}{os.getpid()}-{os.urandom(6).hex()}"
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
        if os.name != "posix":
            return os.open(path, flags | getattr(os, "O_TEMPORARY", 0) | getattr(os, "O_BINARY", 0), 0o600)
        fd = os.open(path, flags, 0o600)
        with suppress(FileNotFoundError):  # somebody else cleaned up
            path.unlink()
        return fd

    def _choose_method(self) -> None:
        self.method = DROPPED if hasattr(os, "posix_fadvise") else ""
        flag = getattr(os, "O_DIRECT", None)
        if flag is None or not hasattr(os, "preadv"):
            return
        with suppress(OSError):
            self._direct_fd = os.open(self._proc / "self" / "fd" / str(self._fd), os.O_RDONLY | flag)
            from mmap import mmap  # noqa: PLC0415 - an aligned buffer, which O_DIRECT wants

            self._buffer = mmap(-1, BLOCK_BYTES)
            self.method = DIRECT

    def _drop_direct(self) -> None:
        os.close(self._direct_fd)
        self._direct_fd = -1
        self.method = DROPPED if hasattr(os, "posix_fadvise") else ""

    def _read_dropped(self, offset: int) -> float:
        """Read a block after the page cache was told to forget the file; NaN where it did not."""
        # The whole file: a single block that lies in a larger piece of the cache stays there.
        os.posix_fadvise(self._fd, 0, 0, os.POSIX_FADV_DONTNEED)
        start_s = time.perf_counter()
        os.pread(self._fd, BLOCK_BYTES, offset)
        took_s = time.perf_counter() - start_s
        # RWF_NOWAIT does not tell memory from a device: a virtual disk may have answered before the kernel looks.
        if took_s >= _MEMORY_S:
            self._kept = 0
            return took_s
        self._kept += 1
        if self._kept >= _MAX_KEPT:
            raise SampleError("the page cache does not let go of the probe's file: reads are answered by memory")
        return NAN

    def _check(self, fd: int) -> None:
        """A program that closes all descriptors (a daemon) may have given the number to a file of its own."""
        if fd < 0 or not self._is_ours(fd):
            raise SampleError("the probe's file was closed by somebody else")

    def _is_ours(self, fd: int) -> bool:
        try:
            found = os.fstat(fd)
        except OSError:
            return False
        return (found.st_dev, found.st_ino) == self._identity


def _remove_leftovers(place: Path, utc_s: float) -> None:
    """Remove the files of probes that were killed before they could take their name away."""
    with suppress(OSError), os.scandir(place) as entries:
        for entry in entries:
            pid = entry.name.removeprefix(PREFIX).partition("-")[0]
            if not entry.name.startswith(PREFIX) or not pid.isdigit():
                continue
            with suppress(OSError):
                found = entry.stat(follow_symlinks=False)
                mine = not hasattr(os, "getuid") or found.st_uid == os.getuid()
                left = utc_s - found.st_mtime > LEFT_AFTER_S or not _lives(int(pid))
                if mine and stat.S_ISREG(found.st_mode) and left:
                    os.unlink(entry.path)


def _lives(pid: int) -> bool:
    if os.name != "posix":
        return True  # there a signal 0 would end it; and files vanish with their process
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
