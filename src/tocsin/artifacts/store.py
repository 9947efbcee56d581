"""The folder of artifacts: each file is written whole or not at all, and all together keep within bounds.

Several processes may share the folder, so whatever is looked at may be gone in the next moment.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import threading
from itertools import count
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from tocsin.artifacts.document import Head, encode, head_of
from tocsin.errors import ArtifactNotFound, StoreError
from tocsin.model.units import format_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

FOLDER: Final = "artifacts"
# It has to pass through the control socket in one reply, which may have 4 MiB.
MAX_ARTIFACT_BYTES: Final = 3 * 2**20 + 2**19
# Nobody writes one for as long: whoever began this one is gone.
PARTIAL_AGE_S: Final = 600.0
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}")
_FILE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}\.json")
_PARTIAL: Final = re.compile(r"\.(\d+)-\d+\.part")
_numbers: Final = count()


class ArtifactBounds(msgspec.Struct, frozen=True, kw_only=True):
    """How much is kept; of too much the oldest goes.

    Attributes:
        size_bytes: of all artifacts together.
        count: how many.
        age_s: seconds.
        min_free_bytes: with less free space on the disk than this nothing is written.
    """

    size_bytes: int = 100_000_000
    count: int = 100
    age_s: float = 14 * 86_400.0
    min_free_bytes: int = 512 * 2**20


class _File(NamedTuple):
    """A file of the folder."""

    modified_s: float
    name: str
    size: int
    path: str


class Kept(NamedTuple):
    """An artifact as it lies in the folder.

    Attributes:
        id: its name.
        size_bytes: of its file.
        head: what it says of itself; None where it cannot be read.
        reason: why it cannot be read.
    """

    id: str
    size_bytes: int
    head: Head | None
    reason: str = ""


class ArtifactStore:
    """Keeps artifacts in the folder `artifacts` of a state directory.

    Args:
        state_dir: the state directory; the folder is made in it when something is to be kept.
        bounds: how much is kept.
        free_bytes: what is free on the disk of a folder; by default as the system says.
    """

    def __init__(
        self, state_dir: Path, bounds: ArtifactBounds | None = None, *, free_bytes: Callable[[Path], int] | None = None
    ) -> None:
        self.folder = state_dir / FOLDER
        self.bounds = bounds or ArtifactBounds()
        self._free_bytes = free_bytes or free_bytes_of
        self._lock = threading.Lock()

    def after_fork(self) -> None:
        """In the child nobody writes."""
        self._lock = threading.Lock()

    # -- writing

    def why_full(self) -> str:
        """Why nothing may be written now; empty where it may. Raises OSError: if the disk does not answer."""
        folder = next((path for path in (self.folder, *self.folder.parents) if path.is_dir()), self.folder)
        free = self._free_bytes(folder)
        if free >= self.bounds.min_free_bytes:
            return ""
        least = format_value(float(self.bounds.min_free_bytes), "By")
        return f"only {format_value(float(free), 'By')} are free on the disk, and {least} are to stay free"

    def put(self, head: Head, body: Mapping[str, Any], utc: datetime) -> int:
        """Write an artifact, and let the oldest go that there is no more room for.

        Args:
            head: says what it is.
            body: by its kind.
            utc: the moment.
        Returns: bytes written.
        Raises: StoreError: if it is refused, or cannot be written; then nothing of it is left.
        """
        if not _NAME.fullmatch(head.id):
            raise StoreError(f"an artifact cannot be called {head.id[:80]!r}: letters, digits, '_' and '-' only")
        content = encode(head, body)
        most = min(self.bounds.size_bytes, MAX_ARTIFACT_BYTES)
        if len(content) > most:
            size, least = (format_value(float(number), "By") for number in (len(content), most))
            raise StoreError(f"it has {size}, and an artifact may have {least} at most")
        with self._lock:
            try:
                why = self.why_full()
                if why:
                    raise StoreError(why)
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._keep_bounds(utc, room_bytes=len(content), room=1)
                self._write(head.id, content)
            except OSError as error:
                words = error.strerror or str(error)
                remedy = "; free space on this disk" if error.errno in {errno.ENOSPC, errno.EDQUOT} else ""
                raise StoreError(f"{self.folder}: cannot be written: {words}{remedy}") from error
        return len(content)

    def clean(self, utc: datetime) -> int:
        """Remove what is too old or too much, and what was begun and never ended; how many files that were."""
        if not self.folder.is_dir():
            return 0
        with self._lock:
            return self._keep_bounds(utc)

    def _write(self, name: str, content: bytes) -> None:
        fresh = self.folder / f".{os.getpid()}-{next(_numbers)}.part"
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
            with open(os.open(fresh, flags, 0o600), "wb") as file:  # noqa: PTH123 - a descriptor, for its mode
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self.folder / f"{name}.json")
        except BaseException:
            with contextlib.suppress(OSError):
                fresh.unlink()
            raise
        _sync_folder(self.folder)

    def _keep_bounds(self, utc: datetime, *, room_bytes: int = 0, room: int = 0) -> int:
        """Remove what is beyond the bounds once so much more has come; how many files that were."""
        now_s = utc.timestamp()
        removed = sum(_remove(file) for file in self._files(_PARTIAL) if _is_left_behind(file, now_s))
        kept = sorted(self._files(_FILE))
        size = sum(file.size for file in kept) + sum(file.size for file in self._files(_PARTIAL))
        for place, file in enumerate(kept):
            left = len(kept) - place
            fits = size + room_bytes <= self.bounds.size_bytes and left + room <= self.bounds.count
            # Of a clock that was set back nothing is old: its files seem to come from the future.
            if fits and now_s - file.modified_s <= self.bounds.age_s:
                break
            removed += _remove(file)
            size -= file.size
        return removed

    def _files(self, pattern: re.Pattern[str]) -> Iterator[_File]:
        """The regular files of the folder whose name fits; what else lies there is nobody's business of ours."""
        try:
            entries = list(os.scandir(self.folder))
        except FileNotFoundError:
            return
        for entry in entries:
            if not pattern.fullmatch(entry.name):
                continue
            with contextlib.suppress(OSError):
                if entry.is_file(follow_symlinks=False):
                    found = entry.stat(follow_symlinks=False)
                    yield _File(found.st_mtime, entry.name, found.st_size, entry.path)

    # -- reading

    def listed(self) -> list[Kept]:
        """What there is, newest first."""
        try:
            files = sorted(self._files(_FILE), reverse=True)
        except OSError as error:
            raise StoreError(f"{self.folder}: cannot be read: {error.strerror or error}") from error
        return list(_opened(files))

    def read(self, artifact_id: str) -> bytes:
        """An artifact as it was written.

        Raises:
            ArtifactNotFound: if there is none of this id.
            StoreError: if it cannot be read.
        """
        if not _NAME.fullmatch(artifact_id):
            raise ArtifactNotFound(artifact_id)
        path = self.folder / f"{artifact_id}.json"
        try:
            with open(os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)), "rb") as file:  # noqa: PTH123 - as above
                content = file.read(MAX_ARTIFACT_BYTES + 1)
        except FileNotFoundError:
            raise ArtifactNotFound(artifact_id) from None
        except OSError as error:
            raise StoreError(f"{path}: cannot be read: {error.strerror or error}") from error
        if len(content) > MAX_ARTIFACT_BYTES:
            raise StoreError(f"{path}: larger than any artifact is; it is none of ours")
        return content


def _opened(files: Iterable[_File]) -> Iterator[Kept]:
    for file in files:
        name = file.name.removesuffix(".json")
        try:
            with open(file.path, "rb") as stream:  # noqa: PTH123 - a name that was just listed
                yield Kept(name, file.size, head_of(stream.read(MAX_ARTIFACT_BYTES + 1)))
        except FileNotFoundError:
            continue
        except OSError as error:
            yield Kept(name, file.size, None, error.strerror or str(error))
        except StoreError as error:
            yield Kept(name, file.size, None, str(error))


def _is_left_behind(file: _File, now_s: float) -> bool:
    """Whether the process that began this file is gone, or was at it for far too long."""
    if now_s - file.modified_s > PARTIAL_AGE_S:
        return True
    found = _PARTIAL.fullmatch(file.name)
    pid = int(found[1]) if found is not None else 0
    if pid == os.getpid() or os.name != "posix":  # elsewhere to ask by a signal of 0 is to kill
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return True
    except OSError:
        return False
    return False


def _remove(file: _File) -> bool:
    """Remove a file; whether it is us who did."""
    try:
        os.unlink(file.path)  # noqa: PTH108 - as it was listed
    except OSError:
        return False
    return True


def _sync_folder(folder: Path) -> None:
    """Let the new name survive a power cut; where a folder cannot be synced, it may not."""
    with contextlib.suppress(OSError):
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def free_bytes_of(folder: Path | str) -> int:
    """What programs without privileges may still write there."""
    if hasattr(os, "statvfs"):
        found = os.statvfs(folder)
        return found.f_bavail * found.f_frsize
    import shutil  # noqa: PLC0415 - not where there is a statvfs: it loads five compressors

    return shutil.disk_usage(folder).free
