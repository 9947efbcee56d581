"""What the kernel says of the own process's memory. Bytes, or None where it does not say."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc/self")


def rss_bytes(home: Path = _PROC) -> int | None:
    """Resident memory."""
    try:
        pages = (home / "statm").read_bytes().split(b" ", 2)[1]
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
        for line in file.read_bytes().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1024
    return None


def _portable(field: str) -> int | None:
    """From psutil, where there is no /proc."""
    if _PROC.exists():
        return None  # it said so
    import psutil  # noqa: PLC0415 - never loaded where there is a /proc

    with suppress(psutil.Error, OSError, ValueError):
        value = getattr(psutil.Process().memory_info(), field, None)
        return None if value is None else int(value)
    return None
