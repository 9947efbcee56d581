"""Rows of numbers that take eight bytes each; a list of floats takes thirty-two."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

    Floats: TypeAlias = array[float]
else:
    Floats = array  # msgspec evaluates the annotation, and Python 3.11 cannot subscript an array


def floats(values: Iterable[float] = ()) -> Floats:
    """A row of these numbers."""
    return array("d", values)


def as_list(value: object) -> object:
    """For msgspec, which knows no arrays: the numbers as a list."""
    if isinstance(value, array):
        return value.tolist()
    raise NotImplementedError(f"{type(value).__name__} has no place in what a detector keeps")


def as_row(_kind: type, value: Iterable[float]) -> Floats:
    """For msgspec: the row again."""
    return floats(value)
