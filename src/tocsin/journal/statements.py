"""The statements of queries.sql and the migrations of schema/, read when they are first needed."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tocsin.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

_HERE: Final = Path(__file__).parent
_NAME: Final = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
_MIGRATION: Final = re.compile(r"(\d{4})_\w+\.sql")


@cache
def statements() -> Mapping[str, str]:
    """Each statement by its name, without its comments."""
    parts = _NAME.split(_HERE.joinpath("queries.sql").read_text("utf-8"))[1:]
    found = {name: _without_comments(text) for name, text in zip(parts[::2], parts[1::2], strict=True)}
    if len(found) * 2 != len(parts):
        raise StoreError("queries.sql: a name stands there twice")
    return found


@cache
def migrations() -> tuple[str, ...]:
    """The steps from an empty file to the present schema; the first leads to version 1.

    Raises: StoreError: if a number is missing, which is a mistake of whoever built the package.
    """
    numbered = {
        int(match[1]): entry
        for entry in _HERE.joinpath("schema").iterdir()
        if (match := _MIGRATION.fullmatch(entry.name))
    }
    if sorted(numbered) != list(range(1, len(numbered) + 1)):
        raise StoreError(f"schema: expected migrations 1 to {len(numbered)}, found {sorted(numbered)}")
    return tuple(numbered[number].read_text("utf-8") for number in sorted(numbered))


def _without_comments(text: str) -> str:
    return " ".join(line.strip() for line in text.splitlines() if not line.startswith("--")).strip()
