"""The journal's writer: one thread, one connection, many entries a commit.

Whoever has something to record appends it and goes on. The thread takes all that waits, writes it in one transaction
and says so; while it does, the next group gathers. A commit that fails loses nothing: its entries are kept in memory,
within a bound, and written again when the disk is well.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections import deque
from typing import TYPE_CHECKING, Final

from tocsin.clock import Wakeup
from tocsin.errors import StoreError
from tocsin.journal.batches import run_all
from tocsin.journal.database import BrokenFile, NewerSchema, connect, park, quarantine, rebuild
from tocsin.journal.hold import Hold
from tocsin.journal.statements import migrations, statements
from tocsin.journal.tickets import Group, Ticket

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from tocsin.clock import Clock
    from tocsin.journal.entries import Entry

FILE: Final = "journal.db"
MAX_GROUP: Final = 2000
MAX_HELD: Final = 50_000
MAX_WAITING: Final = 20_000
FIRST_PAUSE_S: Final = 0.5
MAX_PAUSE_S: Final = 30.0
# How often the size of the file is seen to, and behind how many entries at the latest.
UPKEEP_S: Final = 600.0
FIRST_UPKEEP_S: Final = 60.0  # a start has other things to do
UPKEEP_ENTRIES: Final = 20_000


class Journal:
    """Writes entries to a file, in groups, on a thread of its own.

    Args:
        folder: where the file lies; made if need be. The caller owns it (see folder.py).
        clock: tells the pauses after a failure.
        report: called with a sentence when the state of the disk changes; never twice for the same.
        upkeep: called with the connection, on the journal's thread, when it is time to see how large the file is.
        recall: asked, on the journal's thread, for entries that describe all that is open, when a new file had to be
            begun.
        connect: opens the file.

    Attributes:
        reason: why nothing can be written now; empty while all is well.
        committed: entries written.
        commits: transactions that wrote them.
        committed_s: when the last of them was done, in monotonic seconds; None: there was none.
        dropped: entries given up for want of room while nothing could be written.
    """

    def __init__(
        self,
        folder: Path,
        *,
        clock: Clock,
        report: Callable[[str], None] = lambda _: None,
        recall: Callable[[], Iterable[Entry]] = tuple,
        upkeep: Callable[[sqlite3.Connection], object] = lambda _: None,
        connect: Callable[[Path], sqlite3.Connection] = connect,
    ) -> None:
        # Read here, not on the journal's thread: reading loads modules, and one half loaded at a fork hangs the child.
        statements()
        migrations()
        self.path = folder / FILE
        self._clock = clock
        self._report = report
        self._recall = recall
        self._upkeep = upkeep
        self._upkeep_s = 0.0
        self._unkept = 0
        self._connect = connect
        self._hold = Hold()
        self.reason = ""
        self.committed = self.commits = self.dropped = 0
        self.committed_s: float | None = None
        self._connection: sqlite3.Connection | None = None
        self._opened: tuple[int, int] | None = None
        self.after_fork()

    def after_fork(self) -> None:
        """In the child: what waits is the parent's to write, and its connection must never be closed here."""
        if self._connection is not None:
            park(self._connection)
        self._connection = None
        self._waiting: deque[Group] = deque()
        self._held: list[Entry] = []
        self._at_work = 0
        self._bell = Wakeup()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closing = False
        self._failures = 0
        self._refused = False

    # -- for everybody

    def post(self, entries: Sequence[Entry], ticket: Ticket | None = None) -> None:
        """Write these together, soon. Never blocks and never raises; `ticket` learns when they are on disk."""
        if self._refused or self._closing or len(self._waiting) >= MAX_WAITING:
            self.dropped += len(entries)
            if ticket is not None:
                ticket.settle(self.reason or ("the journal is closed" if self._closing else "the disk is too slow"))
            return
        self._waiting.append(Group(entries, ticket))
        if self._thread is not None or self._start():
            self._bell.set()
        # Else no thread is to be had, as when the interpreter ends: whoever waits for the disk writes it himself.

    def flush(self, timeout_s: float) -> bool:
        """Wait until all that was posted is on disk. False: it is not, within `timeout_s` real seconds."""
        if self._thread is None and not self._waiting and not self._held:
            return True
        ticket = Ticket()
        self.post((), ticket)
        return self.wait_for(ticket, timeout_s)

    def wait_for(self, ticket: Ticket, timeout_s: float) -> bool:
        """Whether the entries of a ticket are on disk, waiting for it up to `timeout_s` real seconds."""
        if self._thread is None:
            self._write_here()
        return ticket.wait(timeout_s)

    def close(self, timeout_s: float) -> bool:
        """Write what waits and end the thread. False: it is still at it, and is left behind."""
        self._closing = True
        thread = self._thread
        if thread is None:
            self._write_here()
            self._let_go()
            return not self._waiting
        self._bell.set()
        thread.join(timeout_s)
        return not thread.is_alive()

    def waiting(self) -> int:
        """Entries that are not on disk yet."""
        return len(self._held) + self._at_work + sum(len(group.entries) for group in tuple(self._waiting))

    def size_bytes(self) -> int:
        """The file, with what is still beside it."""
        size = 0
        for name in (self.path.name, f"{self.path.name}-wal"):
            with contextlib.suppress(OSError):
                size += self.path.with_name(name).stat().st_size
        return size

    # -- the thread

    def _start(self) -> bool:
        if not self._starting.acquire(blocking=False):
            return True  # somebody is at it, and will find what we left
        try:
            if self._thread is None:
                thread = threading.Thread(target=self._live, name="tocsin-journal", daemon=True)
                self._thread = thread
                thread.start()
        except RuntimeError:  # no thread is to be had, or the interpreter is ending
            self._thread = None
            return False
        finally:
            self._starting.release()
        return True

    def _write_here(self) -> None:
        """Without a thread: write on the caller's, late being better than never."""
        if not self._starting.acquire(blocking=False):
            return  # somebody is at it, and takes ours along
        try:
            self._write_waiting()
        finally:
            self._starting.release()

    def _live(self) -> None:
        while True:
            pause_s = self._pause_s()
            if pause_s is None:
                self._bell.wait(None)
            else:
                self._clock.wait(self._bell, pause_s)
            try:
                self._write_waiting()
            except Exception as error:  # noqa: BLE001 - a loop edge: a fault of ours must not end the journal
                self._fail(f"{type(error).__name__}: {error}")
            if self._closing and (not self._waiting or self.reason):
                break
        self._let_go()

    def _pause_s(self) -> float | None:
        """Seconds to the next attempt after failures; None while there is nothing to try again."""
        if not self._failures or self._refused:
            return None
        return float(min(FIRST_PAUSE_S * 2.0 ** (self._failures - 1), MAX_PAUSE_S))

    def _write_waiting(self) -> None:
        while self._waiting or self._held:
            groups = self._take()
            try:
                self._write([*self._held, *(entry for group in groups for entry in group.entries)])
            except (sqlite3.Error, OSError, StoreError) as error:
                self._keep(groups)
                self._at_work = 0
                self._failed(error, groups)
                return
            self._held, self._at_work = [], 0
            for ticket in (ticket for group in groups for ticket in group.tickets):
                ticket.settle()
        if self._refused:
            return
        self._recovered()
        self._keep_up()

    def _take(self) -> list[Group]:
        groups, count = [], len(self._held)
        while self._waiting and count < MAX_GROUP:
            # Counted before they are taken: whoever asks meanwhile may count them twice, but never miss them.
            self._at_work += len(self._waiting[0].entries)
            groups.append(self._waiting.popleft())
            count += len(groups[-1].entries)
        return groups

    def _write(self, entries: Sequence[Entry]) -> None:
        with self._hold:
            self._commit(entries)

    def _commit(self, entries: Sequence[Entry]) -> None:
        connection = self._ready()
        if not entries:
            return
        connection.execute("BEGIN IMMEDIATE")
        try:
            run_all(connection, entries)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        self.commits += 1
        self.committed_s = self._clock.now().mono_s
        self.committed += len(entries)
        self._unkept += len(entries)

    def _keep_up(self) -> None:
        """See to the size of the file, now and then, and sooner where much was written."""
        now_s = self._clock.now().mono_s
        if self._connection is None or (now_s < self._upkeep_s and self._unkept < UPKEEP_ENTRIES):
            return
        self._upkeep_s, self._unkept = now_s + UPKEEP_S, 0
        try:
            with self._hold:
                self._upkeep(self._connection)
        except (sqlite3.Error, OSError) as error:
            self._failed(error, ())

    # -- the file

    def _ready(self) -> sqlite3.Connection:
        """The connection; opened anew where there is none, or where its file is no longer in its place."""
        if self._connection is not None and self._identity() != self._opened:
            self._report(f"{self.path}: the journal's file is gone; a new one is begun")
            self._let_go()
        return self._connection or self._open()

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        is_new = not self.path.exists()
        try:
            opened = self._connect(self.path)
        except BrokenFile as error:
            aside = quarantine(self.path)
            self._report(f"{error}; it was put aside as {aside.name}, and a new one is begun")
            opened, is_new = self._connect(self.path), True
        self._connection, self._opened = opened, self._identity()
        self._upkeep_s = max(self._upkeep_s, self._clock.now().mono_s + FIRST_UPKEEP_S)
        if is_new:
            self._write(list(self._recall()))
        return opened

    def _identity(self) -> tuple[int, int] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                with self._hold:
                    connection.close()
            except sqlite3.Error:
                return  # what it could not write is written again on the next one

    # -- failures

    def _failed(self, error: Exception, groups: Sequence[Group]) -> None:
        reason = _in_words(error)
        self._fail(reason)
        for ticket in (ticket for group in groups for ticket in group.tickets):
            ticket.settle(reason)
        if isinstance(error, NewerSchema):
            self._refused = True
            self.dropped += len(self._held)
            self._held = []
        name = getattr(error, "sqlite_errorname", "")
        self._let_go()
        if name in {"SQLITE_CORRUPT", "SQLITE_NOTADB"} or name.startswith("SQLITE_CORRUPT_"):
            self._report(f"{self.path}: {error}; it was put aside as {quarantine(self.path).name}")
        elif name.startswith("SQLITE_IOERR"):
            self._renew()

    def _renew(self) -> None:
        try:
            with self._hold:
                rebuild(self.path)
        except (sqlite3.Error, OSError):
            return  # the disk takes nothing now: memory keeps it, and the next attempt comes here again

    def _fail(self, reason: str) -> None:
        self._failures += 1
        if reason != self.reason:
            self.reason = reason
            self._report(f"the journal cannot be written: {reason}; alerts are kept in memory meanwhile")

    def _recovered(self) -> None:
        self._failures = 0
        if self.reason:
            self.reason = ""
            self._report("the journal is written again, and nothing that was kept is missing")

    def _keep(self, groups: Sequence[Group]) -> None:
        """Keep what could not be written; of too much, the oldest goes, and is counted."""
        self._held += [entry for group in groups for entry in group.entries]
        if len(self._held) > MAX_HELD:
            too_many = len(self._held) - MAX_HELD
            self.dropped += too_many
            del self._held[:too_many]


def _in_words(error: Exception) -> str:
    name = getattr(error, "sqlite_errorname", "")
    known = {
        "SQLITE_FULL": "the disk is full",
        "SQLITE_READONLY": "the file is read-only",
        "SQLITE_CANTOPEN": "the file cannot be opened",
        "SQLITE_IOERR_FSYNC": "the disk failed to write (fsync)",
        "SQLITE_BUSY": "another program holds the file",
    }
    words = next((words for prefix, words in known.items() if name.startswith(prefix)), "")
    return f"{words} ({error})" if words else str(error)
