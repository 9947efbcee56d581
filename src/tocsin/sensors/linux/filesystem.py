"""Space and inodes of the file systems that a program can write to.

`statvfs` on a dead network server waits for ever and cannot be killed. So a network file system, and whatever is
mounted below one, is asked on a thread of its own: it answers at the next reading, and while it does not, its values
are absent and the age of the question shows. The local ones go on.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tocsin.errors import SampleError
from tocsin.model.readings import MAX_LABEL_CHARS, SeriesKey, inert
from tocsin.sensors.linux.mounts import Mount, parse_mounts
from tocsin.sensors.linux.outstanding import OutstandingCall
from tocsin.sensors.linux.procfile import ProcFile
from tocsin.sensors.protocol import NAN, Tier

if TYPE_CHECKING:
    from tocsin.clock import Instant
    from tocsin.model.readings import Layout

_LOCAL: Final = frozenset({
    "bcachefs", "btrfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "hfsplus", "jfs", "msdos", "nilfs2", "ntfs", "ntfs3",
    "reiserfs", "ufs", "vfat", "xfs", "zfs",
})  # fmt: skip
_REMOTE: Final = ("nfs", "cifs", "smb", "fuse.", "fuseblk", "9p", "ceph", "afs", "glusterfs", "lustre", "virtiofs")
# Windows of the desktop and of containers into something else; they hold nothing that could fill up.
_NO_STORAGE: Final = ("nfsd", "fuse.gvfsd", "fuse.portal", "fuse.lxcfs", "fuse.snapfuse", "fuse.AppImage")
_VALUES: Final = 4
_ABSENT: Final = (NAN,) * _VALUES

Space = tuple[float, float, float, float]


class FilesystemSensor:
    """Each writable file system once, at the shortest of the places where it is mounted."""

    name: Final = "host.filesystem"
    tier: Final = Tier.SLOW

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self.layout: Layout = ()
        self.remark = ""
        self._file = ProcFile(proc / "self" / "mountinfo", long_records=True)
        self._mountinfo = b""
        self._points: tuple[str, ...] = ()
        self._far_points: tuple[str, ...] = ()
        # One that hangs stays here although it was unmounted: should it come back, there is no second question.
        self._calls: dict[str, OutstandingCall[Space | None]] = {}

    def read(self, now: Instant) -> list[float]:
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
                values += _ABSENT
        if failure is not None and all(value != value for value in values):  # noqa: PLR0124 - NaN
            raise SampleError(f"no file system can be measured; the last one said: {failure}")
        for point in self._far_points:
            values += self._ask(point, now.mono_s)
        self.remark = _remark([point for point, call in self._calls.items() if call.age_s(now.mono_s) > 0])
        return values

    def close(self) -> None:
        """See `Sensor.close`."""
        self._file.close()
        self._mountinfo = b""

    def _ask(self, point: str, mono_s: float) -> tuple[float, ...]:
        """The answer to the question of the reading before, and the next question."""
        call = self._calls[point]
        space = call.answer() or _ABSENT
        call.begin(mono_s)
        return (*space, call.age_s(mono_s))

    def _learn(self, mounts: list[Mount]) -> None:
        far_roots = tuple(mount.point.rstrip("/") + "/" for mount in mounts if mount.kind.startswith(_REMOTE))
        near: dict[str, str] = {}
        far: dict[str, str] = {}
        for mount in mounts:
            if "ro" in mount.options or not _holds_files(mount):
                continue
            is_far = (mount.point + "/").startswith(far_roots)
            chosen = far if is_far else near
            held = chosen.get(mount.device)
            # Even looking at a far place may hang; whether it is a folder is asked where that harms nobody.
            if (held is None or len(mount.point) < len(held)) and (is_far or Path(mount.point).is_dir()):
                chosen[mount.device] = mount.point
        points, far_points = tuple(sorted(near.values())), tuple(sorted(far.values()))
        self._calls = {
            point: self._calls.get(point) or _question(point)
            for point in {*far_points, *(point for point, call in self._calls.items() if call.is_out())}
        }
        if (points, far_points) != (self._points, self._far_points) or not self.layout:
            self._points, self._far_points = points, far_points
            self.layout = (
                *(key for point in points for key in _keys(inert(point, MAX_LABEL_CHARS))),
                *(key for point in far_points for key in _far_keys(inert(point, MAX_LABEL_CHARS))),
            )


def _holds_files(mount: Mount) -> bool:
    if mount.kind.startswith(_REMOTE):
        return not mount.kind.startswith(_NO_STORAGE)
    # A container's root is an overlay; it answers with the space of the disk below. Others repeat that disk.
    # Single files are mounted too (a container's /etc/hosts): they are no place where anything fills up.
    return mount.kind in _LOCAL or (mount.kind == "overlay" and mount.point == "/")


def _question(point: str) -> OutstandingCall[Space | None]:
    return OutstandingCall("tocsin-statvfs", lambda: _measure_folder(point))


def _measure_folder(point: str) -> Space | None:
    if not stat.S_ISDIR(os.stat(point).st_mode):
        return None
    found = os.statvfs(point)
    return _measure(found) if found.f_blocks else None  # many of FUSE have no space to tell of


def _measure(found: os.statvfs_result) -> Space:
    """Count as df does: what is kept for root belongs neither to the used nor to the usable space."""
    used = float(found.f_blocks - found.f_bfree) * found.f_frsize
    usable = used + float(found.f_bavail) * found.f_frsize
    inodes = (found.f_files - found.f_ffree) / found.f_files if found.f_files else NAN
    return usable, used, used / usable if usable else NAN, inodes


def _remark(hanging: list[str]) -> str:
    return f"waiting for statvfs of: {', '.join(sorted(hanging))}" if hanging else ""


def _keys(point: str) -> Layout:
    labels = (("mountpoint", point),)
    return (
        SeriesKey("system.filesystem.limit", labels),
        SeriesKey("system.filesystem.usage", labels),
        SeriesKey("system.filesystem.utilization", labels),
        SeriesKey("system.filesystem.inodes.utilization", labels),
    )


def _far_keys(point: str) -> Layout:
    return (*_keys(point), SeriesKey("tocsin.filesystem.probe.age", (("mountpoint", point),)))
