"""Space and inodes of local file systems.

Network file systems (nfs, cifs, fuse, …) are left out: `statvfs` on a dead server waits for ever and cannot be killed,
and would take the watch with it. `remark` names what was left out.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tocsin.errors import SampleError
from tocsin.model.readings import MAX_LABEL_CHARS, SeriesKey, inert
from tocsin.sensors.linux.mounts import Mount, parse_mounts
from tocsin.sensors.linux.procfile import ProcFile
from tocsin.sensors.protocol import NAN, Tier

if TYPE_CHECKING:
    from tocsin.clock import Instant
    from tocsin.model.readings import Layout

_LOCAL: Final = frozenset({
    "bcachefs", "btrfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "hfsplus", "jfs", "msdos", "nilfs2", "ntfs", "ntfs3",
    "reiserfs", "ufs", "vfat", "xfs", "zfs",
})  # fmt: skip
_REMOTE: Final = ("nfs", "cifs", "smb", "fuse", "9p", "ceph", "afs", "glusterfs", "lustre", "virtiofs")
_VALUES: Final = 4


class FilesystemSensor:
    """Each local, writable file system once, at the shortest of the places where it is mounted."""

    name: Final = "host.filesystem"
    tier: Final = Tier.SLOW

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self.layout: Layout = ()
        self.remark = ""
        self._file = ProcFile(proc / "self" / "mountinfo", long_records=True)
        self._mountinfo = b""
        self._points: tuple[str, ...] = ()

    def read(self, now: Instant) -> list[float]:  # noqa: ARG002 - the protocol's shape
        """See `Sensor.read`."""
        data = self._file.read()
        if data != self._mountinfo:
            self._learn(parse_mounts(data))
            self._mountinfo = data
        values: list[float] = []
        failure: OSError | None = None
        for point in self._points:
            try:
                values += _measure(os.statvfs(point))
            except OSError as error:  # one that is out of reach must not hide the others
                failure = error
                values += [NAN] * _VALUES
        if failure is not None and all(value != value for value in values):  # noqa: PLR0124 - NaN
            raise SampleError(f"no file system can be measured; the last one said: {failure}")
        return values

    def close(self) -> None:
        """See `Sensor.close`."""
        self._file.close()
        self._mountinfo = b""

    def _learn(self, mounts: list[Mount]) -> None:
        chosen: dict[str, str] = {}
        for mount in mounts:
            held = chosen.get(mount.device)
            if _counts(mount) and (held is None or len(mount.point) < len(held)):
                chosen[mount.device] = mount.point
        points = tuple(sorted(chosen.values()))
        if points != self._points or not self.layout:
            self._points = points
            self.layout = tuple(key for point in points for key in _keys(inert(point, MAX_LABEL_CHARS)))
        remote = sorted(f"{mount.point} ({mount.kind})" for mount in mounts if mount.kind.startswith(_REMOTE))
        self.remark = f"left out, since asking may hang: {', '.join(remote)}" if remote else ""


def _counts(mount: Mount) -> bool:
    # A container's root is an overlay; it answers with the space of the disk below. Others repeat that disk.
    local = mount.kind in _LOCAL or (mount.kind == "overlay" and mount.point == "/")
    # Single files are mounted too (a container's /etc/hosts): they are no place where anything fills up.
    return local and "ro" not in mount.options and Path(mount.point).is_dir()


def _measure(found: os.statvfs_result) -> tuple[float, float, float, float]:
    """Count as df does: what is kept for root belongs neither to the used nor to the usable space."""
    used = float(found.f_blocks - found.f_bfree) * found.f_frsize
    usable = used + float(found.f_bavail) * found.f_frsize
    inodes = (found.f_files - found.f_ffree) / found.f_files if found.f_files else NAN
    return usable, used, used / usable if usable else NAN, inodes


def _keys(point: str) -> Layout:
    labels = (("mountpoint", point),)
    return (
        SeriesKey("system.filesystem.limit", labels),
        SeriesKey("system.filesystem.usage", labels),
        SeriesKey("system.filesystem.utilization", labels),
        SeriesKey("system.filesystem.inodes.utilization", labels),
    )
