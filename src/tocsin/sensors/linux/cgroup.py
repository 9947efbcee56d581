"""The groups that hold a program: its own cgroup and all above it, for both versions and for machines that have both.

The limit of a process's own group may read as unlimited while a group above it sets one, so the smallest of the whole
chain counts. In a cgroup namespace the groups above its root are invisible: what is found here is the *visible* limit.
"""

from __future__ import annotations

import os
import posixpath
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from tocsin.errors import SampleError
from tocsin.sensors.linux.mounts import Mount, parse_mounts

if TYPE_CHECKING:
    from collections.abc import Iterator

_UNLIMITED: Final = 1 << 62  # version 1 says "unlimited" as the largest multiple of a page in 63 bits
RESOLVE_EVERY_S: Final = 60.0


class Group(NamedTuple):
    """One cgroup.

    Attributes:
        folder: where its files are.
        version: 1 or 2.
        is_own: whether the process is in it directly, or it is the nearest that accounts for it.
    """

    folder: Path
    version: int
    is_own: bool

    def memory_limit_bytes(self) -> int | None:
        """The limit that this group sets; None without one."""
        return _read_limit(self.folder / ("memory.max" if self.version == 2 else "memory.limit_in_bytes"))

    def cpu_limit(self) -> float | None:
        """The cores that this group's quota is worth; None without one."""
        if self.version == 2:
            quota, _, period = _read_text(self.folder / "cpu.max").partition(" ")
        else:
            quota, period = (_read_text(self.folder / f"cpu.cfs_{name}_us") for name in ("quota", "period"))
        try:
            cores = float(quota) / float(period)
        except (ValueError, ZeroDivisionError):
            return None  # "max", or the root group, which has no such file
        return cores if cores > 0 else None  # version 1 says "unlimited" as -1


class Groups(NamedTuple):
    """The groups of a process, its own first, then upwards; the root of the machine is none.

    Attributes:
        memory: those that account for memory.
        cpu: those that limit CPU time.
        usage: those that account for CPU time.
        pressure: those of version 2, which know of pressure.
    """

    memory: tuple[Group, ...] = ()
    cpu: tuple[Group, ...] = ()
    usage: tuple[Group, ...] = ()
    pressure: tuple[Group, ...] = ()

    def memory_limit_bytes(self) -> int | None:
        """The smallest visible memory limit; None without one."""
        return min(filter(None, (group.memory_limit_bytes() for group in self.memory)), default=None)

    def cpu_limit(self) -> float | None:
        """The smallest visible CPU quota in cores; None without one."""
        return min(filter(None, (group.cpu_limit() for group in self.cpu)), default=None)


class GroupFinder:
    """Finds the groups of a process and remembers them for a minute: finding costs a millisecond.

    Args:
        proc: where /proc is.
        pid: the process; None for the own one.

    Attributes:
        until_s: until when the answers stand, in monotonic seconds.
    """

    def __init__(self, proc: Path = Path("/proc"), pid: int | None = None) -> None:
        self._proc = proc
        self._pid = pid
        self._seen_pid = -1
        self.until_s = -1.0
        self._groups = Groups()
        self._limit: int | None = None

    def groups(self, mono_s: float) -> Groups:
        """The groups, looked up at most a minute ago; the same object as long as nothing was looked up."""
        if mono_s >= self.until_s or self._seen_pid != os.getpid():
            self._seen_pid = os.getpid()
            self.until_s = mono_s + RESOLVE_EVERY_S
            self._groups = find_groups(self._proc, self._pid)
            self._limit = self._groups.memory_limit_bytes()
        return self._groups

    def memory_limit_bytes(self, mono_s: float) -> int | None:
        """The smallest visible memory limit, at most a minute old; None without one."""
        if mono_s >= self.until_s or self._seen_pid != os.getpid():
            self.groups(mono_s)
        return self._limit

    def forget(self) -> None:
        """Look anew at the next question."""
        self.until_s = -1.0


def find_groups(proc: Path = Path("/proc"), pid: int | None = None) -> Groups:
    """The groups of a process, as far as they are visible; none where there are no cgroups."""
    try:
        # The own mounts count even for another process: its groups are looked up in the folders seen from here.
        mounts = [mount for mount in _own_mounts(proc) if mount.kind in {"cgroup", "cgroup2"}]
        home = proc / ("self" if pid is None else str(pid))
        paths = _group_paths((home / "cgroup").read_text("utf-8", "surrogateescape"))
    except (OSError, SampleError):
        return Groups()  # no cgroups, or a process of somebody else: then the machine is the limit
    return Groups(
        memory=_chains(mounts, paths, "memory", "memory.max"),
        cpu=_chains(mounts, paths, "cpu", "cpu.max"),
        usage=_chains(mounts, paths, "cpuacct", "cpu.stat"),
        pressure=_chains([mount for mount in mounts if mount.kind == "cgroup2"], paths, "", "cpu.pressure"),
    )


def memory_limit_bytes(proc: Path = Path("/proc"), pid: int | None = None) -> int | None:
    """The smallest visible memory limit over a process's groups and all groups above them; None without one."""
    return find_groups(proc, pid).memory_limit_bytes()


def _own_mounts(proc: Path) -> list[Mount]:
    return parse_mounts((proc / "self" / "mountinfo").read_bytes())


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


def _chains(mounts: list[Mount], paths: dict[str, str], controller: str, file: str) -> tuple[Group, ...]:
    """The groups of one controller; those of version 2 only where the controller, seen by its file, is switched on."""
    groups: list[Group] = []
    for mount in mounts:
        version = 2 if mount.kind == "cgroup2" else 1
        path = paths.get("cgroup2" if version == 2 else controller)
        if path is None or (version == 1 and controller not in mount.options):
            continue
        folders = [folder for folder in _chain(mount, path) if not _is_root(folder, version)]
        # A group whose parent does not hand the controller down is accounted for by the nearest group that has it.
        counting = [folder for folder in folders if version == 1 or (folder / file).exists()]
        groups += [Group(folder, version, at == 0) for at, folder in enumerate(counting)]
    return tuple(groups)


def _is_root(folder: Path, version: int) -> bool:
    """Whether a folder is the root of the whole machine, which these files in it, or their lack, give away."""
    if version == 1:
        return (folder / "release_agent").exists()
    return not (folder / "cgroup.type").exists() and not (folder / "memory.max").exists()


def _chain(mount: Mount, path: str) -> Iterator[Path]:
    """The folders from the process's group up to the mount's root."""
    top = Path(mount.point)
    inside = posixpath.relpath(path, mount.root) if path.startswith("/") else "."
    # Outside of what is mounted here (another namespace's view): only the root of the mount can be asked.
    parts = () if inside.startswith("..") else Path(inside).parts
    for depth in range(len(parts), -1, -1):
        yield top.joinpath(*parts[:depth])


def _read_text(file: Path) -> str:
    try:
        return file.read_text("utf-8").strip()
    except (OSError, ValueError):
        return ""


def _read_limit(file: Path) -> int | None:
    text = _read_text(file)
    try:
        limit = int(text) if text != "max" else _UNLIMITED
    except ValueError:
        return None
    return limit if 0 < limit < _UNLIMITED else None
