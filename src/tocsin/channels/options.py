"""The options of channels: each reads one value, from a call or a file alike, and refuses it in words.

A channel's module holds a table `OPTIONS`; its names are those of the arguments. The configuration reads the same table
for `[[channel]]`, so that a mistake is named at the start wherever it was made.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from tocsin.errors import ConfigError, Problem
from tocsin.model.levels import AlertSeverity, read_level
from tocsin.model.secret import MASK, Secret, is_secret_name, read_secret
from tocsin.model.units import BYTES, SECONDS, parse_quantity

Reader: TypeAlias = Callable[[Any], Any]
_SHOWN_CHARS: Final = 80


class Option(NamedTuple):
    """One option of a channel.

    Attributes:
        read: gives back the value in its one form; raises ValueError with what is expected.
        example: a right value, as it is written in Python.
        required: whether the channel is nothing without it.
        hidden: whether a wrong value is never shown, since a secret may stand in it.
        file: whether it is a path, which a configuration file means relative to itself.
    """

    read: Reader
    example: str
    required: bool = False
    hidden: bool = False
    file: bool = False


Options: TypeAlias = Mapping[str, Option]


class Mismatch(NamedTuple):
    """What is wrong with options that are right each for itself.

    Attributes:
        key: the option that is to be changed.
        found: what is wrong, in words that are safe to show.
        expected: what could stand there.
        example: a line that would be right; may be empty.
    """

    key: str
    found: str
    expected: str
    example: str = ""


def settle(
    owner: str, options: Options, given: Mapping[str, Any],
    check: Callable[[dict[str, Any]], Mismatch | None] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Read the arguments of a channel.

    Args:
        owner: the channel's class, as mistakes name it.
        options: what there is.
        given: what was given; None stands for "not given".
        check: looks at the whole, once all is right each for itself.
    Returns: the values in their one form; what was not given is left out.
    Raises: ConfigError: with every mistake.
    """
    found: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, option in options.items():
        argument = f"{name}_" if name == "from" else name
        value = given.get(name)
        if value is None:
            if option.required:
                problems.append(Problem(owner, argument, "nothing", f"a value such as {option.example}"))
            continue
        try:
            found[name] = option.read(value)
        except ValueError as error:
            shown = MASK if hides(name, option) else _shown(value)
            problems.append(Problem(owner, argument, shown, str(error), f"{argument}={option.example}"))
    wrong = check(found) if check is not None and not problems else None
    if wrong is not None:
        problems.append(Problem(owner, *wrong))
    if problems:
        raise ConfigError(problems)
    return found


def hides(name: str, option: Option) -> bool:
    """Whether a value of this option is never shown."""
    return option.hidden or is_secret_name(name)


def severity_of(owner: str, value: object) -> AlertSeverity:
    """The severity from which on a channel is told. Raises ConfigError."""
    severity, understood = read_level(value)
    if not understood:
        raise ConfigError(
            [Problem(owner, "severity", _shown(value), "info, warning or critical", 'severity="warning"')]
        )
    return severity


def text(value: Any) -> str:
    """A text of one line that is not empty."""
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise ValueError("a text of one line")
    return value


def texts(value: Any) -> tuple[str, ...]:
    """One text, or several."""
    return tuple(text(one) for one in _several(value, "a text, or a list of texts"))


def flag(value: Any) -> bool:
    """True or False."""
    if not isinstance(value, bool):
        raise ValueError("True or False")  # noqa: TRY004 - the one error of all readers
    return value


def one_of(*words: str) -> Reader:
    """A reader of one of these words."""

    def read(value: Any) -> str:
        if not isinstance(value, str) or value not in words:
            raise ValueError(" or ".join(map(repr, words)))
        return value

    return read


def secret(value: Any) -> Secret:
    """A secret: env:NAME, file:PATH or the text itself."""
    if isinstance(value, Secret):
        return value
    if not isinstance(value, str):
        raise ValueError("a text: env:NAME, file:PATH or the secret itself")  # noqa: TRY004 - as above
    return read_secret(value)


def secrets(value: Any) -> tuple[Secret, ...]:
    """One secret, or several."""
    return tuple(secret(one) for one in _several(value, "a secret, or a list of secrets"))


def seconds(low: float, high: float) -> Reader:
    """A reader of times in seconds between two bounds, both allowed: 10, "10s", "500 ms"."""
    return _quantity(low, high, SECONDS, f"a time from {low:g} s to {high:g} s, such as '10s'")


def size(low: int, high: int) -> Reader:
    """A reader of sizes in bytes between two bounds, both allowed: "10 MB"."""
    read = _quantity(low, high, BYTES, f"a size from {low} to {high} bytes, such as '10 MB'")
    return lambda value: int(read(value))


def count(low: int, high: int) -> Reader:
    """A reader of whole numbers between two bounds, both allowed."""

    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return value

    return read


def path(value: Any) -> str:
    """The path of a file; `~` is the home folder."""
    found = os.fspath(value) if isinstance(value, (str, os.PathLike)) else None
    if not isinstance(found, str) or not found.strip() or "\0" in found:
        raise ValueError("the path of a file")
    return os.path.expanduser(found)  # noqa: PTH111 - a text goes in and out


def pairs(value: Any) -> dict[str, str]:
    """A table of texts."""
    if not isinstance(value, Mapping) or not all(
        isinstance(name, str) and name and isinstance(one, str) for name, one in value.items()
    ):
        raise ValueError("a table of texts")
    return dict(value)


def _several(value: Any, expected: str) -> Sequence[Any]:
    if isinstance(value, (str, Secret)):
        return (value,)
    if not isinstance(value, (list, tuple)) or not value:
        raise ValueError(expected)
    return value


def _quantity(low: float, high: float, unit: str, expected: str) -> Reader:
    def read(value: Any) -> float:
        number, found = _number(value, expected)
        if found not in {"", unit} or not low <= number <= high:
            raise ValueError(expected)
        return number

    return read


def _number(value: Any, expected: str) -> tuple[float, str]:
    if isinstance(value, str):
        try:
            return parse_quantity(value)
        except ValueError:
            raise ValueError(expected) from None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(expected)
    return float(value), ""


def _shown(value: object) -> str:
    try:
        words = " ".join(repr(value).split())
    except Exception:  # noqa: BLE001 - a user's broken __repr__
        return f"<{type(value).__name__} that cannot be shown>"
    return words if len(words) <= _SHOWN_CHARS else words[: _SHOWN_CHARS - 1] + "…"
