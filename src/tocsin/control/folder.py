"""Where the sockets lie: a folder that nobody but its user can read or write."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tocsin.errors import ControlError
from tocsin.sensors.storage.place import temporary_directory

if TYPE_CHECKING:
    from collections.abc import Iterator

UNIX: Final = hasattr(socket, "AF_UNIX") and hasattr(os, "geteuid")
SUFFIX: Final = ".sock" if UNIX else ".port"
MAX_NAME_CHARS: Final = 40


def file_safe(name: str) -> str:
    """The name as it stands in the socket's file name: letters, digits, `.`, `_` and `-`, at most 40 characters."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name)[:MAX_NAME_CHARS].strip("._-") or "python"


def folders() -> Iterator[Path]:
    """Where sockets may lie, best first. Clients look at all: a service may lack a shell's environment."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if UNIX and runtime and Path(runtime).is_absolute() and _is_ours(Path(runtime)):
        yield Path(runtime) / "tocsin"
    uid = f"-{os.geteuid()}" if UNIX else ""
    yield Path(temporary_directory()) / f"tocsin{uid}"


def _is_ours(folder: Path) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and (not UNIX or found.st_uid == os.geteuid())


def distrust(folder: Path) -> str:
    """Why a folder must not be used, in words; empty when it may."""
    found = folder.lstat()
    if stat.S_ISLNK(found.st_mode):
        return f"{folder} is a symbolic link"
    if not stat.S_ISDIR(found.st_mode):
        return f"{folder} is not a folder"
    if not UNIX:
        return ""  # Windows' temporary folder is the user's own, and its modes say nothing
    if found.st_uid != os.geteuid():
        return f"{folder} belongs to user {found.st_uid}, not to {os.geteuid()}"
    if found.st_mode & 0o077:
        return f"{folder} is open to others (mode {found.st_mode & 0o777:o}, expected 700)"
    return ""


def control_folder() -> Path:
    """The folder for this user's sockets, made if need be.

    Raises: ControlError: if every candidate is missing or not safely ours; the message says why.
    """
    reasons = []
    for folder in folders():
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            reason = distrust(folder)
        except OSError as error:
            reason = f"{folder}: {error.strerror or error}"
        if not reason:
            return folder
        reasons.append(reason)
    raise ControlError(
        "no private folder for the control socket: " + "; ".join(reasons) + ". Remove it, or set XDG_RUNTIME_DIR"
    )


def unlink(path: Path) -> None:
    """Remove a file if that is possible; what stays is found dead and removed by the next client."""
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
