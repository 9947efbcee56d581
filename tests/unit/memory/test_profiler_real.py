"""The profiler over real allocations: through the C extension, through tracemalloc, in forks and in threads.

Each program runs in an interpreter of its own, so that nothing else is in its heap.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tracemalloc
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tocsin.memory import hook
from tocsin.memory.profiler import MemoryProfiler
from tocsin.model.memory import HeapTier

MB = 1_000_000
sampling = pytest.mark.skipif(hook.load()[0] is None, reason=f"no C extension: {hook.load()[1]}")


def run(folder: Path, program: str, name: str = "shop.py") -> Any:
    """What the program prints as JSON; its lines are counted from 1."""
    path = folder / name
    path.write_text(program)
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def sigmas(use: dict[str, Any], true_mb: float) -> float:
    """By how many standard errors an estimate is off."""
    off: float = abs(use["live_mb"] - true_mb) / ((use["live_high_mb"] - use["live_low_mb"]) / 2 / 1.96)
    return off


@sampling
def test_a_site_that_holds_50_mb_is_named_with_file_and_line_and_its_interval_is_true(tmp_path: Path) -> None:
    report = run(
        tmp_path,
        """\
import msgspec, sys, tocsin
KEPT = []
def remember():
    for _ in range(50_000):
        KEPT.append(bytes(967))
def forget():
    for _ in range(50_000):
        bytes(967)
profiler = tocsin.MemoryProfiler(components={"session-cache": ["__main__"]})
profiler.start(0.0)
remember()
forget()
sys.stdout.buffer.write(msgspec.json.encode(profiler.report(10.0)))
""",
    )
    site = report["sites"][0]
    assert site["name"] == f"{tmp_path / 'shop.py'}:5 in remember"
    assert sigmas(site, 50.4) < 6  # the blocks, and the list of them
    assert site["live_mb"] == pytest.approx(50, rel=0.5)
    assert report["components"][0]["name"] == "session-cache"
    assert not any(":8 in forget" in use["name"] and use["live_mb"] > 5 for use in report["sites"])
    assert report["tier"] == "sampling"
    assert report["peak_rss_mb"] >= report["rss_mb"] > 50
    if Path("/proc/self/smaps_rollup").exists():
        assert 0 < report["pss_mb"] <= report["rss_mb"] + 5


@sampling
@pytest.mark.skipif(find_spec("numpy") is None, reason="numpy is not installed")
def test_the_memory_of_arrays_is_seen_at_the_line_that_asked_for_it(tmp_path: Path) -> None:
    report = run(
        tmp_path,
        """\
import msgspec, sys, tocsin
import numpy
profiler = tocsin.MemoryProfiler()
profiler.start(0.0)
kept = [numpy.ones(125_000) for _ in range(100)]
sys.stdout.buffer.write(msgspec.json.encode(profiler.report(10.0)))
""",
    )
    site = report["sites"][0]
    assert f"{tmp_path / 'shop.py'}:5 in " in site["name"]
    assert sigmas(site, 100) < 6
    assert site["live_mb"] == pytest.approx(100, rel=0.1)


SCATTERED = """\
import json, tocsin
profiler = tocsin.MemoryProfiler()
profiler.start(0.0)
fresh = profiler.report(1.0)
kept = []
for _ in range(600_000):
    kept.append(bytes(470))
full = profiler.report(2.0)
kept = kept[::20]
empty = profiler.report(3.0)
fields = ("efficiency_score", "fragmentation", "arena_mb", "native_mb", "rss_mb", "live_mb")
print(json.dumps([{name: getattr(one, name) for name in fields} for one in (fresh, full, empty)]))
"""


@sampling
def test_a_program_that_freed_most_small_objects_all_over_its_arenas_uses_them_badly(tmp_path: Path) -> None:
    fresh, full, empty = run(tmp_path, SCATTERED)
    assert fresh["efficiency_score"] is None
    assert full["efficiency_score"] > 0.85
    assert full["fragmentation"] < 0.15
    assert empty["efficiency_score"] < 0.25
    assert empty["fragmentation"] > 0.75
    assert empty["arena_mb"] == pytest.approx(full["arena_mb"], rel=0.1)
    assert empty["native_mb"] < 30  # arenas that are kept are not native


@sampling
def test_larger_blocks_that_are_gone_are_kept_by_malloc_and_no_native_growth(tmp_path: Path) -> None:
    full, empty = run(
        tmp_path,
        """\
import json, tocsin
profiler = tocsin.MemoryProfiler()
profiler.start(0.0)
kept = [bytes(1_500) for _ in range(100_000)]
full = profiler.report(1.0)
kept = kept[::1000]
empty = profiler.report(2.0)
fields = ("efficiency_score", "malloc_free_mb", "native_mb", "rss_mb", "live_mb")
print(json.dumps([{name: getattr(one, name) for name in fields} for one in (full, empty)]))
""",
    )
    if full["malloc_free_mb"] is None:
        pytest.skip("this C library does not tell what it keeps")
    assert full["malloc_free_mb"] < 10
    assert full["efficiency_score"] > 0.85
    assert empty["rss_mb"] > 100
    assert empty["malloc_free_mb"] == pytest.approx(150, abs=20)
    assert empty["native_mb"] < 20
    assert empty["efficiency_score"] < 0.25


@sampling
def test_what_malloc_was_asked_for_by_others_is_native(tmp_path: Path) -> None:
    before, after = run(
        tmp_path,
        """\
import ctypes, json, tocsin
profiler = tocsin.MemoryProfiler()
profiler.start(0.0)
before = profiler.report(1.0)
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
for _ in range(100):
    ctypes.memset(libc.malloc(1_000_000), 1, 1_000_000)
kept = [bytes(2_000) for _ in range(25_000)]
print(json.dumps([before.native_mb, profiler.report(2.0).native_mb]))
""",
    )
    assert after - before == pytest.approx(100, abs=25)


@sampling
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_goes_on_and_so_does_its_parent(tmp_path: Path) -> None:
    child, parent = run(
        tmp_path,
        """\
import json, os, tocsin
KEPT = []
def remember():
    for _ in range(10_000):
        KEPT.append(bytes(1_967))
def told(one, now_s):
    births = [born for stack in one.snapshot(now_s).stacks if str(stack.frames[:1]).find("remember") > 0
              for born in stack.births]
    return [sum(born.samples for born in births), sorted({(born.from_s, born.to_s) for born in births})]
one = tocsin.MemoryProfiler()
one.start(0.0)
for tick in range(1, 20):
    one.snapshot(float(tick))
remember()
one.snapshot(20.0)
reading, writing = os.pipe()
pid = os.fork()
if pid == 0:
    remember()
    other = tocsin.MemoryProfiler()
    other.start(0.0)
    answer = [told(one, 30.0), one.report(31.0).growth_rate_mb_per_s, told(other, 1.0)[0]]
    other.stop()
    one.stop()
    one.start()
    answer.append(told(one, 40.0)[0])
    os.write(writing, json.dumps(answer).encode())
    os._exit(0)
os.close(writing)
with open(reading, "rb") as pipe:
    child = json.loads(pipe.read())
os.waitpid(pid, 0)
print(json.dumps([child, told(one, 30.0)]))
""",
    )
    (samples, births), growth, seen_by_another, after_a_new_start = child
    assert births == [[19.0, 20.0], [20.0, 30.0]]
    samples_of_parent, births_of_parent = parent
    assert births_of_parent == [[19.0, 20.0]]
    assert samples > samples_of_parent > 0
    assert growth is None
    assert (seen_by_another, after_a_new_start) == (samples, 0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_locks_that_another_thread_holds_at_a_fork_hang_no_child(tmp_path: Path) -> None:
    answer = run(
        tmp_path,
        """\
import json, os, signal, threading, tocsin
from tocsin.memory import hook_lock
one = tocsin.MemoryProfiler()
one.start(0.0)
one.snapshot(1.0)
held, done = threading.Event(), threading.Event()
def hold():
    with one._guard, hook_lock.lock:
        held.set()
        done.wait()
holder = threading.Thread(target=hold)
holder.start()
held.wait()
reading, writing = os.pipe()
if os.fork() == 0:
    signal.alarm(60)
    seen = one.snapshot(2.0).rss_bytes
    one.stop()
    os.write(writing, json.dumps(seen).encode())
    os._exit(0)
done.set()
holder.join()
os.close(writing)
with open(reading, "rb") as pipe:
    print(pipe.read().decode() or '"hung"')
""",
    )
    assert isinstance(answer, int)


@sampling
def test_snapshots_of_several_threads_agree_while_others_allocate(tmp_path: Path) -> None:
    problems = run(
        tmp_path,
        """\
import json, threading, tocsin
one, other = tocsin.MemoryProfiler(4096), tocsin.MemoryProfiler()
one.start(0.0)
problems, done = [], threading.Event()
def churn():
    while not done.is_set():
        kept = [bytearray(size) for size in range(100, 3000, 7)]
        kept.sort(key=len)
def look(profiler):
    try:
        for tick in range(60):
            for stack in profiler.snapshot(float(tick)).stacks:
                if sum(born.samples for born in stack.births) != stack.samples:
                    problems.append(str(stack))
    except BaseException as error:
        problems.append(repr(error))
def toggle():
    for _ in range(200):
        other.start()
        other.snapshot(0.0)
        other.stop()
churners = [threading.Thread(target=churn) for _ in range(3)]
lookers = [threading.Thread(target=look, args=(one,)) for _ in range(2)] + [threading.Thread(target=toggle)]
for thread in churners + lookers:
    thread.start()
for thread in lookers:
    thread.join()
done.set()
for thread in churners:
    thread.join()
print(json.dumps(problems))
""",
    )
    assert problems == []


@sampling
def test_ten_hours_may_be_played_in_a_moment(tmp_path: Path) -> None:
    births, rate = run(
        tmp_path,
        """\
import json, tocsin
KEPT = []
def remember():
    KEPT.append(bytearray(4_000_000))  # of which each is sampled
one = tocsin.MemoryProfiler(growth_window_s=36_000)
one.start(0.0)
for hour in range(1, 11):
    for _ in range(10):
        remember()
    snapshot = one.snapshot(hour * 3600.0)
stack = max(snapshot.stacks, key=lambda stack: stack.live_bytes)
print(json.dumps([[[born.from_s, born.to_s, born.samples] for born in stack.births],
    one.report(36_000.0).growth_rate_mb_per_s]))
""",
    )
    assert [born[:2] for born in births] == [[hour * 3600.0, (hour + 1) * 3600.0] for hour in range(10)]
    assert all(born[2] >= 10 for born in births)  # the list of them grows, too
    assert rate is not None


TRACED = """\
import msgspec, sys, tocsin
KEPT = []
def remember():
    for _ in range(5_000):
        KEPT.append(bytes(967))
profiler = tocsin.MemoryProfiler(tier="tracemalloc")
profiler.start(0.0)
remember()
sys.stdout.buffer.write(msgspec.json.encode(profiler.report(10.0)))
"""


def test_tracemalloc_is_exact_where_it_is_asked_for_and_says_what_it_cannot_know(tmp_path: Path) -> None:
    report = run(tmp_path, TRACED)
    assert report["tier"] == "tracemalloc"
    assert report["sites"][0]["name"] == f"{tmp_path / 'shop.py'}:5 in ?"
    assert report["sites"][0]["live_mb"] == pytest.approx(5.0, rel=0.02)
    assert report["sites"][0]["live_low_mb"] == report["sites"][0]["live_high_mb"]
    assert report["components"][0]["name"] == "shop"
    assert report["efficiency_score"] is None
    assert any("tracemalloc was asked for" in remark for remark in report["remarks"])


def test_tracing_of_somebody_else_is_used_and_left_to_him() -> None:
    before = tracemalloc.is_tracing()
    if not before:
        tracemalloc.start()
    try:
        with MemoryProfiler(tier="tracemalloc") as one:
            assert one.snapshot(1.0).tier is HeapTier.TRACEMALLOC
        assert tracemalloc.is_tracing()
    finally:
        if not before:
            tracemalloc.stop()


def test_tracing_that_somebody_stopped_leaves_resident_memory() -> None:
    with MemoryProfiler(tier="tracemalloc") as one:
        tracemalloc.stop()
        seen = one.snapshot(1.0)
    assert seen.tier is HeapTier.RSS_ONLY
    assert any("stopped by somebody else" in remark for remark in seen.remarks)


def test_nothing_but_resident_memory_starts_nothing() -> None:
    with MemoryProfiler(tier="rss only") as one:
        seen = one.snapshot(1.0)
        assert not one.is_started
    assert (seen.tier, seen.stacks, seen.live_bytes) == (HeapTier.RSS_ONLY, (), None)
    assert seen.rss_bytes is not None
    assert seen.rss_bytes > 5 * MB
