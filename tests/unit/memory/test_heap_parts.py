"""What the C extension says of small blocks, and of what malloc keeps. In an interpreter of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.memory.scripted_heap import ScriptedHeap

from tocsin.memory import hook

if TYPE_CHECKING:
    from tocsin.memory import _heap
    from tocsin.memory.lease import HeapModule

    BOTH: tuple[HeapModule, ...] = (_heap, ScriptedHeap())  # the type checker says whether they are what is asked for

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


SHAPES = """
def shape(value):
    if isinstance(value, dict):
        return sorted(value)
    if isinstance(value, (tuple, list)):
        return [shape(one) for one in value]
    return type(value).__name__

def shapes(heap, allocate):
    heap.start(16384.0, 65536)
    kept = allocate()
    row = next(row for row in heap.snapshot() if row[3])
    return {
        "row": shape(row),
        "frame": shape(heap.frames(row[0])[0]),
        "births": len(row[6]) % 16,
        "mark": heap.mark(),
        "state": shape(heap.state()),
        "small_blocks": len(heap.small_blocks()),
        "arena_bytes": shape(heap.arena_bytes()),
        "malloc_free": shape(heap.malloc_free() or (0, 0)),
    }
"""


def test_the_scripted_heap_of_the_profilers_tests_has_the_shape_of_the_real_one() -> None:
    names: dict[str, Any] = {}
    exec(SHAPES, names)  # noqa: S102 - the same words for both
    scripted = ScriptedHeap(malloc=(1, 1))
    ours = names["shapes"](scripted, lambda: scripted.allocate(("/srv/app.py", 1, "f"), n_bytes=1000))
    real = run(SHAPES + "print(json.dumps(shapes(heap, lambda: [bytes(1000) for _ in range(1000)])))")
    assert set(ours.pop("state")) <= set(real.pop("state"))
    assert ours == real
