"""Real allocations through the hook, in a process of their own; `python -m benchmarks leaks` has more of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tocsin.memory import hook

pytestmark = pytest.mark.skipif(hook.load()[0] is None, reason=f"no C extension: {hook.load()[1]}")
ROOT = Path(__file__).parents[4]


def run(program: str) -> dict[str, Any]:
    """The verdicts on one of the benchmark's programs, with four times its samples, so that chance has little say."""
    command = [sys.executable, "-m", "benchmarks.leak_programs", program, "--interval", "32768"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("program", ["list_append", "several_lines"])
def test_a_program_that_leaks_is_found_by_its_line(program: str) -> None:
    found = run(program)

    assert found["right"], found
    assert not found["wrong"], found


@pytest.mark.parametrize("program", ["deque_to_half", "batches"])
def test_a_program_that_only_looks_so_is_not(program: str) -> None:
    found = run(program)

    assert not found["wrong"], found
    assert any(site.startswith(("bounded", "resolved")) for site in found["sites"]), found
