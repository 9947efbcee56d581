from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tocsin.cli.demo import SERVICE, find_examples

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.cli.conftest import Result

TOLD = {
    "ten_lines.py": ("", "in main: time.sleep(3)  # a blocking call in a coroutine: everybody waits"),
    "own_metrics.py": ("orders.refused = 34\n", "WARNING firing orders-refused: 34 orders were refused"),
    "worker_with_threads.py": (
        "before: 90 % full, rings: True\nafter: 0 % full, rings: False\n",
        "WARNING firing buffer-high: Buffer jobs is 90 % full",
    ),
}


def test_the_shortest_example_is_the_one_of_the_readme() -> None:
    program = find_examples() / "ten_lines.py"
    assert program.read_text("utf-8") in (program.parents[1] / "README.md").read_text("utf-8")


def test_every_example_is_tested() -> None:
    assert {path.name for path in find_examples().glob("*.py")} == {*TOLD, SERVICE}


@pytest.mark.parametrize("name", TOLD)
def test_an_example_runs_and_shows_what_it_promises(spawn: Callable[..., Result], name: str) -> None:
    result = spawn(find_examples() / name)
    printed, rung = TOLD[name]
    assert result.code == 0
    assert printed in result.out
    assert rung in result.err
    assert "Traceback" not in result.err
