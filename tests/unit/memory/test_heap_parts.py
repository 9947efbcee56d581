"""What the C extension says of small blocks, and of what malloc keeps. In an interpreter of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from tocsin.memory import hook

pytestmark = pytest.mark.skipif(hook.load()[0] is None, reason=f"no C extension: {hook.load()[1]}")


def run(program: str) -> Any:
    program = "import json\nfrom tocsin.memory import hook\nheap = hook.load()[0]\n" + program
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("most", [65536, 256])
def test_small_blocks_are_told_from_larger_ones_also_after_thinning(most: int) -> None:
    blocks, small, variance, set_aside, live = run(f"""
heap.start(16384, {most})
kept = [bytes(67) for _ in range(100_000)] + [bytes(1_000_000) for _ in range(20)]
small = heap.small_blocks()
print(json.dumps([*small, sum(row[1] for row in heap.snapshot())]))
""")
    assert variance > 0
    assert abs(small - 100 * 100_000) < 6 * variance**0.5
    assert blocks * 100 == pytest.approx(small, rel=0.2)
    assert set_aside == pytest.approx(small * 112 / 100, rel=0.05)
    assert live - small > 15_000_000


def test_without_samples_there_are_no_small_blocks() -> None:
    assert run("heap.start(1e11)\nprint(json.dumps(heap.small_blocks()))") == [0, 0, 0, 0]


def test_malloc_keeps_what_is_freed_between_what_lives() -> None:
    before, after = run("""
kept = [bytes(1_500) for _ in range(20_000)]
before = heap.malloc_free()
kept = kept[::10]
print(json.dumps([before, heap.malloc_free()]))
""")
    if before is None:
        pytest.skip("this C library does not tell what it keeps")
    assert after[0] - before[0] == pytest.approx(27_000_000, rel=0.1)
    assert after[1] - before[1] == pytest.approx(2_000, rel=0.2)
