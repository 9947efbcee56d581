"""What lies below and beside the hooks: other allocators, other tools; each in a process of its own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.unit.memory.native.exact import CLOSE, TOTAL, exact

if TYPE_CHECKING:
    from tests.unit.memory.native.conftest import RunPython


@pytest.mark.parametrize("allocator", ["pymalloc", "malloc", "pymalloc_debug", "malloc_debug"])
def test_each_block_counts_once_under_every_allocator(run_python: RunPython, allocator: str) -> None:
    # 489 to 512 bytes are pymalloc's own, but not under its debug hooks, which make every block larger.
    found = json.loads(
        run_python(
            exact(f"""
            ratios = {{}}
            for domain in ("Mem_", "Object_", "Mem_Raw"):
                allocate, _, release = functions(api, domain)
                for size in (48, 480, 500, 512, 513, 700, 3000):
                    begin()
                    blocks = allocate_all(allocate, size, {TOTAL} // size)
                    ratios[f"{{domain}} {{size}}"] = alive("allocate_all") / (size * len(blocks))
                    release_all(release, blocks)
            print(json.dumps(ratios))
            """),
            PYTHONMALLOC=allocator,
        )
    )
    assert len(found) == 21
    assert found == pytest.approx(dict.fromkeys(found, 1.0), abs=CLOSE)


@pytest.mark.parametrize("allocator", ["pymalloc", "malloc", "pymalloc_debug"])
def test_what_is_resized_counts_once_with_its_new_size(run_python: RunPython, allocator: str) -> None:
    # From pymalloc to RAW, within each, and from RAW down to a size that pymalloc would take: there it stays in RAW.
    found = json.loads(
        run_python(
            exact(f"""
            allocate, resize, release = functions(api, "Object_")
            ratios = {{}}
            for old, new in ((100, 400), (400, 390), (100, 3000), (2000, 3000), (3000, 2990), (3000, 400)):
                begin()
                blocks = allocate_all(allocate, old, {TOTAL} // new)
                resize_all(resize, blocks, new)
                ratios[f"{{old}} to {{new}}"] = alive("allocate_all", "resize_all") / (new * len(blocks))
                release_all(release, blocks)
                ratios[f"{{old}} to {{new}} and freed"] = 1.0 + alive("allocate_all", "resize_all")
            print(json.dumps(ratios))
            """),
            PYTHONMALLOC=allocator,
        )
    )
    assert len(found) == 12
    assert found == pytest.approx(dict.fromkeys(found, 1.0), abs=CLOSE)


def test_a_resize_that_fails_leaves_the_old_block_among_the_living(run_python: RunPython) -> None:
    found = json.loads(
        run_python(
            exact("""
            allocate, resize, release = functions(api, "Object_")
            begin()
            blocks = allocate_all(allocate, 3000, 1000)
            taken, before = heap.state()["taken"], alive("allocate_all")
            failed = [resize(blocks[index], 1 << 60) for index in range(len(blocks))]
            after, taken_after = alive("allocate_all"), heap.state()["taken"]
            release_all(release, blocks)
            print(json.dumps([before, after, alive("allocate_all"), set(failed) == {None}, taken_after - taken]))
            """)
        )
    )
    before, after, freed, all_failed, taken = found
    assert all_failed
    assert before == after > 1_000_000
    assert freed == 0
    assert taken < 900  # a block that was not made is no sample; a thousand were not


def test_tracemalloc_may_come_after_and_both_are_right(run_python: RunPython) -> None:
    assert (
        run_python("""
        import tracemalloc
        heap.start(1024.0, max_samples_per_s=0)
        tracemalloc.start()
        kept = [bytes(700) for _ in range(5000)]
        exact = tracemalloc.get_traced_memory()[0]
        close = abs(sum(row[1] for row in heap.snapshot()) / exact - 1) < 0.15
        tracemalloc.stop()
        print(close, heap.is_active(), heap.state()["in_place"])
        """)
        == "True True 1"
    )


def test_where_tracemalloc_was_first_the_start_is_refused_with_the_remedy(run_python: RunPython) -> None:
    found = run_python(
        """
        import tracemalloc
        try:
            heap.start()
        except RuntimeError as error:
            print(error)
        tracemalloc.stop()
        heap.start()
        print(heap.is_active())
        """,
        "-X",
        "tracemalloc",
    )
    assert "stop it, start this, then start it again" in found
    assert found.endswith("True")


def test_when_another_tool_takes_the_hooks_away_sampling_ends_and_a_start_is_refused(run_python: RunPython) -> None:
    pytest.importorskip("_testcapi")
    found = run_python("""
        import _testcapi
        _testcapi.set_nomemory(1 << 30)  # its hooks come first, so putting back what was before takes ours away
        heap.start(1024.0)
        assert heap.is_active()
        _testcapi.remove_mem_hooks()
        heap.mark()
        print(heap.is_active(), heap.state()["in_place"])
        try:
            heap.start()
        except RuntimeError as error:
            print(error)
    """)
    assert found.startswith("False 0\nanother tool put other allocators in the place of our hooks")


def test_an_allocator_below_that_fails_breaks_nothing(run_python: RunPython) -> None:
    pytest.importorskip("_testcapi")
    found = run_python("""
        import _testcapi
        _testcapi.set_nomemory(1 << 30)
        heap.start(64.0, max_samples_per_s=0)
        failures = 0
        for first in range(1, 400):
            try:
                _testcapi.set_nomemory(first, first + 1 + first % 3)
                kept = [bytes(300 * number) for number in range(20)]
                kept.append({str(number): [number] * 50 for number in range(20)})
            except MemoryError:
                failures += 1
            finally:
                _testcapi.set_nomemory(1 << 30)
        kept = None
        heap.snapshot()
        print(failures > 50, heap.is_active())
    """)
    assert found == "True True"


def test_without_memory_for_its_tables_samples_are_counted_as_lost_and_nothing_breaks(run_python: RunPython) -> None:
    found = run_python("""
        heap.start(64.0, max_samples=1 << 20, max_samples_per_s=0)
        heap._fail_next(1 << 30)
        kept = [bytes(300) for _ in range(20_000)]
        failed = heap.state()["lost"]
        try:
            heap.snapshot()
        except MemoryError:
            print("refused")
        heap._fail_next(0)
        lost = heap.state()["lost"]
        more = [bytes(300) for _ in range(20_000)]
        alive = heap.state()["alive"]
        del kept, more
        print(failed > 10_000, alive > 15_000, heap.state()["alive"] < 100, heap.state()["lost"] == lost)
    """)
    assert found == "refused\nTrue True True True"
