"""How long a small, synced write to storage takes."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from tocsin.sensors.storage.place import in_memory, memory_kind, sync, temporary_directory

if TYPE_CHECKING:
    from collections.abc import Callable


class ProbeResult(msgspec.Struct, frozen=True):
    """What a probe of storage found.

    Attributes:
        duration_s: seconds of write, sync and read; None where nothing was measured.
        path: the directory.
        reason: why nothing was measured; empty otherwise.
    """

    duration_s: float | None
    path: str
    reason: str = ""


def probe_storage(directory: Path | None = None, *, size_bytes: int = 4096, proc: Path = Path("/proc")) -> ProbeResult:
    """Write a small temporary file, sync it to the device, read it back.

    The file never has a name where the file system can do that (Linux), and elsewhere loses it at once, so that
    nothing can be left behind. The read is answered by the page cache: it is the sync that waits for the device.

    Args:
        directory: where to write; None for the system's directory for temporary files.
        size_bytes: how much to write.
        proc: where /proc is; it tells the kind of file system.
    Returns: the time; without one, and with the reason, where the directory is in memory or cannot be written to.
    """
    try:
        place = Path(os.path.realpath(directory if directory is not None else temporary_directory()))
        kind = memory_kind(place, proc)
        if kind is not None:
            return ProbeResult(None, str(place), in_memory(place, kind))
        return ProbeResult(_probe(place, os.urandom(size_bytes)), str(place))
    except OSError as error:
        reason = f"{error.filename or directory or 'the temporary directory'}: {error.strerror or error}"
        return ProbeResult(None, str(directory or ""), f"cannot write a temporary file: {reason}")


def _probe(place: Path, block: bytes) -> float:
    fd, close = _nameless_file(place)
    try:
        start_s = time.perf_counter()
        os.write(fd, block)
        sync(fd)
        os.lseek(fd, 0, os.SEEK_SET)  # pread is not everywhere
        os.read(fd, len(block))
        return time.perf_counter() - start_s
    finally:
        close()


def _nameless_file(place: Path) -> tuple[int, Callable[[], None]]:
    flag = getattr(os, "O_TMPFILE", None)
    if flag is not None:
        try:
            fd = os.open(place, flag | os.O_RDWR, 0o600)
        except OSError:
            pass  # the file system cannot do it: the way below has a name for a moment
        else:
            return fd, lambda: os.close(fd)
    import tempfile  # noqa: PLC0415 - dear to import, and seldom needed

    file = tempfile.TemporaryFile(dir=place, buffering=0)  # noqa: SIM115 - closed by the caller
    return file.fileno(), file.close
