"""What an alert is proved with: real threads and loops, and accounts that are made up."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tocsin.model.inputs import Want
from tocsin.model.readings import SeriesKey
from tocsin.sensors.runtime.gc import GcPause
from tocsin.sensors.runtime.stacks import _Sample
from tocsin.sensors.runtime.threads import ThreadTimes
from tocsin.system.witness.evidence import Witness

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tocsin.model.alert import Evidence


class Loop:
    """One loop, of which is known what a test says."""

    def __init__(self) -> None:
        self.thread: int | None = None
        self.late_s: float | None = None
        self.answered_s = math.inf

    def thread_of(self, loop_label: str) -> int | None:
        return self.thread if loop_label == "api" else None

    def late(self, loop_label: str) -> tuple[float, float] | None:
        return None if self.late_s is None else (self.late_s, self.answered_s)


class Stage:
    """A witness, and all it asks."""

    def __init__(self) -> None:
        self.loop = Loop()
        self.pauses: list[GcPause] = []
        self.readings: dict[SeriesKey, float] = {}
        self.used_s: dict[int, float] = {}
        self.witness = Witness(self.loop, gc_pauses=lambda _: self.pauses, latest=lambda: self.readings)
        self.witness.times = ThreadTimes(self.used_s.__getitem__, lambda: list(self.used_s))

    def capture(self, kind: str, **labels: str) -> Evidence:
        found = self.witness.capture(Want("an alert", kind, tuple(labels.items())))
        assert found is not None
        return found

    def nothing(self, kind: str, **labels: str) -> bool:
        return self.witness.capture(Want("an alert", kind, tuple(labels.items()))) is None

    def used(self, seconds: float, *threads: int) -> None:
        """These threads used so much in the last ten seconds."""
        for thread in threads:
            self.used_s[thread] = 0.0
        self.witness.times.remember(time.perf_counter() - 10.0)
        for thread in threads:
            self.used_s[thread] = seconds


class Standing:
    """A thread that stands in a function of the test's."""

    def __init__(self, name: str) -> None:
        self.arrived, self.free = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self.crunch, name=name, daemon=True)
        self.thread.start()
        assert self.arrived.wait(5)

    def crunch(self) -> None:
        self.arrived.set()
        while not self.free.is_set():
            pass

    @property
    def native_id(self) -> int:
        assert self.thread.native_id is not None
        return self.thread.native_id


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def standing() -> Iterator[Callable[[str], Standing]]:
    made: list[Standing] = []

    def make(name: str) -> Standing:
        made.append(Standing(name))
        return made[-1]

    yield make
    for one in made:
        one.free.set()
        one.thread.join(5)


# -- CPU


def test_a_busy_thread_is_named_with_its_share_and_its_function(
    stage: Stage, standing: Callable[[str], Standing]
) -> None:
    worker = standing("worker-3")
    stage.used(9.2, worker.native_id)
    for _ in range(5):
        stage.witness.look()
    found = stage.capture("busy_threads")
    assert (found.kind, found.title) == ("threads", "the busiest threads of this program in the last 10 s")
    assert found.lines[0].startswith("worker-3 used 92 % of a core; 100 % of ")
    assert "test_evidence.py:" in found.lines[0]
    assert " in crunch: " in found.lines[0]


def test_what_a_busy_thread_did_while_it_waited_is_left_out(stage: Stage) -> None:
    begin, arrived, over = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begin.wait(10)
        arrived.set()
        while not over.is_set():
            pass

    worker = threading.Thread(target=work, name="worker-3", daemon=True)
    worker.start()
    assert worker.native_id is not None
    stage.used(9.2, worker.native_id)
    threading.Event().wait(0.05)
    for _ in range(9):
        stage.witness.stacks.sample(time.perf_counter(), always=True)
    begin.set()
    assert arrived.wait(5)
    first = stage.capture("busy_threads").lines[0]
    over.set()
    worker.join(5)
    assert "the one sample in" in first
    assert "over.is_set()" in first or "pass" in first or "arrived.set()" in first


def test_a_machine_that_others_keep_busy_is_said_to_be(stage: Stage, standing: Callable[[str], Standing]) -> None:
    stage.used(0.1, standing("worker-3").native_id)
    [line] = stage.capture("busy_threads").lines
    assert line == "they used 1 % of a core in all: little, so look outside of this program"


def test_a_spike_is_shown_although_a_thread_of_ours_took_the_number_of_the_one_that_made_it(
    stage: Stage, standing: Callable[[str], Standing]
) -> None:
    worker = standing("burner")
    now_s, ident = time.perf_counter(), worker.thread.ident
    stage.witness.stacks.sample(now_s - 9, always=True)
    stage.witness.stacks.sample(now_s - 8, always=True)
    ours = (Witness.look.__code__, 0, threading.Thread.run.__code__, 0)
    for second in range(7):
        stage.witness.stacks._samples.append(_Sample(now_s - second, (ident or 0,), (ours,)))
    worker.free.set()
    worker.thread.join(5)
    stage.used(0.0, threading.get_native_id())
    assert "2 samples, 100 % of them" in stage.capture("busy_threads").lines[1]
    assert "in crunch" in stage.capture("busy_threads").lines[1]


def test_a_busy_thread_of_ours_does_not_hide_a_spike_that_is_over(
    stage: Stage, standing: Callable[[str], Standing]
) -> None:
    worker, over = standing("burner"), threading.Event()
    ours = threading.Thread(target=over.wait, args=(10,), name="tocsin-watch", daemon=True)
    ours.start()
    now_s = time.perf_counter()
    stage.witness.stacks.sample(now_s - 2, always=True)
    stage.witness.stacks.sample(now_s - 1, always=True)
    worker.free.set()
    worker.thread.join(5)
    stage.used(0.8, ours.native_id or 0)
    first, *_, last = stage.capture("busy_threads").lines
    over.set()
    ours.join(5)
    assert "was at work in 2 samples" in first
    assert "in crunch" in first
    assert last == "tocsin-watch used 8 % of a core"


def test_a_busy_thread_that_python_does_not_know_is_told_too(stage: Stage) -> None:
    stage.used(5.0, 4_000_000)
    assert stage.capture("busy_threads").lines == ("a foreign thread used 50 % of a core",)


def test_where_nobody_counts_the_threads_that_do_not_wait_come_first(
    stage: Stage, standing: Callable[[str], Standing]
) -> None:
    worker = standing("busy")
    waiting = threading.Thread(target=worker.free.wait, args=(10,), name="a waiting one", daemon=True)
    waiting.start()
    found = stage.capture("busy_threads")
    names = [line.partition(":")[0] for line in found.lines]
    worker.free.set()
    waiting.join(5)
    assert found.title == "the threads are in"
    assert "a waiting one" not in names or names.index("busy") < names.index("a waiting one")


# -- loops and threads


class BlockedLoop:
    """A real loop, blocked until it is let go."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.free, self._blocked = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.loop.call_soon_threadsafe(self.the_blocking_call)
        assert self._blocked.wait(5)

    def the_blocking_call(self) -> None:
        self._blocked.set()
        self.free.wait(10)

    def let_go(self) -> None:
        idle = threading.Event()
        self.free.set()
        self.loop.call_soon_threadsafe(idle.set)
        assert idle.wait(5)
        threading.Event().wait(0.05)  # from setting the event back into the selector

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """It does something else, for as long as the block lasts."""
        over, begun = threading.Event(), threading.Event()

        def work() -> None:
            begun.set()
            over.wait(10)

        self.loop.call_soon_threadsafe(work)
        assert begun.wait(5)
        try:
            yield
        finally:
            over.set()

    def stop(self) -> None:
        self.free.set()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)
        self.loop.close()


@pytest.fixture
def blocked() -> Iterator[BlockedLoop]:
    one = BlockedLoop()
    yield one
    one.stop()


def test_a_loop_that_is_blocked_shows_where_and_how_long_it_was_seen_there(stage: Stage, blocked: BlockedLoop) -> None:
    stage.loop.thread, stage.loop.late_s = blocked.thread.ident, time.perf_counter()
    stage.witness.stacks.sample(time.perf_counter(), always=True)
    found = stage.capture("loop_stack", loop="api")
    assert found.title == "the event loop is in (100 % of 2 samples)"
    assert any("test_evidence.py:" in line and "in the_blocking_call" in line for line in found.lines)
    assert not any("run_forever" in line for line in found.lines)


def test_a_loop_that_goes_on_by_now_shows_where_it_was(stage: Stage, blocked: BlockedLoop) -> None:
    stage.loop.thread, stage.loop.late_s = blocked.thread.ident, time.perf_counter()
    stage.witness.stacks.sample(time.perf_counter(), always=True)
    blocked.let_go()
    for _ in range(3):
        stage.witness.stacks.sample(time.perf_counter(), always=True)
    found = stage.capture("loop_stack", loop="api")
    assert found.title.startswith("the event loop was in")
    assert any("in the_blocking_call" in line for line in found.lines)


def test_what_a_loop_does_after_its_late_answer_is_not_what_blocked_it(stage: Stage, blocked: BlockedLoop) -> None:
    stage.loop.thread, stage.loop.late_s = blocked.thread.ident, time.perf_counter()
    stage.witness.stacks.sample(time.perf_counter(), always=True)
    stage.loop.answered_s = time.perf_counter()
    blocked.let_go()
    with blocked.at_work():
        for _ in range(3):
            stage.witness.stacks.sample(time.perf_counter(), always=True)
        found = stage.capture("loop_stack", loop="api")
    assert found.title == "the event loop was in"
    assert any("in the_blocking_call" in line for line in found.lines)


def test_a_loop_that_nobody_knows_proves_nothing(stage: Stage) -> None:
    assert stage.nothing("loop_stack", loop="unheard of")
    assert stage.nothing("loop_stack")


def test_a_thread_is_shown_by_its_name(stage: Stage, standing: Callable[[str], Standing]) -> None:
    standing("orders-worker")
    found = stage.capture("thread_stack", thread="orders-worker")
    assert found.title == "the thread orders-worker is in"
    assert any(" in crunch" in line for line in found.lines)
    assert stage.nothing("thread_stack", thread="unheard of")


# -- the rest


def test_the_biggest_collections_are_told_with_their_generation_and_line(stage: Stage) -> None:
    here = test_the_biggest_collections_are_told_with_their_generation_and_line.__code__
    stage.pauses = [GcPause(time.perf_counter() - 2.0, 0.812, 2, 1200, ((here, 0),))]
    [line] = stage.capture("gc_pauses").lines
    assert line.startswith("generation 2: 812 ms, 1,200 objects freed, 2 s ago, in ")
    assert "in test_the_biggest_collections" in line


def test_without_a_long_collection_there_is_nothing_to_tell(stage: Stage) -> None:
    assert stage.nothing("gc_pauses")


def test_the_fullest_file_systems_come_first(stage: Stage) -> None:
    for path, share in (("/", 0.5), ("/var", 0.97)):
        labels = (("mountpoint", path),)
        stage.readings[SeriesKey("system.filesystem.utilization", labels)] = share
        stage.readings[SeriesKey("system.filesystem.usage", labels)] = share * 1e11
        stage.readings[SeriesKey("system.filesystem.limit", labels)] = 1e11
    assert stage.capture("filesystems").lines == (
        "/var: 97 % full, 97 GB of 100 GB",
        "/: 50 % full, 50 GB of 100 GB",
    )


def test_processes_are_told_by_whoever_knows_them(stage: Stage) -> None:
    assert stage.nothing("processes_memory")
    stage.witness.top_processes = lambda n, by: [f"{by} {number}" for number in range(n)]
    assert stage.capture("processes_memory").lines[0] == "rss 0"
    assert stage.capture("processes_io").title == "the first processes of this machine by disk traffic"


def test_a_proof_that_fails_says_so_and_raises_nothing(stage: Stage) -> None:
    def broken(n: int, by: str) -> list[str]:
        raise PermissionError("no")

    stage.witness.top_processes = broken
    assert stage.capture("processes_cpu").lines == ("PermissionError: no",)


def test_an_unknown_kind_is_nothing(stage: Stage) -> None:
    assert stage.nothing("the weather")
