"""The page's own files. They are found once, by name: no path that comes from outside ever reaches the disk."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path
from typing import Final, NamedTuple

FOLDER: Final = Path(__file__).with_name("static")
VENDOR: Final = ("vendor/preact-htm.js", "vendor/uplot.js")
# Our own modules as `make page` wrote them, and of which sources.
LEAN: Final = "lean"
_SOURCES: Final = f"{LEAN}/sources.txt"
_KINDS: Final = {
    ".html": b"text/html; charset=utf-8",
    ".css": b"text/css; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".svg": b"image/svg+xml",
    ".txt": b"text/plain; charset=utf-8",
}


def lean(plain: bytes, suffix: str) -> bytes:
    """Our own code as it travels where nobody ran `make page` since it was changed.

    Without the lines that are only a comment, and without indentation. No text of ours has a line that begins with two
    slashes.
    """
    if suffix not in {".js", ".css"}:
        return plain
    lines = (line.strip() for line in plain.split(b"\n"))
    return b"\n".join(line for line in lines if not line.startswith(b"//"))


class StaticFile(NamedTuple):
    """A file as it is sent.

    Attributes:
        kind: its Content-Type.
        plain: as it is.
        packed: by gzip.
        mark: changes with the content.
    """

    kind: bytes
    plain: bytes
    packed: bytes
    mark: bytes


class Files:
    """All files below a folder.

    Args:
        folder: by default the page's.
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        self._found = {
            path.relative_to(folder).as_posix(): path
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.suffix in _KINDS and LEAN not in path.relative_to(folder).parts[:1]
        }
        self._folder = folder
        self._sources = _listed(folder / _SOURCES)
        self._read: dict[str, StaticFile] = {}

    def get(self, name: str) -> StaticFile | None:
        """A file by its name below the folder; read when it is first asked for."""
        known = self._read.get(name)
        path = self._found.get(name)
        if known is not None or path is None:
            return known
        try:
            plain = self._as_it_travels(name, path)
        except OSError:
            return None
        mark = b'"%s"' % hashlib.sha256(plain).hexdigest()[:16].encode()
        self._read[name] = StaticFile(_KINDS[path.suffix], plain, gzip.compress(plain, 9, mtime=0), mark)
        return self._read[name]

    def _as_it_travels(self, name: str, path: Path) -> bytes:
        text = path.read_bytes()
        if name.startswith("vendor/"):
            return text
        if self._sources.get(name) == hashlib.sha256(text).hexdigest():
            return (self._folder / LEAN / name).read_bytes()
        return lean(text, path.suffix)

    def is_whole(self) -> bool:
        """Whether the libraries are here, which are installed from npm and never committed."""
        return all(name in self._found for name in VENDOR)


def _listed(path: Path) -> dict[str, str]:
    """To each name the hash of the source that was made lean; empty where none was."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except OSError:
        return {}
    return {name: mark for mark, _, name in (line.partition("  ") for line in lines)}
