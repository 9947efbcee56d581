"""The memory limit that a container sets, for cgroups of both versions.

The limit of a process's own group may read as unlimited while a group above it sets one, so the smallest of the whole
chain counts. In a cgroup namespace the groups above its root are invisible: what is found here is the *visible* limit.
"""

from __future__ import annotations

import posixpath
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tocsin.errors import SampleError
from tocsin.sensors.linux.mounts import Mount, read_mounts

if TYPE_CHECKING:
    from collections.abc import Iterator

_UNLIMITED: Final = 1 << 62  # version 1 says "unlimited" as the largest multiple of a page in 63 bits
_LIMIT_FILE: Final = {"cgroup2": "memory.max", "cgroup": "memory.limit_in_bytes"}


def memory_limit_bytes(proc: Path = Path("/proc"), pid: int | None = None) -> int | None:
    """The smallest visible memory limit over a process's groups and all groups above them.

    Costs about a millisecond: ask once a minute, not once a sample.

    Args:
        proc: where /proc is.
        pid: the process; None for the own one.
    Returns: bytes; None where no limit is visible.
    """
    home = proc / ("self" if pid is None else str(pid))
    try:
        # The own mounts count even for another process: its groups are looked up in the folders seen from here.
        mounts = read_mounts(proc / "self" / "mountinfo")
        paths = _group_paths((home / "cgroup").read_text("utf-8", "surrogateescape"))
    except (OSError, SampleError):
        return None  # no cgroups, or a process of somebody else: then the machine's memory is the limit
    limits = [
        limit
        for mount in mounts
        if (path := _path_in(mount, paths)) is not None
        for folder in _chain(mount, path)
        if (limit := _read_limit(folder / _LIMIT_FILE[mount.kind])) is not None
    ]
    return min(limits, default=None)


def _group_paths(text: str) -> dict[str, str]:
    """Map `cgroup2` and the controllers of version 1 to the process's group; a hybrid machine has both."""
    paths = {}
    for line in text.splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            paths["cgroup2"] = path
        for controller in filter(None, controllers.split(",")):
            paths[controller] = path
    return paths


def _path_in(mount: Mount, paths: dict[str, str]) -> str | None:
    if mount.kind == "cgroup2":
        return paths.get("cgroup2")
    if mount.kind == "cgroup" and "memory" in mount.options:
        return paths.get("memory")
    return None


def _chain(mount: Mount, path: str) -> Iterator[Path]:
    """The folders from the process's group up to the mount's root."""
    top = Path(mount.point)
    inside = posixpath.relpath(path, mount.root) if path.startswith("/") else "."
    # Outside of what is mounted here (another namespace's view): only the root of the mount can be asked.
    parts = () if inside.startswith("..") else Path(inside).parts
    for depth in range(len(parts), -1, -1):
        yield top.joinpath(*parts[:depth])


def _read_limit(file: Path) -> int | None:
    try:
        text = file.read_text("ascii").strip()
        limit = int(text) if text != "max" else _UNLIMITED
    except (OSError, ValueError):
        return None  # the root group has no such file
    return limit if 0 < limit < _UNLIMITED else None
