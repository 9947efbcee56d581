"""Where each value of a TOML document stands.

`tomllib` gives values without positions, and a mistake without its line is a mistake to search for. The scanner walks a
document that `tomllib` has already accepted, so it checks nothing: it only has to know where keys and values begin and
end. Where it is unsure it stops, and a value is then said to stand at its nearest known parent.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from tocsin.config.mistakes import Path

_BLANK: Final = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_SPACES: Final = re.compile(r"[ \t]*")
_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR: Final = re.compile(r"[^,\]}#\n]*")
# A multi-line string may end with up to two quotes of its own before the three that close it.
_STRINGS: Final = (
    ('"""', re.compile(r'"""(?:\\.|[^\\])*?"""(?:"{0,2})', re.DOTALL)),
    ("'''", re.compile(r"'''.*?'''(?:'{0,2})", re.DOTALL)),
    ('"', re.compile(r'"(?:\\.|[^"\\\n])*"')),
    ("'", re.compile(r"'[^'\n]*'")),
)


class Place(NamedTuple):
    """Where a value stands, and how it is written there.

    Attributes:
        line: counted from 1.
        text: the value as written; empty for a table.
    """

    line: int
    text: str = ""


class TomlLines:
    """The places of all keys of one document."""

    def __init__(self, source: str) -> None:
        self._places = _Scanner(source).scan()

    def line(self, path: Path) -> int:
        """The line of a value, or of its nearest parent that is known; 1 when nothing is."""
        for length in range(len(path), 0, -1):
            place = self._places.get(path[:length])
            if place is not None:
                return place.line
        return 1

    def text(self, path: Path) -> str:
        """The value as written; empty when it is a table or not known."""
        place = self._places.get(path)
        return place.text if place is not None else ""


class _Unsure(Exception):
    """The scanner does not know where it is."""


class _Scanner:
    def __init__(self, source: str) -> None:
        self._source = source.replace("\r\n", "\n")
        self._newlines = [match.start() for match in re.finditer("\n", self._source)]
        self._at = 0
        self._places: dict[Path, Place] = {}
        self._last_index: dict[Path, int] = {}

    def scan(self) -> dict[Path, Place]:
        table: Path = ()
        try:
            while not self._at_end():
                table = self._header() if self._source[self._at] == "[" else self._statement(table)
        except (_Unsure, RecursionError):
            pass  # what was found until here is right; the rest is found by its parents
        return self._places

    def _at_end(self) -> bool:
        self._skip(_BLANK)
        return self._at >= len(self._source)

    def _header(self) -> Path:
        """`[table]` or `[[array.of.tables]]`: give back the path that the following keys belong to."""
        line = self._line(self._at)
        many = self._source.startswith("[[", self._at)
        self._at += 2 if many else 1
        *parents, name = self._key()
        self._expect("]]" if many else "]")
        path = (*self._resolve(parents, line), name)
        if many:
            index = self._last_index[path] = self._last_index.get(path, -1) + 1
            self._places.setdefault(path, Place(line))
            path = (*path, index)
        self._places.setdefault(path, Place(line))
        return path

    def _resolve(self, names: list[str], line: int) -> Path:
        """Follow names down from the top; the name of an array of tables means its last table."""
        path: Path = ()
        for name in names:
            path = (*path, name)
            self._places.setdefault(path, Place(line))
            if path in self._last_index:
                path = (*path, self._last_index[path])
        return path

    def _statement(self, table: Path) -> Path:
        """`key = value`, where the key may be dotted; gives back the table it stands in."""
        line = self._line(self._at)
        path = table
        for name in self._key():
            path = (*path, name)
            self._places.setdefault(path, Place(line))
        self._expect("=")
        self._skip(_SPACES)
        self._value(path)
        return table

    def _key(self) -> list[str]:
        names = [self._name()]
        self._skip(_SPACES)
        while self._source.startswith(".", self._at):
            self._at += 1
            names.append(self._name())
            self._skip(_SPACES)
        return names

    def _name(self) -> str:
        self._skip(_SPACES)
        if self._source.startswith(('"', "'"), self._at):
            return _unquote(self._string())
        return self._take(_BARE_KEY)

    def _value(self, path: Path) -> None:
        start = self._at
        opening = self._source[start : start + 1]
        if opening in {'"', "'"}:
            self._string()
        elif opening == "[":
            self._array(path)
        elif opening == "{":
            self._inline_table(path)
        else:
            self._take(_SCALAR)
        text = self._source[start : self._at].strip()
        self._places[path] = Place(self._line(start), text)

    def _array(self, path: Path) -> None:
        self._at += 1
        index = 0
        while not self._closes("]"):
            self._value((*path, index))
            index += 1
            self._skip(_BLANK)
            if self._source.startswith(",", self._at):
                self._at += 1

    def _inline_table(self, path: Path) -> None:
        self._at += 1
        while not self._closes("}"):
            self._statement(path)
            self._skip(_BLANK)
            if self._source.startswith(",", self._at):
                self._at += 1

    def _closes(self, bracket: str) -> bool:
        if self._at_end():
            raise _Unsure
        if self._source[self._at] != bracket:
            return False
        self._at += 1
        return True

    def _string(self) -> str:
        for opening, pattern in _STRINGS:
            if self._source.startswith(opening, self._at):
                return self._take(pattern)
        raise _Unsure

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self._source, self._at)
        if match is not None:
            self._at = match.end()

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._source, self._at)
        if match is None or not match[0]:
            raise _Unsure
        self._at = match.end()
        return match[0]

    def _expect(self, text: str) -> None:
        self._skip(_SPACES)
        if not self._source.startswith(text, self._at):
            raise _Unsure
        self._at += len(text)

    def _line(self, at: int) -> int:
        return bisect_left(self._newlines, at) + 1


def _unquote(text: str) -> str:
    """Read a quoted key by the one reader that knows all escapes."""
    import tomllib  # noqa: PLC0415 - loaded only where a file is read

    try:
        return str(tomllib.loads(f"key = {text}")["key"])
    except tomllib.TOMLDecodeError:
        raise _Unsure from None
