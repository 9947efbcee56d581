"""What is mounted where, from /proc/PID/mountinfo."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from tocsin.errors import SampleError

if TYPE_CHECKING:
    from pathlib import Path

_ESCAPE: Final = re.compile(rb"\\([0-7]{3})")  # blanks and backslashes stand as octal


class Mount(NamedTuple):
    """One mount.

    Attributes:
        device: major and minor number of the file system.
        root: the folder of the file system that is mounted; `/` unless it is a bind mount or a subvolume.
        point: where it is mounted.
        kind: the type of the file system, like `ext4`.
        options: options of the mount and of the file system.
    """

    device: str
    root: str
    point: str
    kind: str
    options: frozenset[str]


def read_mounts(path: Path) -> list[Mount]:
    """Read a mountinfo file, in the order of mounting.

    Raises: SampleError: if it cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SampleError(f"{path}: cannot be read: {error.strerror}") from error
    return parse_mounts(data)


def parse_mounts(data: bytes) -> list[Mount]:
    """Parse the content of a mountinfo file; lines that it cannot understand are left out."""
    mounts = []
    for line in data.splitlines():
        before, dash, behind = line.partition(b" - ")
        fields, tail = before.split(b" "), behind.split(b" ")
        if not dash or len(fields) < 6 or len(tail) < 3:
            continue
        options = frozenset(_text(fields[5] + b"," + tail[2]).split(","))
        mounts.append(Mount(_text(fields[2]), _text(fields[3]), _text(fields[4]), _text(tail[0]), options))
    return mounts


def mount_of(path: Path, mounts: list[Mount]) -> Mount | None:
    """The mount on which a path without symbolic links lies: the one nearest to it, the last if several hide there."""
    best: Mount | None = None
    text = str(path)
    for mount in mounts:
        point = mount.point.rstrip("/") + "/"
        near = (text + "/").startswith(point)
        if near and (best is None or len(mount.point) >= len(best.point)):
            best = mount
    return best


def _text(field: bytes) -> str:
    plain = _ESCAPE.sub(lambda match: bytes((int(match[1], 8) & 0xFF,)), field)
    return plain.decode("utf-8", "surrogateescape")
