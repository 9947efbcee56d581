"""A thread that starts when there is work, does it in order of priority, and ends when idle."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable

ENOUGH_S = 10.0


class Bench:
    """What a worker is given to do: jobs are written down, and the first waits until it may go on."""

    def __init__(self, *, capacity: int = 1000, idle_s: float = 5.0) -> None:
        self.done: list[object] = []
        self.threads: list[threading.Thread] = []
        self.begun = threading.Event()
        self.may_go_on = threading.Event()
        self.worker: Worker[object] = Worker("tocsin-bench", self._run, capacity=capacity, idle_s=idle_s)

    def _run(self, job: object) -> None:
        self.threads.append(threading.current_thread())
        self.begun.set()
        assert self.may_go_on.wait(ENOUGH_S)
        if isinstance(job, BaseException):
            raise job
        self.done.append(job)

    def block(self) -> None:
        """Give it a first job, and come back when it is at it."""
        assert self.worker.post("first")
        assert self.begun.wait(ENOUGH_S)

    def finish(self) -> None:
        self.may_go_on.set()
        assert self.worker.flush(ENOUGH_S)


def until(condition: Callable[[], bool]) -> None:
    """Wait for what no event tells of; far longer than it can take."""
    until_s = time.monotonic() + ENOUGH_S
    while not condition():
        assert time.monotonic() < until_s
        threading.Event().wait(0.001)


def test_no_thread_is_made_before_there_is_work() -> None:
    before = threading.active_count()
    bench = Bench()
    assert threading.active_count() == before
    assert bench.worker.flush(ENOUGH_S)
    assert bench.worker.waiting == 0


def test_the_most_urgent_is_done_first_and_equals_in_their_order() -> None:
    bench = Bench()
    bench.block()
    for job, priority in [("a", 1), ("b", 2), ("c", 1), ("d", 3), ("e", 2)]:
        assert bench.worker.post(job, priority)
    assert bench.worker.waiting == 6
    bench.finish()

    assert bench.done == ["first", "d", "b", "e", "a", "c"]
    assert bench.worker.waiting == 0


def test_jobs_that_cannot_be_compared_are_no_trouble() -> None:
    bench = Bench()
    bench.block()
    jobs = [object(), {}, None]
    assert all(bench.worker.post(job, 1) for job in jobs)
    bench.finish()
    assert bench.done == ["first", *jobs]


def test_what_does_not_fit_is_refused() -> None:
    bench = Bench(capacity=2)
    bench.block()
    assert [bench.worker.post(number) for number in range(4)] == [True, True, False, False]
    bench.finish()
    assert bench.done == ["first", 0, 1]
    assert bench.worker.post("again")


def test_a_full_queue_gives_up_the_least_urgent_and_of_equals_the_latest() -> None:
    bench = Bench(capacity=3)
    bench.block()
    jobs = [
        ("info", 1),
        ("warning", 2),
        ("info-2", 1),
        ("critical", 3),
        ("info-3", 1),
        ("warning-2", 2),
        ("warning-3", 2),
    ]
    assert [bench.worker.post(*job) for job in jobs] == [True, True, True, False, False, False, False]
    assert bench.worker.waiting == 4  # with the one that is being done
    bench.finish()
    assert bench.done == ["first", "critical", "warning", "warning-2"]


@given(st.lists(st.integers(1, 3), max_size=30), st.integers(0, 6))
def test_whatever_comes_the_most_urgent_stay_and_each_loss_is_told(priorities: list[int], capacity: int) -> None:
    bench = Bench(capacity=capacity)
    bench.worker._busy = True  # so that nothing is taken meanwhile
    bench.worker._thread = threading.current_thread()
    taken = [bench.worker.post(number, priority) for number, priority in enumerate(priorities)]
    kept = sorted(enumerate(priorities), key=lambda job: (-job[1], job[0]))[:capacity]
    assert {job for _, _, job in bench.worker._jobs} == {number for number, _ in kept}
    assert taken.count(False) == len(priorities) - len(kept)


def test_all_jobs_run_on_one_daemon_thread_with_the_workers_name() -> None:
    bench = Bench()
    bench.may_go_on.set()
    for number in range(20):
        bench.worker.post(number)
    bench.finish()
    [thread] = set(bench.threads)
    assert thread.daemon
    assert thread.name == "tocsin-bench"


def test_an_idle_thread_ends_and_the_next_job_starts_another() -> None:
    bench = Bench(idle_s=0.001)
    bench.may_go_on.set()
    bench.worker.post("one")
    bench.finish()
    first = bench.threads[0]
    first.join(ENOUGH_S)
    assert not first.is_alive()

    bench.worker.post("two")
    bench.finish()
    assert bench.done == ["one", "two"]
    assert bench.threads[1] is not first


def test_a_job_that_comes_while_the_thread_is_about_to_end_is_done() -> None:
    bench = Bench(idle_s=0.0)
    bench.may_go_on.set()
    for number in range(300):
        assert bench.worker.post(number)
        if number % 3 == 0:
            bench.finish()
    bench.finish()
    assert bench.done == list(range(300))


@pytest.mark.parametrize("error", [ValueError("bad"), SystemExit(1), KeyboardInterrupt(), GeneratorExit()])
def test_whatever_a_job_raises_the_rest_is_done_and_it_is_counted(error: BaseException) -> None:
    bench = Bench()
    bench.block()
    bench.worker.post(error)
    bench.worker.post("next")
    bench.finish()
    assert bench.done == ["first", "next"]
    assert bench.worker.failures == 1
    assert len(set(bench.threads)) == 1


def test_flush_gives_up_in_time_on_a_job_that_hangs() -> None:
    bench = Bench()
    bench.block()
    assert not bench.worker.flush(0.001)
    bench.finish()


def test_flush_from_a_job_of_its_own_does_not_wait_for_itself() -> None:
    answers: list[bool] = []
    worker: Worker[int] = Worker("tocsin-bench", lambda _: answers.append(worker.flush(60.0)))
    worker.post(1)
    assert worker.flush(ENOUGH_S)
    assert answers == [False]


class NoThread(threading.Thread):
    def start(self) -> None:
        raise RuntimeError("can't start new thread")


def test_without_a_thread_to_be_had_the_work_is_done_by_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    bench.may_go_on.set()
    with monkeypatch.context() as patch:
        patch.setattr(threading, "Thread", NoThread)
        assert bench.worker.post("late")
        assert bench.worker.post(ValueError("bad"))
    assert bench.done == ["late"]
    assert bench.worker.failures == 1
    assert set(bench.threads) == {threading.current_thread()}

    bench.worker.post("later")
    bench.finish()
    assert bench.done == ["late", "later"]
    assert bench.threads[-1] is not threading.current_thread()


def test_ctrl_c_reaches_a_caller_who_does_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    bench.may_go_on.set()
    monkeypatch.setattr(threading, "Thread", NoThread)
    with pytest.raises(KeyboardInterrupt):
        bench.worker.post(KeyboardInterrupt())
    assert bench.worker.waiting == 0


def test_a_thread_that_was_interrupted_while_it_started_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(threading.Thread):
        def start(self) -> None:
            super().start()
            raise KeyboardInterrupt

    bench = Bench()
    bench.may_go_on.set()
    with monkeypatch.context() as patch:
        patch.setattr(threading, "Thread", Interrupted)
        with pytest.raises(KeyboardInterrupt):
            bench.worker.post("first")
    bench.worker.post("second")
    bench.finish()
    assert sorted(map(str, bench.done)) == ["first", "second"]


def test_whoever_comes_between_a_posting_may_post() -> None:
    bench = Bench()
    bench.may_go_on.set()
    with bench.worker._lock:  # as a signal handler on the same thread
        bench.worker.post("first")
        bench.worker.post("second")
    bench.finish()
    assert bench.done == ["first", "second"]


def test_many_threads_post_at_once_and_nothing_is_lost() -> None:
    bench = Bench(capacity=100_000)
    bench.may_go_on.set()
    threads = [threading.Thread(target=lambda: [bench.worker.post(number) for number in range(500)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(ENOUGH_S)
    bench.finish()
    assert sorted(bench.done, key=str) == sorted(list(range(500)) * 8, key=str)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_begins_with_an_empty_worker() -> None:
    bench = Bench()
    bench.block()
    bench.worker.post("the parent's")
    child = os.fork()
    if child == 0:  # no assert here: the child must never come back into pytest
        bench.may_go_on.set()
        bench.done.clear()
        bench.worker.after_fork()
        alone = bench.worker.waiting == 0
        bench.worker.post("the child's")
        bench.worker.flush(ENOUGH_S)
        os._exit(0 if alone and bench.done == ["the child's"] else 1)
    bench.finish()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert bench.done == ["first", "the parent's"]
