"""Writing into the journal of a program that does not run, under the lock of its folder."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tocsin.errors import StoreError
from tocsin.journal.database import connect
from tocsin.journal.folder import own
from tocsin.journal.reading import JournalReader
from tocsin.journal.statements import statements
from tocsin.journal.writer import FILE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tocsin.journal.entries import Entry


class Amending(JournalReader):
    """Reads a journal that nobody else writes, and writes into it.

    Args:
        path: the file; whoever asks owns its folder.
    """

    def __init__(self, path: Path) -> None:
        self._connection = connect(path)

    def write(self, entries: Iterable[Entry]) -> None:
        """Write these together; they are on disk when this returns."""
        run, known = self._connection.execute, statements()
        run("BEGIN IMMEDIATE")
        try:
            for entry in entries:
                run(known[entry.statement], entry.values)
            run("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                run("ROLLBACK")
            raise


@contextmanager
def amending(folder: Path) -> Iterator[Amending]:
    """Own a folder, and its journal, as long as the block lasts.

    Raises: StoreError: if there is no journal, a running program has it, or the disk fails.
    """
    path = folder / FILE
    if not path.is_file():
        raise StoreError(f"{path}: there is no journal here; name the folder that holds {FILE}")
    owned = own(folder)
    try:
        try:
            journal = Amending(path)
        except sqlite3.Error as error:
            raise StoreError(f"{path}: {error}") from error
        try:
            yield journal
        except sqlite3.Error as error:
            raise StoreError(f"{path}: {error}") from error
        finally:
            journal.close()
    finally:
        owned.release()
