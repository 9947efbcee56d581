from __future__ import annotations

import gc
import sys
import threading
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from tocsin.sensors.runtime.stacks import StackRing
from tocsin.system.witness.frames import line_of

if TYPE_CHECKING:
    from collections.abc import Iterator


class Thing:
    """Something that can be seen to go."""


class Worker:
    """A thread that stands in one of two functions, as it is told."""

    def __init__(self) -> None:
        self._tell: dict[str, threading.Event] = {name: threading.Event() for name in ("there", "on", "arrived")}
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        assert self._tell["arrived"].wait(5)

    @property
    def ident(self) -> int:
        assert self.thread.ident is not None
        return self.thread.ident

    def _run(self) -> None:
        self.stand_here()
        self._tell["arrived"].set()
        self.stand_there()

    def stand_here(self) -> None:
        thing = Thing()
        self.thing = weakref.ref(thing)
        self._tell["arrived"].set()
        self._tell["on"].wait(10)

    def stand_there(self) -> None:
        self._tell["there"].wait(10)

    def go_on(self) -> None:
        self._tell["arrived"].clear()
        self._tell["on"].set()
        assert self._tell["arrived"].wait(5)

    def stop(self) -> None:
        for event in self._tell.values():
            event.set()
        self.thread.join(5)


@pytest.fixture
def worker() -> Iterator[Worker]:
    one = Worker()
    yield one
    one.stop()


def names(ring: StackRing, worker: Worker, since_s: float) -> dict[str, float]:
    """In which of the worker's functions it was found, beneath the library's waiting."""
    found: dict[str, float] = {}
    for spot in ring.hot(worker.ident, since_s, 9):
        name = next((code.co_name for code, _ in spot.stack if code.co_name.startswith("stand")), "?")
        found[name] = found.get(name, 0.0) + spot.share
    return found


def test_a_thread_is_found_where_it_stood_before(worker: Worker) -> None:
    ring = StackRing()
    for second in range(30):
        ring.sample(float(second), always=True)
    worker.go_on()
    ring.sample(30.0, always=True)
    assert ring.hot(worker.ident, 0.0)[0].samples == 31
    assert "stand_here" in names(ring, worker, 0.0)
    assert names(ring, worker, 30.0) == {"stand_there": 1.0}


def test_a_place_is_a_line(worker: Worker) -> None:
    ring = StackRing()
    ring.sample(0.0)
    stack = ring.last(worker.ident)
    place = next(place for place in stack if place[0] is Worker.stand_here.__code__)
    frame: Any = sys._current_frames()[worker.ident]
    while frame.f_code is not place[0]:
        frame = frame.f_back
    assert line_of(*place) == frame.f_lineno


def test_what_a_frame_holds_is_not_kept_alive(worker: Worker) -> None:
    ring = StackRing()
    ring.sample(0.0)
    worker.go_on()
    gc.collect()
    assert worker.thing() is None


def test_the_thread_that_samples_is_left_out(worker: Worker) -> None:
    ring = StackRing()
    ring.sample(0.0)
    assert worker.ident in ring.idents(0.0)
    assert threading.get_ident() not in ring.idents(0.0)
    assert ring.last(threading.get_ident()) == ()
    assert ring.hot(threading.get_ident(), 0.0) == []


def test_the_ring_is_bounded_in_number_and_in_age(worker: Worker) -> None:
    ring = StackRing()
    for tenth in range(10_000):
        ring.sample(tenth / 1000, always=True)
    assert len(ring) == 400
    ring.sample(1000.0, always=True)
    assert len(ring) == 1


def test_a_stack_that_stands_still_is_kept_once(worker: Worker) -> None:
    ring = StackRing()
    for second in range(10):
        ring.sample(float(second), always=True)
    stacks = [sample.stacks[sample.idents.index(worker.ident)] for sample in ring._samples]
    assert all(stack is stacks[0] for stack in stacks)
    assert all(sample.idents is ring._samples[0].idents for sample in ring._samples)


def test_samples_that_cost_much_are_taken_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    spent = iter([0.0, 0.002, 0.0, 0.002, 0.0, 0.0])  # two milliseconds: one a thousandth of two seconds
    monkeypatch.setattr("time.thread_time", lambda: next(spent))
    ring = StackRing()
    ring.sample(0.0)
    ring.sample(1.0)
    ring.sample(2.0)
    assert (len(ring), ring.skipped) == (2, 1)
    ring.sample(3.0)
    assert (len(ring), ring.skipped) == (3, 1)


def test_a_collection_that_falls_into_one_sample_does_not_keep_the_ring_blind_for_minutes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spent = iter([0.0, 0.3, 0.0, 0.0001, 0.0, 0.3, 0.0, 0.0001])
    monkeypatch.setattr("time.thread_time", lambda: next(spent))
    ring = StackRing()
    for second in range(4):
        ring.sample(float(second))
    assert (len(ring), ring.skipped) == (4, 0)


def test_a_forgotten_ring_knows_nothing(worker: Worker) -> None:
    ring = StackRing()
    ring.sample(0.0)
    ring.forget()
    assert len(ring) == 0
    assert ring.idents(0.0) == set()


def test_a_deep_stack_is_cut_at_its_outer_end(worker: Worker) -> None:
    arrived, free = threading.Event(), threading.Event()

    def dive(depth: int) -> None:
        if depth:
            dive(depth - 1)
        else:
            arrived.set()
            free.wait(10)

    thread = threading.Thread(target=dive, args=(100,), daemon=True)
    thread.start()
    assert arrived.wait(5)
    ring = StackRing()
    threading.Event().wait(0.01)
    ring.sample(0.0)
    assert thread.ident is not None
    stack = ring.last(thread.ident)
    free.set()
    thread.join(5)
    assert len(stack) == 24
    assert dive.__code__ in {code for code, _ in stack}


def test_samples_while_threads_come_and_go_do_no_harm() -> None:
    ring, over = StackRing(), threading.Event()

    def churn() -> None:
        while not over.is_set():
            thread = threading.Thread(target=sum, args=(range(500),))
            thread.start()
            thread.join()

    churners = [threading.Thread(target=churn) for _ in range(3)]
    for thread in churners:
        thread.start()
    for second in range(300):
        ring.sample(float(second), always=True)
    over.set()
    for thread in churners:
        thread.join()
    assert len(ring) >= 90
