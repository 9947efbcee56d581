"""Writing into the journal of a program that does not run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.journal.book import entries_of

from tocsin.clock import SystemClock
from tocsin.errors import StoreError
from tocsin.journal import Journal, entries
from tocsin.journal.amending import amending
from tocsin.journal.folder import FolderInUse, claim, folders
from tocsin.journal.reading import TELLING, JournalReader
from tocsin.journal.writer import FILE

if TYPE_CHECKING:
    from pathlib import Path


def a_journal(folder: Path) -> None:
    journal = Journal(folder, clock=SystemClock())
    journal.post([entries.keepsake(TELLING, b"before", at_unix_s=1.0)])
    assert journal.close(20.0)


def test_what_is_written_is_there_for_the_next_reader(tmp_path: Path) -> None:
    a_journal(tmp_path)
    with amending(tmp_path) as journal:
        assert journal.telling() == b"before"
        journal.write([entries.keepsake(TELLING, b"after", at_unix_s=2.0)])
    reader = JournalReader(tmp_path / FILE)
    assert reader.telling() == b"after"
    reader.close()


def test_a_change_that_fails_changes_nothing(tmp_path: Path) -> None:
    a_journal(tmp_path)
    broken = entries.Entry("put_keepsake", ("too", "few"))
    with pytest.raises(StoreError), amending(tmp_path) as journal:
        journal.write([entries.keepsake(TELLING, b"after", at_unix_s=2.0), broken])
    with amending(tmp_path) as journal:  # and the folder was given back
        assert journal.telling() == b"before"


def test_the_folder_of_a_running_program_is_left_alone(tmp_path: Path) -> None:
    a_journal(tmp_path)
    owned = claim(tmp_path)
    with pytest.raises(FolderInUse, match="leave --state-dir away"), amending(tmp_path):
        pass
    owned.release()
    with amending(tmp_path):
        pass


def test_a_folder_without_a_journal_is_told_and_left_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no journal here"), amending(tmp_path / "nowhere"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_the_folders_of_guests_stand_behind_that_of_the_owner(tmp_path: Path) -> None:
    owner, guest = claim(tmp_path), claim(tmp_path)
    assert folders(tmp_path) == [tmp_path, guest.path]
    guest.release()
    owner.release()
    assert folders(tmp_path / "nowhere") == [tmp_path / "nowhere"]


def test_notices_are_listed_newest_first_each_with_what_went_wrong_last(tmp_path: Path) -> None:
    journal = Journal(tmp_path, clock=SystemClock())
    for number in range(3):
        journal.post(entries_of(number))
    for at, error in ((1.0, "first"), (2.0, "last")):
        journal.post([entries.delivery("n1", at_unix_s=at, took_s=0.1, outcome="failed", error=error)])
    journal.post([entries.moved("n1", "dead", attempts=2, done_unix_s=2.0)])
    assert journal.close(20.0)
    reader = JournalReader(tmp_path / FILE)
    assert [row.id for row in reader.recent_notices()] == ["n2", "n1", "n0"]
    assert [row.id for row in reader.recent_notices(limit=1)] == ["n2"]
    [dead] = reader.recent_notices(state="dead")
    assert (dead.error, dead.attempts, dead.notice.alerts[0].id) == ("last", 2, "a1")
    found = reader.notice("n0")
    assert found is not None
    assert (found[0].id, found[1]) == ("n0", "waiting")
    assert reader.notice("nobody") is None
    reader.close()
    with amending(tmp_path) as amended:
        amended.write([entries.revived("n1"), entries.revived("n0")])
        assert [row.state for row in amended.recent_notices()] == ["waiting"] * 3
