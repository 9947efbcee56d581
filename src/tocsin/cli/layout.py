"""Text that fits the terminal."""

from __future__ import annotations

import shutil
import textwrap
from typing import Final

from tocsin.channels.text import visible

WIDTH: Final = 80


def terminal_width() -> int:
    """Columns of the terminal; 80 where there is none."""
    return max(shutil.get_terminal_size((WIDTH, 24)).columns, 40)


def fit(text: str, width: int, *, first: str = "", rest: str | None = None) -> list[str]:
    """Break a text into lines of at most `width`; what is no text in it is shown as an escape.

    Args:
        text: from anywhere.
        width: columns.
        first: what the first line begins with.
        rest: what the others begin with; by default as many spaces as `first` has characters.
    """
    first = visible(first)
    margin = " " * len(first) if rest is None else rest
    lines = textwrap.wrap(visible(text), width, initial_indent=first, subsequent_indent=margin, break_on_hyphens=False)
    return lines or [first.rstrip()]
