"""Who owns a state directory, where the others write meanwhile, and who looks after what the dead have left.

The owner is whoever holds a POSIX record lock on a file in it: such a lock goes with its process, however that ends,
and is not inherited by a fork (`flock` would live on in the children of a dead owner). It also goes when the process
closes *any* descriptor of that file, so the file is opened once and never closed.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Final

from tocsin.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LOCK_FILE: Final = "owner.lock"
GUESTS: Final = "guests"

# Held until the folder is given back: closing any descriptor of such a file gives the lock away.
_HELD: Final[dict[tuple[int, int, int], int]] = {}


class FolderInUse(StoreError):
    """A running program has the folder."""


class StateFolder:
    """A state directory as this process may use it.

    Attributes:
        path: where to write: the directory itself for its owner, a folder of its own for everybody else.
        root: the directory.
        is_owner: whether this process owns it, and so watches the host and looks after the dead.
    """

    def __init__(self, root: Path, path: Path, *, is_owner: bool) -> None:
        self.root = root
        self.path = path
        self.is_owner = is_owner
        self._identity = _identity_of(path / LOCK_FILE)

    def orphans(self) -> Iterator[StateFolder]:
        """The folders of processes that are gone, each taken over while it is looked at; for the owner."""
        if not self.is_owner:
            return
        try:
            found = sorted((self.root / GUESTS).iterdir())
        except FileNotFoundError:
            return
        for path in found:
            if path.is_dir() and _take(path / LOCK_FILE):
                yield StateFolder(self.root, path, is_owner=False)

    def release(self) -> None:
        """Give the folder back, to the next of this process or of another; also one that was removed."""
        _give(self._identity)

    def remove(self) -> None:
        """Remove the folder of a guest that is gone, once what it left has been taken over."""
        if self.path == self.root:
            raise StoreError(f"{self.path}: the owner's own folder is not to be removed")
        for entry in self.path.iterdir():
            entry.unlink(missing_ok=True)
        self.path.rmdir()


def claim(root: Path) -> StateFolder:
    """Own a state directory, or get a folder of one's own in it.

    Raises: StoreError: if it cannot be made or written; says why, and what to do.
    """
    try:
        _make_private(root)
        if _take(root / LOCK_FILE):
            return StateFolder(root, root, is_owner=True)
        _make_private(root / GUESTS)
        for number in range(1000):
            path = root / GUESTS / (f"{os.getpid()}" if number == 0 else f"{os.getpid()}-{number}")
            _make_private(path)
            if _take(path / LOCK_FILE):
                return StateFolder(root, path, is_owner=False)
    except OSError as error:
        raise StoreError(
            f"{root}: cannot be used as state directory: {error.strerror or error}; "
            "make it writable for this user, or name another one as state_dir"
        ) from error
    raise StoreError(f"{root}: no free folder under {GUESTS}")


def own(path: Path) -> StateFolder:
    """Own the folder of a program that does not run, to amend what it left.

    Args:
        path: a state directory, or the folder of a guest in one.
    Raises: FolderInUse: if a running program has it. StoreError: if it cannot be written. Each says what to do.
    """
    try:
        if _take(path / LOCK_FILE):
            return StateFolder(path, path, is_owner=True)
    except OSError as error:
        raise StoreError(f"{path}: cannot be written: {error.strerror or error}") from error
    raise FolderInUse(f"{path}: a running program has it; leave --state-dir away to talk to that program")


def take_turn(path: Path) -> Callable[[], None] | None:
    """Hold the lock of a file until it is given back, or this process ends.

    Returns: what gives it back; None: somebody else has it, of this process or of another.
    Raises: OSError: if the file cannot be made.
    """
    known = _identity_of(path)
    if known is not None and (*known, os.getpid()) in _HELD:
        return None
    _make_private(path.parent)
    if not _take(path):
        return None
    identity = _identity_of(path)
    return lambda: _give(identity)


def folders(root: Path) -> list[Path]:
    """The state directory, and the folders of its guests, as far as they are there."""
    try:
        guests = sorted(path for path in (root / GUESTS).iterdir() if path.is_dir())
    except OSError:
        guests = []
    return [root, *guests]


def _make_private(path: Path) -> None:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


def _take(path: Path) -> bool:
    """Take the lock of a file. False: another process has it, or this one in another place."""
    try:
        import fcntl
    except ImportError:
        return _take_by_opening(path)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    identity = (*_identity(fd), os.getpid())
    if identity in _HELD:
        # Ours already, in another system of this process. Closing this descriptor would drop that one's lock.
        _HELD[(*identity[:2], -fd)] = fd
        return False
    try:
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(fd)
        if error.errno in {errno.EACCES, errno.EAGAIN}:
            return False
        raise
    _HELD[identity] = fd
    return True


def _give(identity: tuple[int, int] | None) -> None:
    """Let go of the lock of a file, if it is ours."""
    fd = None if identity is None else _HELD.pop((*identity, os.getpid()), None)
    if fd is not None:
        os.close(fd)


def _identity_of(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _take_by_opening(path: Path) -> bool:
    """Windows: nobody else can remove or open for writing what is open here without sharing."""
    import msvcrt  # noqa: PLC0415 - only there

    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
    except OSError:
        os.close(fd)
        return False
    _HELD[(*_identity(fd), os.getpid())] = fd
    return True


def _identity(fd: int) -> tuple[int, int]:
    found = os.fstat(fd)
    return found.st_dev, found.st_ino
