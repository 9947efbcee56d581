"""What the kernel says of the own process's memory. Bytes, or None where it does not say."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc/self")
_MAX_BYTES: Final = 1 << 16  # far more than these files have


def rss_bytes(home: Path = _PROC) -> int | None:
    """Resident memory."""
    try:
        pages = _read(home / "statm").split(b" ", 2)[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return _portable("rss")


def peak_rss_bytes(home: Path = _PROC) -> int | None:
    """The highest resident memory since the program was started."""
    found = _kib(home / "status", b"VmHWM:")
    return _portable("peak_wset") if found is None else found


def pss_bytes(home: Path = _PROC) -> int | None:
    """Resident memory, each shared page divided among those that share it. The kernel walks all pages for this."""
    return _kib(home / "smaps_rollup", b"Pss:")


def _kib(file: Path, name: bytes) -> int | None:
    with suppress(OSError, ValueError, IndexError):
        _, found, rest = _read(file).partition(b"\n" + name)
        return int(rest.split(None, 1)[0]) * 1024 if found else None
    return None


def _read(file: Path) -> bytes:
    fd = os.open(file, os.O_RDONLY)
    try:
        return os.read(fd, _MAX_BYTES)
    finally:
        os.close(fd)


def _portable(field: str) -> int | None:
    """From psutil, where there is no /proc."""
    if _PROC.exists():
        return None  # it said so
    import psutil  # noqa: PLC0415 - never loaded where there is a /proc

    with suppress(psutil.Error, OSError, ValueError):
        value = getattr(psutil.Process().memory_info(), field, None)
        return None if value is None else int(value)
    return None
