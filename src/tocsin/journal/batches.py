"""How the entries of one transaction are run: alike ones together, many rows a statement.

Each row that is run by itself lets go of the interpreter's lock and asks for it again; in a program that computes on
other threads that is five milliseconds a row, and a thousand rows would keep the disk idle for seconds.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from tocsin.journal.statements import statements

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from tocsin.journal.entries import Entry

WIDTHS: Final = (128, 16)  # rows of one statement
_ROW: Final = re.compile(r"VALUES (\([^)]*\))")
# Of an alert only the latest state is written, and what is not here keeps its place behind all of these.
_LATEST: Final = "put_alert"
_FIRST: Final = (_LATEST, "add_transition", "put_notice", "put_notice_alert", "add_delivery")


def run_all(connection: sqlite3.Connection, entries: Iterable[Entry]) -> None:
    """Run the statements of entries, in an order that comes to the same as theirs; within a transaction.

    Raises: sqlite3.Error: if one of them fails.
    """
    alerts: dict[str, tuple[Any, ...]] = {}
    first: dict[str, list[tuple[Any, ...]]] = {name: [] for name in _FIRST[1:]}
    others: list[tuple[str, list[tuple[Any, ...]]]] = []
    for name, values in entries:
        if name == _LATEST:
            alerts[values[0]] = values
        elif name in first:
            first[name].append(values)
        elif others and others[-1][0] == name:
            others[-1][1].append(values)
        else:
            others.append((name, [values]))
    for name, rows in ((_LATEST, list(alerts.values())), *first.items(), *others):
        _run(connection, name, rows)


def _run(connection: sqlite3.Connection, name: str, rows: Sequence[tuple[Any, ...]]) -> None:
    done = 0
    for width in WIDTHS:
        while len(rows) - done >= width and (wide := _widened(name, width)):
            connection.execute(wide, [value for row in rows[done : done + width] for value in row])
            done += width
    if done < len(rows):
        connection.executemany(statements()[name], rows[done:])


@cache
def _widened(name: str, rows: int) -> str:
    """The statement with so many rows of values; empty for one that takes no rows."""
    text = statements()[name]
    found = _ROW.search(text)
    if found is None:
        return ""
    return f"{text[: found.start(1)]}{', '.join([found[1]] * rows)}{text[found.end(1) :]}"
