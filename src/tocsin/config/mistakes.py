"""One mistake, before it is known where it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from tocsin.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_SHOWN: Final = 80

Path = tuple[str | int, ...]
"""The way to a value: `("rule", 0, "threshold")`."""


class Mistake(NamedTuple):
    """What is wrong with one value.

    Attributes:
        path: the way to it, from the setting's name on.
        found: what stands there, in words that are safe to show.
        expected: what could stand there, in words.
        example: a line that would be right, as a keyword argument.
        remark: whether `found` is a remark about the value rather than the value itself.
    """

    path: Path
    found: str
    expected: str
    example: str = ""
    remark: bool = False

    def as_argument(self) -> Problem:
        """As a mistake in a call of `AlertConfig`."""
        return Problem("AlertConfig", dotted(self.path), self.found, self.expected, self.example)


class Wrong(ValueError):
    """A value cannot be what it should be; carries the mistakes, whose paths begin below the value."""

    def __init__(self, *mistakes: Mistake) -> None:
        self.mistakes = mistakes
        super().__init__("; ".join(mistake.expected for mistake in mistakes))


def wrong(value: object, expected: str) -> Wrong:
    """The one mistake of a value that stands alone."""
    return Wrong(Mistake((), show(value), expected))


def show(value: object) -> str:
    """Write what was found: a representation on one line, of bounded length, whatever the object does."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - a user's broken __repr__, or an int of more digits than may be printed
        text = f"<{type(value).__name__} that cannot be shown>"
    return cut(text)


def cut(text: str) -> str:
    """Bring a text to one line of bounded length."""
    line = " ".join(text.split())
    return line if len(line) <= MAX_SHOWN else line[: MAX_SHOWN - 1] + "…"


def nearest(word: str, choices: Iterable[str]) -> str:
    """A remark that names the nearest choice, or nothing when none is near."""
    from difflib import get_close_matches  # noqa: PLC0415 - dear to import, and only for a mistake

    near = get_close_matches(word.lower(), list(choices), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def choices(words: Iterable[str], found: object) -> str:
    """Name the choices, and the nearest to what was found."""
    words = list(words)
    return f"one of {', '.join(words)}{nearest(found, words) if isinstance(found, str) else ''}"


def dotted(path: Path) -> str:
    """Write a path as a person reads it: `rule[0].threshold`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
            continue
        key = part if part.replace("-", "_").isidentifier() else cut(repr(part))
        text += f".{key}" if text else key
    return text
