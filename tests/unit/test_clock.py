"""Time: the machine's clocks, the bell that is rung backwards, and the clock that tests move."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest

from tocsin import Clock, Instant, SystemClock, VirtualClock
from tocsin.clock import Wakeup, attend, leave


class Waiter:
    """A thread that waits again and again, and writes down when it woke."""

    def __init__(self, clock: VirtualClock, *pauses_s: float, log: list[tuple[str, float]], name: str = "w") -> None:
        self.wakeup = Wakeup()
        self.thread = threading.Thread(target=self._live, args=(clock, pauses_s, log, name), daemon=True)
        attend(clock, self.wakeup, self.thread)
        self.thread.start()

    def _live(self, clock: VirtualClock, pauses_s: tuple[float, ...], log: list[tuple[str, float]], name: str) -> None:
        for pause_s in pauses_s:
            rung = clock.wait(self.wakeup, pause_s)
            log.append((f"{name} rung" if rung else name, clock.now().mono_s - 1000.0))
        leave(clock, self.wakeup)

    def join(self) -> None:
        self.thread.join(10)
        assert not self.thread.is_alive()


def a_clock() -> tuple[VirtualClock, list[tuple[str, float]]]:
    """A clock, and a place to write down what happens when."""
    return VirtualClock(), []


# -- instants


def test_an_instant_later_is_later_on_all_clocks() -> None:
    now = Instant(1.0, 3.0, datetime(2026, 1, 1, tzinfo=UTC))

    assert now.plus(1.5) == Instant(2.5, 4.5, datetime(2026, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC))
    assert now < now.plus(0.001)


# -- the machine's clocks


def test_the_system_clock_reads_monotonic_boot_and_wall_time() -> None:
    before, now, after = time.monotonic(), SystemClock().now(), time.monotonic()

    assert before <= now.mono_s <= after
    assert now.boot_s >= now.mono_s - 0.001
    assert now.utc.tzinfo is UTC
    assert abs(now.utc - datetime.now(UTC)) < timedelta(seconds=10)


def test_waiting_on_the_system_clock_ends_with_the_ring_or_with_the_time() -> None:
    wakeup = Wakeup()
    assert not SystemClock().wait(wakeup, 0.001)
    wakeup.set()
    assert SystemClock().wait(wakeup, 60.0)
    assert not SystemClock().wait(wakeup, -1.0)


def test_sleeping_on_the_system_clock_lets_real_time_pass() -> None:
    began_s = time.monotonic()
    asyncio.run(SystemClock().sleep(0.01))
    assert time.monotonic() - began_s >= 0.009


@pytest.mark.parametrize("clock", [SystemClock(), VirtualClock()])
def test_both_clocks_obey_the_protocol(clock: object) -> None:
    assert isinstance(clock, Clock)


# -- the bell


def test_two_rings_before_anybody_looks_are_one() -> None:
    wakeup = Wakeup()
    wakeup.set()
    wakeup.set()
    assert wakeup.wait(0.0)
    assert not wakeup.wait(0.0)


def test_a_ring_from_another_thread_ends_a_wait_without_limit() -> None:
    wakeup, woken = Wakeup(), threading.Event()
    thread = threading.Thread(target=lambda: woken.set() if wakeup.wait(None) else None)
    thread.start()
    wakeup.set()
    thread.join(10)
    assert woken.is_set()


def test_a_wait_longer_than_the_system_can_is_no_error() -> None:
    wakeup = Wakeup()
    wakeup.set()
    assert wakeup.wait(1e300)


# -- the clock that stands still


def test_it_stands_still_until_it_is_moved() -> None:
    clock = VirtualClock(datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=2))))
    before = clock.now()
    assert before.utc == datetime(2026, 3, 1, 10, tzinfo=UTC)
    assert clock.now() == before
    clock.advance(90)
    assert clock.now() == before.plus(90)


def test_a_start_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        VirtualClock(datetime(2026, 1, 1))  # noqa: DTZ001 - the mistake


def test_it_does_not_go_back() -> None:
    with pytest.raises(ValueError, match="0 or more"):
        VirtualClock().advance(-1)


def test_a_suspend_moves_boot_time_and_the_wall_clock_alone() -> None:
    clock = VirtualClock()
    before = clock.now()
    clock.suspend(3600)
    now = clock.now()

    assert (now.mono_s, now.boot_s, now.utc) == (
        before.mono_s, before.boot_s + 3600, before.utc + timedelta(hours=1),
    )  # fmt: skip
    clock.advance(1)
    assert clock.now() == now.plus(1)


def test_the_wall_clock_can_be_set_alone() -> None:
    clock = VirtualClock()
    before = clock.now()
    clock.set_wall_clock(datetime(1999, 12, 31, tzinfo=UTC))
    now = clock.now()
    assert now == Instant(before.mono_s, before.boot_s, datetime(1999, 12, 31, tzinfo=UTC))


def test_threads_are_woken_in_the_order_of_their_deadlines_at_their_deadlines() -> None:
    clock, log = a_clock()
    waiters = [
        Waiter(clock, 3.0, 4.0, log=log, name="slow"),
        Waiter(clock, 2.0, 2.0, 2.0, log=log, name="quick"),
        Waiter(clock, 100.0, log=log, name="later"),
    ]
    clock.advance(10)

    assert log == [("quick", 2.0), ("slow", 3.0), ("quick", 4.0), ("quick", 6.0), ("slow", 7.0)]
    assert clock.now().mono_s == 1010.0
    clock.advance(90)
    assert log[-1] == ("later", 100.0)
    for waiter in waiters:
        waiter.join()


def test_a_ring_wakes_a_waiting_thread_without_time_passing() -> None:
    clock, log = a_clock()
    waiter = Waiter(clock, 5.0, 5.0, log=log)
    waiter.wakeup.set()
    clock.advance(5)

    assert log == [("w rung", 0.0), ("w", 5.0)]
    waiter.join()


def test_time_does_not_move_before_a_thread_that_was_just_started_waits() -> None:
    for _ in range(20):
        clock, log = a_clock()
        waiter = Waiter(clock, *[1.0] * 5, log=log)
        clock.advance(5)
        assert [at_s for _, at_s in log] == [1.0, 2.0, 3.0, 4.0, 5.0]
        waiter.join()


def test_time_does_not_wait_for_a_thread_that_has_ended() -> None:
    clock, wakeup = VirtualClock(settle_s=60.0), Wakeup()
    thread = threading.Thread(target=clock.wait, args=(wakeup, 1.0))
    attend(clock, wakeup, thread)
    thread.start()
    began_s = time.monotonic()
    clock.advance(1)
    clock.advance(1)
    thread.join(10)
    assert time.monotonic() - began_s < 30.0


def test_time_waits_for_a_thread_that_hangs_only_until_it_should_have_settled() -> None:
    clock, wakeup, release = VirtualClock(settle_s=0.02), Wakeup(), threading.Event()
    thread = threading.Thread(target=release.wait, args=(30.0,))
    attend(clock, wakeup, thread)
    thread.start()
    clock.advance(1)
    release.set()
    thread.join(10)
    assert clock.now().mono_s == 1001.0


def test_rings_and_time_together_never_break_it() -> None:
    # A ring takes the sleeper away in the same moment in which time comes for it.
    clock, wakeup, over = VirtualClock(settle_s=1.0), Wakeup(), threading.Event()

    def wait_again_and_again() -> None:
        while not over.is_set():
            clock.wait(wakeup, 1.0)

    def ring_again_and_again() -> None:
        while not over.is_set():
            wakeup.set()

    threads = [threading.Thread(target=call) for call in (wait_again_and_again, ring_again_and_again)]
    for thread in threads:
        thread.start()
    for _ in range(300):
        clock.advance(1)
    over.set()
    wakeup.set()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


@pytest.mark.parametrize("seconds", [0.0, -5.0])
def test_waiting_for_no_time_returns_at_once(seconds: float) -> None:
    clock, wakeup = VirtualClock(), Wakeup()
    assert not clock.wait(wakeup, seconds)
    wakeup.set()
    assert clock.wait(wakeup, seconds)


def test_sleeping_tasks_move_a_clock_that_jumps_each_at_its_time() -> None:
    clock = VirtualClock(autojump=True)
    log: list[tuple[str, float]] = []

    async def task(name: str, pause_s: float, times: int) -> None:
        for _ in range(times):
            await clock.sleep(pause_s)
            log.append((name, clock.now().mono_s - 1000.0))

    async def main() -> None:
        await asyncio.gather(task("a", 3600, 2), task("b", 1000, 5), task("c", 0, 1))

    began_s = time.monotonic()
    asyncio.run(main())
    assert log == [
        ("c", 0.0), ("b", 1000.0), ("b", 2000.0), ("b", 3000.0), ("a", 3600.0), ("b", 4000.0), ("b", 5000.0),
        ("a", 7200.0),
    ]  # fmt: skip
    assert time.monotonic() - began_s < 30.0


def test_a_clock_that_does_not_jump_lets_tasks_sleep_until_it_is_moved() -> None:
    clock = VirtualClock()

    async def main() -> None:
        sleeping = asyncio.ensure_future(clock.sleep(10))
        for _ in range(5):
            await asyncio.sleep(0)
        assert not sleeping.done()
        clock.advance(10)
        await sleeping

    asyncio.run(main())


def test_a_cancelled_sleep_does_not_hold_up_the_others() -> None:
    clock = VirtualClock(autojump=True)

    async def main() -> None:
        cancelled = asyncio.ensure_future(clock.sleep(1))
        await asyncio.sleep(0)
        cancelled.cancel()
        await clock.sleep(50)

    asyncio.run(main())
    assert clock.now().mono_s == 1050.0


def test_attending_is_for_clocks_that_stand_still() -> None:
    still, wakeup, me = VirtualClock(), Wakeup(), threading.current_thread()
    for clock in (SystemClock(), still):
        attend(clock, wakeup, me)
    assert still._attending == {wakeup: me}
    for clock in (SystemClock(), still):
        leave(clock, wakeup)
    assert still._attending == {}
