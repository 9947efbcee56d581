"""A TOML file that was read, and that knows where each of its values stands."""

from __future__ import annotations

import os
import re
from pathlib import Path as FilePath
from typing import Any, Final

from tocsin.config.mistakes import Mistake, Path, cut, dotted
from tocsin.config.toml_lines import TomlLines
from tocsin.errors import ConfigError, Problem

MAX_BYTES: Final = 1024 * 1024
Signature = tuple[int, int, int, int]
"""Of a file: when it was changed, its bytes, its number and its device."""

PYPROJECT: Final = "pyproject.toml"

_PLACE: Final = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)")
_NONE: Final = re.compile(r", or None( \w+)*")
# What people mostly did, by the words in which tomllib complains.
_HINTS: Final = (
    ("Invalid value", "a value; text and numbers with a unit need quotes", 'threshold = "650 MB"'),
    ("Expected newline", "one key on a line; numbers with a unit need quotes", 'cpu_threshold = "85 %"'),
    ("Cannot overwrite", "each key once in its table", ""),
    ("Cannot declare", "each table once; every further rule begins with [[rule]]", "[[rule]]"),
    ("Cannot mutate", "each key once in its table", ""),
    ("Duplicate inline table key", "each key once in its table", ""),
    ("Expected '=' after a key", "an equals sign between key and value", 'name = "orders-api"'),
    ("Unterminated string", "quotes at both ends of a text", 'name = "orders-api"'),
    ("Illegal character", "quotes at both ends of a text, on one line", 'name = "orders-api"'),
    ("Unclosed array", "a bracket at the end of the list", 'recommendations = ["Look at the logs"]'),
    ("Unescaped '\\'", "single quotes around a text with backslashes", r"state_dir = 'C:\tocsin'"),
)


class Document:
    """The settings of one file, and their places.

    Attributes:
        where: the file, as it was given.
        folder: what relative paths in the file are relative to.
        data: the settings; of a `pyproject.toml`, its table `[tool.tocsin]`.
        root: the way to `data` in the file.
        signature: of the very file that was read.
    Raises: ConfigError: if the file cannot be read or is not TOML.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.where = os.fsdecode(path)
        self.folder = FilePath(self.where).parent
        source, self.signature = _read(self.where)
        self.data = _parse(source, self.where)
        self._lines = TomlLines(source)
        self.root: Path = ()
        if FilePath(self.where).name == PYPROJECT:
            self._descend("tool", "tocsin")

    def problem(self, mistake: Mistake) -> Problem:
        """Say where in the file a mistake stands, and show the value as it is written there.

        Args:
            mistake: whose path begins at the settings, and whose example is a keyword argument.
        """
        path = (*self.root, *mistake.path)
        text = self._lines.text(path)
        found = mistake.found
        if text and not mistake.remark and not _may_hold_secrets(mistake.path, text):
            found = cut(text)
        return Problem(
            f"{self.where}:{self._lines.line(path)}",
            dotted(path),
            found,
            _spelled(mistake.expected),
            _as_toml(mistake.example),
        )

    def line(self, path: Path) -> int:
        """The line of a value, or of its nearest known parent."""
        return self._lines.line((*self.root, *path))

    def _descend(self, *names: str) -> None:
        table: Any = self.data
        for name in names:
            table = table.get(name) if isinstance(table, dict) else None
        if not isinstance(table, dict):
            raise ConfigError([Problem(self.where, ".".join(names), "no such table", f"a table [{'.'.join(names)}]")])
        self.data = table
        self.root = names


def signature_of(found: os.stat_result) -> Signature:
    """What changes when a file does, or when a link to it is swapped."""
    return found.st_mtime_ns, found.st_size, found.st_ino, found.st_dev


def _read(where: str) -> tuple[str, Signature]:
    """The text of the file, without its byte order mark, and its signature."""
    try:
        with open(where, "rb") as file:  # noqa: PTH123 - `where` may hold what no Path can
            signature = signature_of(os.fstat(file.fileno()))
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise _refused(where, "no file at this path", "a TOML file; `tocsin init` writes one") from None
    except IsADirectoryError:
        raise _refused(where, "a folder", "a TOML file", f"{FilePath(where) / 'tocsin.toml'}") from None
    except (OSError, ValueError) as error:
        words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise _refused(where, f"a file that cannot be read ({words})", "a TOML file") from None
    if len(content) > MAX_BYTES:
        raise _refused(where, f"more than {MAX_BYTES // 2**20} MiB", "a TOML file of settings")
    try:
        return content.decode("utf-8-sig"), signature
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _refused(
            f"{where}:{line}", f"the byte 0x{content[error.start]:02x}", "UTF-8 text; save the file as UTF-8"
        ) from None


def _parse(source: str, where: str) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415 - loaded only where a file is read

    try:
        return tomllib.loads(source)
    except ValueError as error:
        # Not chained: from Python 3.14 on the error carries the whole document, with the secrets in it.
        raise ConfigError([_syntax_problem(str(error), source, where)]) from None
    except RecursionError:
        raise _refused(where, "lists or tables within one another without end", "settings a few levels deep") from None


def _syntax_problem(words: str, source: str, where: str) -> Problem:
    place = _PLACE.search(words)
    line = place[1] if place is not None else None
    said = _PLACE.sub("", words)
    if place is not None:
        where = f"{where}:{line or source.rstrip().count(chr(10)) + 1}"
    column = f" (column {place[2]})" if place is not None and line else " (at the end of the file)" if place else ""
    for beginning, expected, example in _HINTS:
        if said.startswith(beginning):
            return Problem(where, "syntax", f"what TOML does not allow: {said}{column}", expected, example)
    return Problem(
        where, "syntax", f"what TOML does not allow: {said}{column}", "a TOML document", 'name = "orders-api"'
    )


def _may_hold_secrets(path: Path, text: str) -> bool:
    """Whether a value as written may have a secret inside: in a channel, all that is a list or a table."""
    return path[0] in {"channel", "heartbeat"} and text.startswith(("[", "{"))


def _refused(where: str, found: str, expected: str, example: str = "") -> ConfigError:
    return ConfigError([Problem(where, "file", found, expected, example)])


def _spelled(expected: str) -> str:
    """The same words for somebody who writes TOML, which has no None."""
    return _NONE.sub("", expected).replace("True", "true").replace("False", "false")


def _as_toml(example: str) -> str:
    """Turn the example of a keyword argument into one of a line of TOML."""
    key, equals, value = example.partition("=")
    if not equals or example.startswith("["):
        return example
    value = {"True": "true", "False": "false"}.get(value.strip(), value.strip()).replace('": ', '" = ')
    return f"{key.strip()} = {value}"
