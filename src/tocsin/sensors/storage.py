"""How long a small, synced write to storage takes."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from tocsin.errors import SampleError
from tocsin.sensors.linux.mounts import mount_of, read_mounts

if TYPE_CHECKING:
    from collections.abc import Callable

_IN_MEMORY: Final = frozenset({"tmpfs", "ramfs", "devtmpfs", "rootfs"})
_USUAL_PLACES: Final = ("/tmp", "/var/tmp", "/usr/tmp")  # noqa: S108 - asked about, and written to without a name


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
        place = Path(os.path.realpath(directory if directory is not None else _temporary_directory()))
        kind = _memory_kind(place, proc)
        if kind is not None:
            reason = f"{place} is on {kind}, which is memory: there is no storage to measure; choose a folder on a disk"
            return ProbeResult(None, str(place), reason)
        return ProbeResult(_probe(place, os.urandom(size_bytes)), str(place))
    except OSError as error:
        reason = f"{error.filename or directory or 'the temporary directory'}: {error.strerror or error}"
        return ProbeResult(None, str(directory or ""), f"cannot write a temporary file: {reason}")


def _probe(place: Path, block: bytes) -> float:
    fd, close = _nameless_file(place)
    try:
        start_s = time.perf_counter()
        os.write(fd, block)
        _sync(fd)
        os.lseek(fd, 0, os.SEEK_SET)  # pread is not everywhere
        os.read(fd, len(block))
        return time.perf_counter() - start_s
    finally:
        close()


def _sync(fd: int) -> None:
    if hasattr(os, "fdatasync"):
        os.fdatasync(fd)
    else:
        os.fsync(fd)


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


def _temporary_directory() -> str:
    """What `tempfile.gettempdir` answers, where possible without its trial file, which watchers of the folder see."""
    tempfile = sys.modules.get("tempfile")
    known = getattr(tempfile, "tempdir", None)
    if isinstance(known, str):
        return known
    named = (os.environ.get(variable, "") for variable in ("TMPDIR", "TEMP", "TMP"))
    if os.name == "posix":
        for place in (*named, *_USUAL_PLACES):
            if place and Path(place).is_dir() and os.access(place, os.W_OK | os.X_OK):
                return place
    import tempfile as fresh  # noqa: PLC0415 - dear to import, and seldom needed

    return fresh.gettempdir()


def _memory_kind(place: Path, proc: Path) -> str | None:
    """The type of the file system if it is one in memory; None otherwise, and where that cannot be known."""
    try:
        mount = mount_of(place, read_mounts(proc / "self" / "mountinfo"))
    except SampleError:
        return None
    return mount.kind if mount is not None and mount.kind in _IN_MEMORY else None
