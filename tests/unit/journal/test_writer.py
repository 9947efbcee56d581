"""The journal's thread: groups, tickets, and what becomes of entries when the disk fails."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from typing import TYPE_CHECKING

import pytest
from tests.unit.journal.book import ENOUGH_S, entries_of, on_disk, open_journal

from tocsin.journal import database, writer
from tocsin.journal.database import connect
from tocsin.journal.entries import Entry, delivery, keepsake, moved
from tocsin.journal.tickets import Ticket
from tocsin.journal.writer import FILE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tocsin.journal import Journal


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    made = open_journal(tmp_path / "state")
    yield made
    assert made.close(ENOUGH_S)


def test_nothing_is_made_before_there_is_something_to_write(tmp_path: Path) -> None:
    before = threading.active_count()
    made = open_journal(tmp_path / "state")
    assert made.flush(0.0)
    assert threading.active_count() == before
    assert not (tmp_path / "state").exists()


def test_a_settled_ticket_means_that_the_entries_are_on_disk(journal: Journal, tmp_path: Path) -> None:
    ticket = Ticket()
    journal.post(entries_of(1), ticket)
    assert ticket.wait(ENOUGH_S)
    assert on_disk(tmp_path / "state", "SELECT id FROM alerts") == ["a1"]
    assert on_disk(tmp_path / "state", "SELECT before, after FROM transitions") == [("pending", "firing")]
    assert on_disk(tmp_path / "state", "SELECT notice_id FROM notice_alerts WHERE alert_id = 'a1'") == ["n1"]


def test_what_is_posted_together_is_written_in_one_commit(journal: Journal) -> None:
    journal.post([entry for number in range(100) for entry in entries_of(number)])
    assert journal.flush(ENOUGH_S)
    assert journal.committed == 400
    assert journal.commits == 1


def test_what_gathers_while_a_commit_is_written_goes_into_the_next(tmp_path: Path) -> None:
    begun, may_go_on = threading.Event(), threading.Event()

    def slow(path: Path) -> sqlite3.Connection:
        begun.set()
        assert may_go_on.wait(ENOUGH_S)
        return connect(path)

    journal = open_journal(tmp_path, connect=slow)
    journal.post(entries_of(0))
    assert begun.wait(ENOUGH_S)
    # Or whoever flushes a system goes on before it is on disk that a notice was delivered, and a kill repeats it.
    assert journal.waiting() == len(entries_of(0))
    for number in range(1, 50):
        journal.post(entries_of(number))
    may_go_on.set()
    assert journal.close(ENOUGH_S)
    assert journal.commits == 2
    assert journal.waiting() == 0


def test_files_are_for_their_user_alone(journal: Journal, tmp_path: Path) -> None:
    journal.post(entries_of(1))
    assert journal.flush(ENOUGH_S)
    modes = {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in (tmp_path / "state").iterdir()}
    assert set(modes) == {FILE, f"{FILE}-wal", f"{FILE}-shm"}
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700


def test_every_commit_is_synced(journal: Journal) -> None:
    journal.post(entries_of(1))
    assert journal.flush(ENOUGH_S)
    assert journal._connection is not None
    assert journal._connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    assert journal._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_writing_a_transition_or_a_notice_twice_is_writing_it_once(journal: Journal, tmp_path: Path) -> None:
    journal.post([*entries_of(1), delivery("n1", at_unix_s=5.0, took_s=0.1, outcome="ok")])
    journal.post([*entries_of(1), delivery("n1", at_unix_s=5.0, took_s=0.1, outcome="ok")])
    assert journal.flush(ENOUGH_S)
    for table in ("alerts", "transitions", "notices", "notice_alerts", "deliveries"):
        assert on_disk(tmp_path / "state", f"SELECT count(*) FROM {table}") == [1], table  # noqa: S608


def test_a_notice_that_is_over_stays_over(journal: Journal, tmp_path: Path) -> None:
    journal.post([*entries_of(1), moved("n1", "delivered", attempts=1, done_unix_s=9.0)])
    journal.post([*entries_of(1), moved("n1", "waiting", attempts=2, next_unix_s=10.0)])
    assert journal.flush(ENOUGH_S)
    assert on_disk(tmp_path / "state", "SELECT state, attempts FROM notices") == [("delivered", 1)]


def test_closing_writes_what_waits(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    for number in range(500):
        journal.post(entries_of(number))
    assert journal.close(ENOUGH_S)
    assert on_disk(tmp_path, "SELECT count(*) FROM alerts") == [500]


def test_what_comes_after_the_close_is_refused_and_counted(journal: Journal) -> None:
    assert journal.close(ENOUGH_S)
    ticket = Ticket()
    journal.post(entries_of(1), ticket)
    assert not ticket.wait(0.0)
    assert ticket.reason == "the journal is closed"
    assert journal.dropped == 4


# -- a disk that fails


def test_a_full_disk_loses_nothing_and_is_told_once(tmp_path: Path) -> None:
    room = {"pages": 40}

    def small(path: Path) -> sqlite3.Connection:
        connection = connect(path)
        connection.execute(f"PRAGMA max_page_count = {room['pages']}")
        return connection

    said: list[str] = []
    journal = open_journal(tmp_path, said=said, connect=small)
    tickets = [Ticket() for _ in range(200)]
    for number, ticket in enumerate(tickets):
        journal.post(entries_of(number), ticket)
    assert not journal.flush(ENOUGH_S)
    assert "full" in journal.reason
    assert not all(ticket.wait(ENOUGH_S) for ticket in tickets)
    assert len(said) == 1

    room["pages"] = 100_000
    journal.post(entries_of(200))
    assert journal.flush(ENOUGH_S)
    assert journal.reason == ""
    assert on_disk(tmp_path, "SELECT count(*) FROM alerts") == [201]
    assert on_disk(tmp_path, "SELECT count(*) FROM transitions") == [201]
    assert "nothing that was kept is missing" in said[-1]
    assert journal.close(ENOUGH_S)


def test_after_a_failed_sync_the_file_is_written_anew(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.post(entries_of(1))
    assert journal.flush(ENOUGH_S)
    before = (tmp_path / "state" / FILE).stat().st_ino
    failing = {"left": 1}
    real = journal._write

    def unlucky(entries: list[Entry]) -> None:
        if entries and failing["left"]:
            failing["left"] -= 1
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorname = "SQLITE_IOERR_FSYNC"
            raise error
        real(entries)

    monkeypatch.setattr(journal, "_write", unlucky)
    ticket = Ticket()
    journal.post(entries_of(2), ticket)
    assert not ticket.wait(ENOUGH_S)
    assert "fsync" in ticket.reason
    journal.post(entries_of(3))
    assert journal.flush(ENOUGH_S)
    assert (tmp_path / "state" / FILE).stat().st_ino != before
    assert on_disk(tmp_path / "state", "SELECT id FROM alerts ORDER BY id") == ["a1", "a2", "a3"]


def test_a_folder_that_was_deleted_is_made_again_and_told_what_is_open(tmp_path: Path) -> None:
    said: list[str] = []
    journal = open_journal(tmp_path / "state", said=said, recall=lambda: entries_of(7))
    journal.post(entries_of(1))
    assert journal.flush(ENOUGH_S)
    for entry in (tmp_path / "state").iterdir():
        entry.unlink()
    (tmp_path / "state").rmdir()
    journal.post(entries_of(2))
    assert journal.flush(ENOUGH_S)
    assert on_disk(tmp_path / "state", "SELECT id FROM alerts ORDER BY id") == ["a2", "a7"]
    assert "gone" in said[0]
    assert journal.close(ENOUGH_S)


@pytest.mark.parametrize("garbage", [b"no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 8176])
def test_a_broken_file_is_put_aside_and_a_new_one_begun(tmp_path: Path, garbage: bytes) -> None:
    said: list[str] = []
    (tmp_path / FILE).write_bytes(garbage)
    journal = open_journal(tmp_path, said=said)
    journal.post(entries_of(1))
    assert journal.flush(ENOUGH_S)
    assert on_disk(tmp_path, "SELECT id FROM alerts") == ["a1"]
    assert (tmp_path / f"{FILE}.broken-1").read_bytes() == garbage
    assert f"{FILE}.broken-1" in said[0]
    assert journal.close(ENOUGH_S)


def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    said: list[str] = []
    connection = sqlite3.connect(tmp_path / FILE)
    connection.execute("PRAGMA user_version = 999")
    connection.execute("CREATE TABLE future (secret)")
    connection.close()
    before = (tmp_path / FILE).read_bytes()
    journal = open_journal(tmp_path, said=said)
    ticket = Ticket()
    journal.post(entries_of(1), ticket)
    assert not ticket.wait(ENOUGH_S)
    assert "newer" in ticket.reason
    journal.post(entries_of(2))
    assert journal.close(ENOUGH_S)
    assert (tmp_path / FILE).read_bytes() == before
    assert journal.dropped == 8
    assert len(said) == 1


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="a superuser may write everywhere")
def test_a_read_only_folder_is_told_and_nothing_raises(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    journal = open_journal(tmp_path)
    journal.post(entries_of(1))
    assert not journal.flush(ENOUGH_S)
    assert journal.reason


def test_of_too_much_that_cannot_be_written_the_oldest_goes_and_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "MAX_HELD", 10)
    refusing = [True]

    def refuse(path: Path) -> sqlite3.Connection:
        if refusing:
            raise OSError(28, "No space left on device")
        return connect(path)

    journal = open_journal(tmp_path, connect=refuse)
    for number in range(5):
        journal.post(entries_of(number))
    assert not journal.flush(ENOUGH_S)
    assert journal.dropped == 10
    assert journal.waiting() == 10
    refusing.clear()
    journal.post([keepsake("limits", b"x", at_unix_s=1.0)])
    assert journal.flush(ENOUGH_S)
    assert on_disk(tmp_path, "SELECT id FROM alerts ORDER BY id") == ["a3", "a4"]
    assert journal.close(ENOUGH_S)


def test_without_a_thread_nobody_is_held_up_and_whoever_waits_for_the_disk_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_more(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    journal = open_journal(tmp_path / "state")
    monkeypatch.setattr(threading.Thread, "start", no_more)
    journal.post(entries_of(1))
    assert not (tmp_path / "state").exists()
    assert journal.flush(ENOUGH_S)
    assert on_disk(tmp_path / "state", "SELECT id FROM alerts") == ["a1"]
    journal.post(entries_of(2))
    assert journal.close(ENOUGH_S)
    assert on_disk(tmp_path / "state", "SELECT count(*) FROM alerts") == [2]


# -- forks


@pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX")
def test_a_forked_child_does_not_touch_the_connection_of_its_parent(journal: Journal, tmp_path: Path) -> None:
    journal.post(entries_of(1))
    assert journal.flush(ENOUGH_S)
    inherited = journal._connection
    child = os.fork()
    if child == 0:
        try:
            journal.after_fork()
            good = journal._connection is None and inherited in database._PARKED and journal.waiting() == 0
            os._exit(0 if good else 1)
        except BaseException:  # noqa: BLE001 - no test runner in the child
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    journal.post(entries_of(2))
    assert journal.flush(ENOUGH_S)
    assert on_disk(tmp_path / "state", "SELECT count(*) FROM alerts") == [2]
