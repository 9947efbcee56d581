from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from tocsin.memory import hook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def heap() -> Iterator[Any]:
    """The C module, stopped afterwards; its hooks stay in the process that runs the tests."""
    module, reason = hook.load()
    if module is None:
        pytest.skip(reason)
    yield module
    module.stop()
    module._fail_next(0)


class RunPython(Protocol):
    def __call__(self, code: str, /, *options: str, **env: str) -> str: ...


@pytest.fixture
def run_python() -> RunPython:
    """Run code that may end badly in an interpreter of its own, where `heap` is the module; what it printed."""
    if hook.load()[0] is None:
        pytest.skip(hook.load()[1])

    def run(code: str, /, *options: str, **env: str) -> str:
        given = "from tocsin.memory import _heap as heap\n" + textwrap.dedent(code)
        done = subprocess.run(
            [sys.executable, *options, "-c", given],
            env=os.environ | {"PYTHONFAULTHANDLER": "1"} | env,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        return done.stdout.strip()

    return run


@pytest.fixture
def live_at(heap: Any) -> Callable[[str], list[tuple[Any, ...]]]:
    """The rows of `snapshot` whose innermost frame is in a function of this name."""

    def find(function: str) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = heap.snapshot()
        return [row for row in rows if [name for _, _, name in heap.frames(row[0])[:1]] == [function]]

    return find
