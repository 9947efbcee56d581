"""A page for each default rule, NAME.md beside this file: what it means, what to look at, what to do.

They travel with the package, so they can be read where there is no network: at the terminal, and on the page.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from tocsin.errors import RunbookNotFound

_FOLDER: Final = Path(__file__).parent


@cache
def names() -> tuple[str, ...]:
    """The rules that have a runbook, in the order of the alphabet."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.md")))


def text(name: str) -> str:
    """The runbook of a rule: Markdown, in lines of at most 80 columns.

    Raises: RunbookNotFound: if there is none of this name.
    """
    # Looked up, and never joined to a path unseen: the name may come from anywhere.
    known = names()
    if name not in known:
        raise RunbookNotFound(name, known)
    return (_FOLDER / f"{name}.md").read_text("utf-8")
