"""Threads with and without the GIL, forks and other interpreters; each in a process of its own."""

from __future__ import annotations

import json
import math
import sys
from typing import TYPE_CHECKING

import pytest
from tests.unit.memory.native.exact import CLOSE, TOTAL, exact

if TYPE_CHECKING:
    from tests.unit.memory.native.conftest import RunPython


def test_without_the_gil_blocks_are_counted_and_have_no_stack(run_python: RunPython) -> None:
    found = json.loads(
        run_python(
            exact(f"""
            import threading
            allocate, resize, release = functions(raw, "Mem_Raw")
            begin()
            def run():
                kept.append(allocate_all(allocate, 700, {TOTAL} // 700 // 4))
            kept = []
            threads = [threading.Thread(target=run) for _ in range(4)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            rows = {{row[0]: row for row in heap.snapshot()}}
            row = rows[heap.WITHOUT_GIL]
            frames = heap.frames(heap.WITHOUT_GIL)
            for blocks in kept: release_all(release, blocks)
            left = {{row[0]: row for row in heap.snapshot()}}[heap.WITHOUT_GIL]
            print(json.dumps([row[1], len(frames), left[3]]))
            """)
        )
    )
    live, frames, left = found
    assert live == pytest.approx(TOTAL, rel=CLOSE)
    assert frames == 0
    assert left <= 3  # the interpreter itself has some such blocks


def test_threads_whose_distances_are_older_than_a_thinning_bring_no_bias(run_python: RunPython) -> None:
    # Eight threads without the GIL, and a table of 1000: the interval doubles again and again under their feet.
    live, interval, alive = json.loads(
        run_python(
            exact(f"""
            import threading
            allocate, _, release = functions(raw, "Mem_Raw")
            heap.start(256.0, max_samples=1000, max_samples_per_s=0)
            def run(blocks):
                for index in range(len(blocks)):
                    blocks[index] = allocate(600)
            kept = [room({TOTAL} // 600) for _ in range(8)]
            threads = [threading.Thread(target=run, args=(blocks,)) for blocks in kept]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            rows = {{row[0]: row for row in heap.snapshot()}}
            print(json.dumps([rows[heap.WITHOUT_GIL][1], heap.state()["interval"], heap.state()["alive"]]))
            """)
        )
    )
    sigma = math.sqrt(8 * TOTAL * interval)  # that of the coarsest
    assert alive <= 1000
    assert interval >= 8 * 1024
    assert abs(live - 8 * TOTAL) < 6 * sigma


def test_a_distance_drawn_before_the_interval_grew_does_not_count_for_the_new_one(run_python: RunPython) -> None:
    # Many threads wait with a short distance left; then large blocks, never touched, fill a table of 16.
    live, interval = json.loads(
        run_python(
            exact("""
            import threading
            allocate, _, release = functions(raw, "Mem_Raw")
            def run():
                early.append(allocate(100))
                drawn.release()
                grown.wait()
                late.append(allocate(100_000))
            def live():
                return {row[0]: row[1] for row in heap.snapshot()}.get(heap.WITHOUT_GIL, 0.0)
            early, late, drawn, grown = [], [], threading.Semaphore(0), threading.Event()
            heap.start(65536.0, max_samples=16, max_samples_per_s=0)
            threads = [threading.Thread(target=run) for _ in range(200)]
            for thread in threads: thread.start()
            for thread in threads: drawn.acquire()
            kept = [allocate(1 << 26) for _ in range(64)]
            before = live()
            grown.set()
            for thread in threads: thread.join()
            print(json.dumps([live() - before, heap.state()["interval"]]))
            """)
        )
    )
    assert interval >= 1 << 26
    assert live < 200 * 100_000 + 8 * math.sqrt(200 * 100_000 * interval)


@pytest.mark.parametrize("first", [16_384.0, 65_536.0])
def test_threads_that_live_through_a_stop_and_a_start_bring_no_bias(run_python: RunPython, first: float) -> None:
    live = json.loads(
        run_python(
            exact(f"""
            import threading
            allocate, _, release = functions(raw, "Mem_Raw")
            def run():
                early.append(allocate(100))
                drawn.release()
                begun.wait()
                late.extend(allocate(1000) for _ in range(20))
            early, late, drawn, begun = [], [], threading.Semaphore(0), threading.Event()
            heap.start({first}, max_samples_per_s=0)
            threads = [threading.Thread(target=run) for _ in range(400)]
            for thread in threads: thread.start()
            for thread in threads: drawn.acquire()
            heap.stop()
            heap.start(65_536.0, max_samples_per_s=0)
            begun.set()
            for thread in threads: thread.join()
            print({{row[0]: row[1] for row in heap.snapshot()}}[heap.WITHOUT_GIL])
            """)
        )
    )
    assert abs(live - 400 * 20 * 1000) < 6 * math.sqrt(400 * 20 * 1000 * 65_536)


def test_blocks_of_one_thread_that_another_frees_are_seen_to_go(run_python: RunPython) -> None:
    assert (
        run_python("""
        import queue, threading
        heap.start(1024.0, max_samples_per_s=0)
        def make():
            for _ in range(20_000):
                handed.put(bytes(700))
            handed.put(None)
        def drop():
            while handed.get() is not None:
                pass
        handed = queue.SimpleQueue()
        threads = [threading.Thread(target=target) for target in (make, drop)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        rows = [row for row in heap.snapshot() if heap.frames(row[0])[:1] and heap.frames(row[0])[0][2] == "make"]
        print(sum(row[4] for row in rows) > 5000, sum(row[3] for row in rows) < 5)
        """)
        == "True True"
    )


def test_a_forked_child_goes_on_sampling_and_frees_what_its_parent_made(run_python: RunPython) -> None:
    assert (
        run_python("""
        import os, sys
        def make(count):
            return [bytes(700) for _ in range(count)]
        heap.start(1024.0, max_samples_per_s=0)
        kept = make(5000)
        before = heap.state()
        child = os.fork()
        if child == 0:
            del kept
            fewer = heap.state()["alive"] < before["alive"] / 2
            more = make(5000)
            after = heap.state()
            os._exit(0 if fewer and after["taken"] > before["taken"] + 2000 and heap.is_active() else 1)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), heap.state()["alive"] >= before["alive"] - 5)
        """)
        == "0 True"
    )


def test_another_interpreter_is_refused_and_its_blocks_have_no_stack(run_python: RunPython) -> None:
    name = {(3, 13): "_interpreters", (3, 12): "_xxsubinterpreters"}.get(sys.version_info[:2], "_xxsubinterpreters")
    found = run_python(f"""
        import {name} as interpreters
        heap.start(512.0, max_samples_per_s=0)
        other = interpreters.create()
        code = '''if True:
            try:
                from tocsin.memory import _heap
                _heap.start()
            except (ImportError, RuntimeError) as error:
                assert "interpreter" in str(error), error
            else:
                raise SystemExit("it was let in")
            kept = [bytes(300) for _ in range(5000)]
        '''
        failed = getattr(interpreters, "run_string")(other, code)
        assert failed is None, failed
        rows = {{row[0]: row for row in heap.snapshot()}}
        elsewhere = rows.get(heap.OTHER_INTERPRETER) or rows[heap.WITHOUT_GIL]
        assert elsewhere[4] > 1000, elsewhere
        interpreters.destroy(other)
        kept = [bytes(300) for _ in range(1000)]
        print(heap.is_active(), heap.snapshot() != [])
    """)
    assert found == "True True"
