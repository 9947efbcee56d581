"""Trace functions, the end of the interpreter, and stacks that are many or deep; each in a process of its own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.unit.memory.native.conftest import RunPython


def test_a_trace_function_sees_the_same_with_and_without(run_python: RunPython) -> None:
    assert (
        run_python("""
        import sys
        def work():
            return [str(number) * 10 for number in range(50)]
        def events():
            seen = []
            def trace(frame, event, argument):
                seen.append((frame.f_code.co_name, frame.f_lineno, event))
                return trace
            sys.settrace(trace)
            work()
            sys.settrace(None)
            return seen
        without = events()
        heap.start(16.0, max_samples_per_s=0)
        print(events() == without, len(without) > 3)
        """)
        == "True True"
    )


def test_an_interpreter_that_ends_while_it_samples_ends_well(run_python: RunPython) -> None:
    found = run_python("""
        import atexit
        class Last:
            def __del__(self, heap=heap, print=print):
                self.kept = [bytes(300) for _ in range(2000)]
                print("taken down", heap.is_active())
        heap.start(16.0, max_samples_per_s=0)
        atexit.register(lambda: print("at exit", heap.is_active()))
        last = Last()
        kept = [bytes(300) for _ in range(2000)]
    """)
    assert found == "at exit True\ntaken down False"


def test_an_interpreter_that_ends_while_a_thread_allocates_ends_well(run_python: RunPython) -> None:
    found = run_python("""
        import threading
        def allocate():
            while True:
                kept = [bytes(300 * number) for number in range(30)]
                going.set()
        going = threading.Event()
        heap.start(16.0, max_samples_per_s=0)
        for _ in range(4):
            threading.Thread(target=allocate, daemon=True).start()
        going.wait()
        print("ends")
    """)
    assert found == "ends"


def test_deep_recursion_is_cut_at_the_innermost_frames(run_python: RunPython) -> None:
    assert (
        run_python("""
        def down(depth):
            return down(depth - 1) if depth else [bytes(300) for _ in range(1000)]
        heap.start(256.0, max_samples_per_s=0)
        kept = down(500)
        row = max(heap.snapshot(), key=lambda row: row[3])
        frames = heap.frames(row[0])
        print(len(frames), frames[-1][2])
        """)
        == "32 down"
    )


def test_more_stacks_than_the_table_holds_are_told_apart_by_their_innermost_frames(run_python: RunPython) -> None:
    found = json.loads(
        run_python("""
        import json
        def left(path, depth):
            return bytes(300) if depth == 0 else (left if path & 1 else right)(path >> 1, depth - 1)
        def right(path, depth):
            return bytes(300) if depth == 0 else (left if path & 1 else right)(path >> 1, depth - 1)
        heap.start(1.0, max_samples=1 << 20, max_samples_per_s=0)
        kept = [left(path, 16) for path in range(40_000)]
        rows = {row[0]: row for row in heap.snapshot()}
        leaves = {"left", "right"}
        named = sum(row[3] for row in rows.values() if {f[2] for f in heap.frames(row[0])[:1]} & leaves)
        depths = sorted({len(heap.frames(number)) for number in rows})
        print(json.dumps([named, heap.TOO_MANY_STACKS in rows, heap.state()["stacks"], depths[-1]]))
        """)
    )
    named, too_many, stacks, deepest = found
    assert named >= 40_000
    assert not too_many
    assert 16_000 < stacks < 24_000
    assert deepest > 16
