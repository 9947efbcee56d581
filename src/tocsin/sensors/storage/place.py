"""Where storage is measured: which folder, and whether it is storage at all."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

from tocsin.errors import SampleError
from tocsin.sensors.linux.mounts import mount_of, read_mounts

_IN_MEMORY: Final = frozenset({"tmpfs", "ramfs", "devtmpfs", "rootfs"})
_USUAL_PLACES: Final = ("/tmp", "/var/tmp", "/usr/tmp")  # noqa: S108 - asked about, and written to without a name


def temporary_directory() -> str:
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


def memory_kind(place: Path, proc: Path) -> str | None:
    """The type of the file system if it is one in memory; None otherwise, and where that cannot be known."""
    try:
        mount = mount_of(place, read_mounts(proc / "self" / "mountinfo"))
    except SampleError:
        return None
    return mount.kind if mount is not None and mount.kind in _IN_MEMORY else None


def in_memory(place: Path, kind: str) -> str:
    """The reason why nothing is measured there, in words."""
    return f"{place} is on {kind}, which is memory: there is no storage to measure; choose a folder on a disk"


def sync(fd: int) -> None:
    """Wait until the device has what was written."""
    if hasattr(os, "fdatasync"):
        os.fdatasync(fd)
    else:
        os.fsync(fd)
