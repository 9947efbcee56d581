"""Small runs of what `python -m tests.crash` does at length: what is acknowledged survives."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import pytest
from tests.crash import kill9, powercut, syscalls
from tests.crash.programs import NoShim, build_shim

if TYPE_CHECKING:
    from pathlib import Path

posix = pytest.mark.skipif(os.name != "posix", reason="POSIX")


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        return build_shim(tmp_path_factory.mktemp("shim"))
    except NoShim as reason:
        pytest.skip(str(reason))


@posix
def test_what_is_acknowledged_survives_kills_at_any_moment() -> None:
    found = kill9.run(12, seed=random.SystemRandom().randrange(1 << 30))
    assert found["acknowledged"] > 12
    assert found["lost"] == 0


@posix
def test_of_a_killed_system_every_acknowledged_alert_is_told_and_few_twice() -> None:
    found = kill9.run_system(5, seed=random.SystemRandom().randrange(1 << 30))
    assert found["acknowledged"] > 5
    assert {word: found[word] for word in ("lost", "untold", "too_many")} == {"lost": 0, "untold": 0, "too_many": 0}


@pytest.mark.usefixtures("shim")
@pytest.mark.parametrize("group", [1, 16])
def test_what_is_acknowledged_survives_a_power_cut(group: int) -> None:
    found = powercut.run(100, seed=random.SystemRandom().randrange(1 << 30), group=group)
    assert found["calls"] > 100
    assert found["cuts_that_lost"] == 0


@pytest.mark.usefixtures("shim")
def test_without_full_syncs_a_power_cut_loses_what_was_acknowledged() -> None:
    """The mutant that shows that the test above can fail."""
    assert powercut.run(40, seed=1, synchronous="NORMAL")["cuts_that_lost"] > 10


@pytest.mark.usefixtures("shim")
def test_a_system_call_that_fails_raises_nowhere_and_loses_nothing() -> None:
    found = syscalls.run(22, step=7)
    assert found["felt"] > 5
    assert {word: found[word] for word in ("raised", "lost", "unfinished")} == dict.fromkeys(
        ("raised", "lost", "unfinished"), 0
    )
