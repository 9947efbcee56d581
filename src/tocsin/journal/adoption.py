"""What the dead have left: their journals are taken into the owner's, whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.journal.database import connect
from tocsin.journal.entries import Entry
from tocsin.journal.reading import Left, read_left
from tocsin.journal.statements import statements
from tocsin.journal.writer import FILE

if TYPE_CHECKING:
    from pathlib import Path

# What is read of a journal, and what each row is written by.
_COPIES = (
    ("all_alerts", "copy_alert"),
    ("all_transitions", "add_transition"),
    ("all_notices", "copy_notice"),
    ("all_notice_alerts", "put_notice_alert"),
    ("all_deliveries", "add_delivery"),
)


def read_orphan(folder: Path) -> tuple[Left, list[Entry]]:
    """Read the journal of a process that is gone.

    Args:
        folder: its folder, which is ours now.
    Returns: what is open in it, and the entries that copy all of it. Alerts are copied without what a process needs
        to go on with them: nobody will.
    Raises: StoreError, sqlite3.Error, OSError: if it cannot be read.
    """
    path = folder / FILE
    if not path.exists():
        return Left(), []
    connection = connect(path, check=False)
    try:
        known = statements()
        copies = [Entry(write, row) for read, write in _COPIES for row in connection.execute(known[read])]
    finally:
        connection.close()
    return read_left(path, ended=0), copies
