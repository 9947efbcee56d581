from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.memory.native.conftest import RunPython

# The interpreter's own statistics go to the standard error, as text.
TOLD = """
    import json, os, re, sys, tempfile
    def told():
        with tempfile.TemporaryFile() as into:
            kept = os.dup(2)
            os.dup2(into.fileno(), 2)
            sys._debugmallocstats()
            os.dup2(kept, 2)
            os.close(kept)
            into.seek(0)
            found = re.search(r"arenas allocated current +=\\s+([\\d,]+)", into.read().decode())
        return int(found[1].replace(",", "")) * 1_048_576
"""


def test_arenas_from_before_the_start_are_known_and_those_after_are_counted(run_python: RunPython) -> None:
    before, at_start, grown, shrunk = json.loads(
        run_python(
            TOLD
            + """
    early = [str(number) * 8 for number in range(200_000)]
    assert heap.arena_bytes() == -1
    before = told()
    heap.start()
    at_start = heap.arena_bytes()
    late = [bytes(400) for _ in range(100_000)]
    grown = heap.arena_bytes()
    del late
    print(json.dumps([before, at_start, grown, heap.arena_bytes()]))
    """
        )
    )
    assert before > 10_000_000
    assert 0 <= at_start - before <= 1_048_576  # the start itself may have needed one
    assert 43_000_000 < grown - at_start < 55_000_000
    assert shrunk < at_start + 5_000_000


@pytest.mark.parametrize("allocator", ["malloc", "malloc_debug"])
def test_without_pymalloc_there_are_no_arenas(run_python: RunPython, allocator: str) -> None:
    code = "heap.start(); kept = [bytes(400) for _ in range(10_000)]; print(heap.arena_bytes())"
    assert run_python(code, PYTHONMALLOC=allocator) == "0"


def test_the_debug_hooks_do_not_hide_the_arenas(run_python: RunPython) -> None:
    code = "heap.start(); kept = [bytes(400) for _ in range(10_000)]; print(heap.arena_bytes() > 4_000_000)"
    assert run_python(code, PYTHONMALLOC="pymalloc_debug") == "True"
