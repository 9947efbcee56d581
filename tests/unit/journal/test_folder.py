"""Who owns a state directory, and what becomes of what the dead have left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tocsin.errors import StoreError
from tocsin.journal.folder import claim

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(os.name != "posix", reason="record locks are POSIX")

_CLAIMS = """
import sys
from pathlib import Path
from tocsin.journal.folder import claim
folder = claim(Path(sys.argv[1]))
(folder.path / "left").write_text("by the dead")
print(folder.is_owner, folder.path, flush=True)
input()
"""


class Other:
    """Another process that has claimed the directory."""

    def __init__(self, root: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _CLAIMS, root], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        owner, _, self.path = self.process.stdout.readline().strip().partition(" ")
        self.is_owner = owner == "True"

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()


@pytest.fixture
def others() -> Iterator[list[Other]]:
    made: list[Other] = []
    yield made
    for other in made:
        other.kill()


def test_the_first_owns_the_directory_and_the_others_get_folders_of_their_own(
    tmp_path: Path, others: list[Other]
) -> None:
    others.append(Other(tmp_path))
    ours = claim(tmp_path)
    assert others[0].is_owner
    assert not ours.is_owner
    assert ours.path.parent == tmp_path / "guests"
    assert list(ours.orphans()) == []


def test_a_killed_owner_leaves_the_directory_to_the_next(tmp_path: Path, others: list[Other]) -> None:
    others.append(Other(tmp_path))
    others[0].kill()
    assert claim(tmp_path).is_owner


def test_the_owner_takes_over_the_folders_of_the_dead_and_leaves_those_of_the_living(
    tmp_path: Path, others: list[Other]
) -> None:
    owner = claim(tmp_path)
    others += [Other(tmp_path), Other(tmp_path)]
    dead, alive = others
    dead.kill()
    orphans = list(owner.orphans())
    assert [str(orphan.path) for orphan in orphans] == [dead.path]
    assert (orphans[0].path / "left").read_text() == "by the dead"
    orphans[0].remove()
    assert list(owner.orphans()) == []
    assert os.path.exists(alive.path)  # noqa: PTH110 - a path as text


def test_two_systems_of_one_process_have_a_folder_each(tmp_path: Path) -> None:
    first, second = claim(tmp_path), claim(tmp_path)
    assert first.is_owner
    assert not second.is_owner
    assert first.path != second.path


def test_a_folder_that_was_given_back_is_owned_by_the_next(tmp_path: Path) -> None:
    claim(tmp_path).release()
    again = claim(tmp_path)
    assert again.is_owner
    again.release()


def test_asking_again_does_not_give_the_lock_away(tmp_path: Path, others: list[Other]) -> None:
    claim(tmp_path)
    claim(tmp_path)
    others.append(Other(tmp_path))
    assert not others[0].is_owner


def test_a_forked_child_does_not_own_what_its_parent_owns(tmp_path: Path) -> None:
    claim(tmp_path)
    child = os.fork()
    if child == 0:
        os._exit(1 if claim(tmp_path).is_owner else 0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_directory_that_cannot_be_made_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="name another one as state_dir"):
        claim(tmp_path / "file" / "state")
