"""The table of states and calls in tocsin/system/threads/register.py, in any order, and under many threads."""

from __future__ import annotations

import faulthandler
import logging
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tocsin import MonitoringCoordinator
from tocsin.system.threads.register import ThreadRegister
from tocsin.testing import system_for_tests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(autouse=True)
def watchdog() -> Iterator[None]:
    """A deadlock shows the stacks and ends the run, instead of holding it up for ever."""
    faulthandler.dump_traceback_later(120, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


class FakeCoordinator:
    """Keeps the calls it was told, and raises while it is broken."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.broken = False
        self.calls: list[tuple[str, threading.Thread]] = []

    def register_thread(self, thread: threading.Thread) -> None:
        self._take("register", thread)

    def unregister_thread(self, thread: threading.Thread) -> None:
        self._take("unregister", thread)

    def _take(self, call: str, thread: threading.Thread) -> None:
        if self.broken:
            raise RuntimeError(f"{self.name} is broken")
        self.calls.append((call, thread))


def threads_of_all_states() -> list[threading.Thread]:
    """Two that were never started, two that have ended, and the one that runs."""
    ended = [threading.Thread(target=int, name=f"ended-{number}") for number in range(2)]
    for thread in ended:
        thread.start()
        thread.join()
    fresh = [threading.Thread(name=f"fresh-{number}") for number in range(2)]
    return [*fresh, *ended, threading.current_thread()]


THREADS = st.integers(0, 4)
WHO = st.integers(0, 1)


class Registers(RuleBasedStateMachine):
    """Two registers, that may share a coordinator, each beside a model of what it should know and tell."""

    @initialize()
    def begin(self) -> None:
        self.threads = threads_of_all_states()
        self.coordinators: list[FakeCoordinator | None] = [FakeCoordinator("a"), FakeCoordinator("b"), None]
        self.in_place = [0, 0]  # both registers share the first
        self.reports: list[str] = []
        self.registers = [ThreadRegister(self.coordinator_of(who), self.reports.append) for who in range(2)]
        self.known: list[set[threading.Thread]] = [set(), set()]
        self.told: dict[str, list[tuple[str, threading.Thread]]] = {"a": [], "b": []}
        self.failures = 0

    def coordinator_of(self, who: int) -> Callable[[], FakeCoordinator | None]:
        return lambda: self.coordinators[self.in_place[who]]

    def expect(self, who: int, call: str, thread: threading.Thread) -> None:
        coordinator = self.coordinators[self.in_place[who]]
        if coordinator is None:
            return
        if coordinator.broken:
            self.failures += 1
        else:
            self.told[coordinator.name].append((call, thread))

    @rule(who=WHO, which=THREADS)
    def register(self, who: int, which: int) -> None:
        thread = self.threads[which]
        if thread not in self.known[who]:
            self.known[who].add(thread)
            self.expect(who, "register", thread)
        self.registers[who].register(thread)

    @rule(who=WHO)
    def register_the_calling_thread(self, who: int) -> None:
        if self.threads[4] not in self.known[who]:
            self.known[who].add(self.threads[4])
            self.expect(who, "register", self.threads[4])
        self.registers[who].register(None)

    @rule(who=WHO, which=THREADS)
    def unregister(self, who: int, which: int) -> None:
        thread = self.threads[which]
        if thread in self.known[who]:
            self.known[who].discard(thread)
            self.expect(who, "unregister", thread)
        self.registers[who].unregister(thread)

    @rule(who=WHO)
    def forget_all(self, who: int) -> None:
        before = self.failures
        for thread in sorted(self.known[who], key=lambda thread: thread.name):
            self.expect(who, "unregister", thread)
        self.known[who].clear()
        failed = self.registers[who].forget_all()
        assert len(failed) == self.failures - before

    @rule(who=WHO, place=st.integers(0, 2))
    def replace_the_coordinator_or_take_it_away(self, who: int, place: int) -> None:
        self.in_place[who] = place

    @rule(which=st.integers(0, 1))
    def break_or_mend_a_coordinator(self, which: int) -> None:
        coordinator = self.coordinators[which]
        assert coordinator is not None
        coordinator.broken = not coordinator.broken

    @precondition(lambda self: self.known[0])
    @rule()
    def a_thread_that_was_not_started_starts_and_ends(self) -> None:
        thread = next((one for one in self.threads[:2] if one.ident is None), None)
        if thread is not None:
            thread.start()
            thread.join()

    @invariant()
    def what_is_known_and_told_is_as_in_the_table(self) -> None:
        assert [register.known for register in self.registers] == self.known
        for coordinator in self.coordinators:
            if coordinator is not None:
                assert coordinator.calls == self.told[coordinator.name]
        assert len(self.reports) == self.failures


Registers.TestCase.settings = settings(max_examples=50, stateful_step_count=30, deadline=None)
test_registers_do_as_the_table_says = Registers.TestCase


# -- the same through a system


def started(calls: list[Callable[[], None]]) -> list[threading.Thread]:
    """Each call on a thread of its own; back when all have ended."""
    barrier = threading.Barrier(len(calls))

    def at_once(call: Callable[[], None]) -> None:
        barrier.wait(30)
        call()

    threads = [threading.Thread(target=at_once, args=(call,), name=f"t{n}") for n, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    return threads


def test_three_hundred_threads_at_once_lose_none() -> None:
    system, _ = system_for_tests()
    threads = started([system.register_thread] * 300)
    assert system._registered_threads == set(threads)
    assert isinstance(system.coordinator, MonitoringCoordinator)
    assert set(system.coordinator.threads) == set(threads)


def test_threads_that_come_and_go_leave_only_those_that_stay() -> None:
    system, _ = system_for_tests()

    def come_and_go() -> None:
        for _ in range(20):
            system.register_thread()
            system.unregister_thread()

    threads = started([*[come_and_go] * 100, *[system.register_thread] * 100])
    assert system._registered_threads == set(threads[100:])


def test_threads_may_register_while_all_are_forgotten() -> None:
    coordinator = FakeCoordinator("slow")
    system, _ = system_for_tests()
    system.coordinator = coordinator

    def forget() -> None:
        for _ in range(50):
            system._threads.forget_all()

    started([*[system.register_thread] * 100, forget, forget])
    system._threads.forget_all()
    assert system._registered_threads == set()
    told = [call for call, _ in coordinator.calls]
    assert told.count("register") == told.count("unregister") == 100


def test_an_ident_that_is_used_again_is_not_mistaken_for_the_thread_before() -> None:
    system, _ = system_for_tests()
    # Each thread ends before the next one starts, so the system gives most of them the same ident.
    threads = [started([system.register_thread])[0] for _ in range(20)]
    assert len({thread.ident for thread in threads}) < 20
    assert system._registered_threads == set(threads)


def test_a_coordinator_that_calls_back_does_not_wait_for_itself() -> None:
    class CallsBack(FakeCoordinator):
        def _take(self, call: str, thread: threading.Thread) -> None:
            super()._take(call, thread)
            getattr(system, f"{call}_thread")(thread)  # it is known by now, or no longer

    system, _ = system_for_tests()
    system.coordinator = coordinator = CallsBack("echo")
    system.register_thread()
    system.unregister_thread()
    assert [call for call, _ in coordinator.calls] == ["register", "unregister"]


def test_two_systems_share_a_coordinator_and_each_takes_back_its_own() -> None:
    coordinator = MonitoringCoordinator()
    (one, _), (two, _) = system_for_tests(), system_for_tests()
    one.coordinator = two.coordinator = coordinator
    first, second = threading.Thread(), threading.Thread()
    one.register_thread(first)
    two.register_thread(second)
    one._threads.forget_all()
    assert coordinator.threads == (second,)


def test_a_coordinator_that_was_stopped_still_takes_threads() -> None:
    coordinator = MonitoringCoordinator()
    system, _ = system_for_tests()
    system.coordinator = coordinator
    coordinator.start()
    coordinator.stop()
    system.register_thread()
    assert list(coordinator.threads) == [threading.current_thread()]
    system.unregister_thread()
    assert list(coordinator.threads) == []


def test_stopping_a_system_does_not_stop_the_coordinator_of_somebody_else() -> None:
    coordinator = MonitoringCoordinator()
    coordinator.start()
    system, _ = system_for_tests()
    system.coordinator = coordinator
    with system:
        pass
    assert coordinator.running


def test_without_a_coordinator_threads_are_known_all_the_same() -> None:
    system, _ = system_for_tests()
    system.coordinator = None
    system.register_thread()
    assert system._registered_threads == {threading.current_thread()}
    system.unregister_thread()
    assert system._registered_threads == set()


def test_a_coordinator_that_raises_is_logged_by_the_threads_name_and_nothing_is_raised(
    caplog: pytest.LogCaptureFixture,
) -> None:
    system, _ = system_for_tests()
    broken = FakeCoordinator("it")
    broken.broken = True
    system.coordinator = broken
    with caplog.at_level(logging.WARNING, "tocsin"):
        system.register_thread(threading.Thread(name="pump"))
    assert "register_thread of 'pump' failed: RuntimeError: it is broken" in caplog.text
    assert len(system._registered_threads) == 1
