"""Readers of single values: each takes anything, and gives back the value in its one form or raises `Wrong`.

Numbers may be given with a unit in a text. A bool is never a number, and what is not finite is never a setting.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from tocsin.config.mistakes import Mistake, Wrong, show, wrong
from tocsin.model.rule import AlertRule
from tocsin.model.units import BYTES, RATIO, SECONDS, parse_quantity

Reader = Callable[[object], Any]
_T = TypeVar("_T")

_MAX_INTERVAL_BYTES: Final = 2**40
_A_PERCENTAGE: Final = "a percentage such as 85 or '85 %'"
_MILLISECONDS: Final = "a time such as 100 (milliseconds) or '100 ms'"


def percent(value: object) -> float:
    """A share, in percent: 85, "85" and "85 %" are 85.0."""
    number, unit = _quantity(value, _A_PERCENTAGE)
    if unit not in {"", RATIO}:
        raise wrong(value, _A_PERCENTAGE)
    share = number if unit == "" else _decimal(number * 100)
    if share < 0:
        raise wrong(value, f"{_A_PERCENTAGE}, of 0 % or more")
    if unit == "" and share <= 1:
        raise wrong(value, _bare_share(share))
    if share > 100:
        raise wrong(value, f"{_A_PERCENTAGE}, of 100 % or less")
    return share


def _bare_share(share: float) -> str:
    """0.85 may mean 85 % or 0.85 %: no guess is safe."""
    number = f"{share:g}"
    meant = "one percent" if share == 1 else "less than one percent"
    if share < 0.01:
        return f"a percentage: to mean {meant} write '{number} %'"
    return f"a percentage: write {share * 100:g} or '{share * 100:g} %'; to mean {meant} write '{number} %'"


def milliseconds(value: object) -> float:
    """A time, in milliseconds: 50, "50 ms" and "0.05 s" are 50.0."""
    number, unit = _quantity(value, _MILLISECONDS)
    if unit not in {"", SECONDS}:
        raise wrong(value, _MILLISECONDS)
    if number < 0:
        raise wrong(value, f"{_MILLISECONDS}, of 0 ms or more")
    return number if unit == "" else _decimal(number * 1000)


def seconds(low: float, high: float = math.inf, *, words: str = "") -> Reader:
    """A reader of times in seconds, between two bounds: 1, "1s" and "1000 ms" are 1.0.

    Args:
        low: seconds, allowed.
        high: seconds, allowed.
        words: the bounds as a person says them, such as "from 50 ms to 1 h".
    """
    expected = "a time such as 1 (second) or '500 ms'" + (f", {words}" if words else "")

    def read(value: object) -> float:
        number, unit = _quantity(value, expected)
        if unit not in {"", SECONDS} or not low <= number <= high:
            raise wrong(value, expected)
        return number

    return read


def count(low: int, high: int) -> Reader:
    """A reader of whole numbers between two bounds, both allowed."""

    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise wrong(value, f"a whole number from {low} to {high:,}".replace(",", "_"))
        return int(value)

    return read


def positive(value: object) -> float:
    """A finite number above 0."""
    expected = "a number above 0"
    if isinstance(value, str):
        raise wrong(value, expected)
    number, _ = _quantity(value, expected)
    if number <= 0:
        raise wrong(value, expected)
    return number


def flag(value: object) -> bool:
    """True or False, and no substitute for them."""
    if not isinstance(value, bool):
        raise wrong(value, "True or False")
    return value


def flag_or_none(value: object) -> bool | None:
    """True, False, or None for "as the situation asks"."""
    if value is not None and not isinstance(value, bool):
        raise wrong(value, "True or False, or None for automatic")
    return value


def text(value: object) -> str:
    """A text of one line."""
    if not isinstance(value, str) or not value.isprintable():
        raise wrong(value, "a text of one line")
    return value


def folder(value: object) -> Path | None:
    """A folder's path, `~` expanded; None for none."""
    return _path(value, "the path of a folder, or None to keep all in memory")


def file_path(value: object) -> Path | None:
    """A file's path, `~` expanded; None for none."""
    return _path(value, "the path of a file, or None for none")


def _path(value: object, expected: str) -> Path | None:
    if value is None:
        return None
    path = os.fspath(value) if isinstance(value, (str, os.PathLike)) else value
    if not isinstance(path, str) or not path.strip() or "\0" in path:
        raise wrong(value, expected)
    try:
        return Path(path).expanduser()
    except RuntimeError:
        what = expected.partition(",")[0]
        raise wrong(value, f"{what}; the home that '~' stands for is not known") from None


def rules(value: object) -> tuple[AlertRule, ...]:
    """Rules with names that differ."""
    mistakes: list[Mistake] = []
    seen: set[str] = set()
    found = as_sequence(value, "a list of AlertRule")
    for index, rule in enumerate(found):
        if not isinstance(rule, AlertRule):
            mistakes.append(Mistake((index,), show(rule), "an AlertRule", "rules=[AlertRule(…)]"))
        elif rule.name in seen:
            mistakes.append(
                Mistake((index, "name"), f"a second rule named {rule.name!r}", "names that differ", remark=True)
            )
        else:
            seen.add(rule.name)
    return settled(tuple(found), mistakes)


def size_bytes(value: float | str) -> int:
    """A size in bytes, of what `is_size`."""
    return int(_quantity(value, "a size")[0])


def size_or_none(value: object) -> int | None:
    """A size of at least a byte, in bytes: 4096, "64 MiB"; None for no bound."""
    if value is None:
        return None
    if not is_size(value):
        raise wrong(value, "a size such as '64 MiB', of 1 byte or more, or None for no bound")
    return int(_quantity(value, "a size")[0])


def as_sequence(value: object, expected: str) -> list[Any]:
    """The members of a list, tuple, set or generator; a text or a mapping is none of these."""
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        raise wrong(value, expected)
    return list(value)


def is_size(value: object) -> bool:
    """Whether it is a size of at least a byte."""
    try:
        number, unit = _quantity(value, "a size")
    except Wrong:
        return False
    return unit in {"", BYTES} and 1 <= number <= _MAX_INTERVAL_BYTES


def _quantity(value: object, expected: str) -> tuple[float, str]:
    """A finite number and its base unit; the unit is empty when none was given."""
    if isinstance(value, str):
        try:
            return parse_quantity(value)
        except ValueError as error:
            raise wrong(value, f"{expected}; {error}") from None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise wrong(value, expected)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise wrong(value, f"{expected}, a finite number")
    return number, ""


def _decimal(number: float) -> float:
    """Undo what scaling to the base unit and back adds in the last digit: "29 %" is 29.0, not 28.999999999999996."""
    return float(f"{number:.15g}")


def as_mapping(value: object, expected: str) -> Mapping[str, object]:
    """A mapping whose keys are texts."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise wrong(value, expected)
    return value


def settled(value: _T, mistakes: list[Mistake]) -> _T:
    """The value, unless there were mistakes, which are raised."""
    if mistakes:
        raise Wrong(*mistakes)
    return value
