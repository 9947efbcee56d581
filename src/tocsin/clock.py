"""Time, as an argument.

Logic is handed an `Instant`; only the edge (the watch thread, the doors) holds a `Clock`. This is the one file that
reads the machine's clocks. The virtual clock of the tests stands here too, so that both obey one protocol.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

# CLOCK_BOOTTIME goes on while the machine sleeps and CLOCK_MONOTONIC does not: their difference is the sleep.
_BOOTTIME: Final = getattr(time, "CLOCK_BOOTTIME", None)


class Instant(msgspec.Struct, frozen=True, order=True):
    """One moment, read once and handed on.

    Attributes:
        mono_s: monotonic seconds; for durations.
        boot_s: monotonic seconds that include the machine's sleep; `boot_s - mono_s` grows by each suspend.
        utc: the wall clock, aware, in UTC; for records, never for durations.
    """

    mono_s: float
    boot_s: float
    utc: datetime

    def plus(self, seconds: float) -> Instant:
        """The moment `seconds` later on all three clocks."""
        return Instant(self.mono_s + seconds, self.boot_s + seconds, self.utc + timedelta(seconds=seconds))


class Wakeup:
    """A bell for one waiting thread that may be rung from any thread, a signal handler or a fresh fork.

    It is a raw lock used backwards: ringing *releases* it and therefore never blocks, so no producer can be caught
    holding it when the process forks.

    Attributes:
        rings: how often it was rung; from it a virtual clock tells whether a waiter is about to wake.
    """

    __slots__ = ("_lock", "rings")

    def __init__(self) -> None:
        self.rings = 0
        self._lock = threading.Lock()
        self._lock.acquire()

    def set(self) -> None:
        """Ring. Never blocks; ringing twice before the waiter looks is one ring."""
        self.rings += 1
        try:
            self._lock.release()
        except RuntimeError:
            return  # already rung

    def wait(self, timeout_s: float | None) -> bool:
        """Wait in real time until rung, and take the ring away. False after `timeout_s` seconds; None: for ever."""
        if timeout_s is None:
            return self._lock.acquire()
        return self._lock.acquire(timeout=min(max(timeout_s, 0.0), threading.TIMEOUT_MAX))


@runtime_checkable
class Clock(Protocol):
    """What the edge asks of time."""

    def now(self) -> Instant:
        """Read all clocks once."""
        ...

    def wait(self, wakeup: Wakeup, timeout_s: float) -> bool:
        """Wait until `wakeup` is rung (True) or `timeout_s` seconds of this clock have passed (False)."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Let `seconds` of this clock pass on the running event loop."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now(self) -> Instant:
        """Read all clocks once."""
        mono_s = time.monotonic()
        boot_s = mono_s if _BOOTTIME is None else time.clock_gettime(_BOOTTIME)
        return Instant(mono_s, boot_s, datetime.now(UTC))

    def wait(self, wakeup: Wakeup, timeout_s: float) -> bool:
        """Wait in real time; see `Clock.wait`."""
        return wakeup.wait(timeout_s)

    async def sleep(self, seconds: float) -> None:
        """Sleep on the running event loop."""
        import asyncio  # noqa: PLC0415 - asyncio is loaded only where a coroutine is run

        await asyncio.sleep(seconds)


class _Sleeper:
    """One thread that waits for virtual time to come."""

    __slots__ = ("deadline_s", "rings", "thread", "wakeup")

    def __init__(self, deadline_s: float, wakeup: Wakeup, rings: int) -> None:
        self.deadline_s = deadline_s
        self.wakeup = wakeup
        self.rings = rings
        self.thread = threading.current_thread()

    def is_asleep(self) -> bool:
        """Whether nobody has rung for it since it began to wait."""
        return self.wakeup.rings == self.rings


class VirtualClock:
    """A clock that stands still until it is moved; for tests, the users' own included.

    Threads that wait on it are woken in the order of their deadlines while `advance` moves on, and `advance` waits for
    each to come back to its next wait, so a started system runs through an hour in milliseconds, always the same way.

    With `autojump=True` a coroutine's `sleep` moves the clock by itself to the earliest deadline once every sleeping
    task had its turn.

    Args:
        start: the wall clock at the beginning; aware.
        autojump: whether `sleep` moves the clock.
        settle_s: real seconds that `advance` grants a thread to come to its next wait.
    """

    _MONO_START_S: Final = 1000.0  # not zero, so that nobody takes it for "never"

    def __init__(
        self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC), *, autojump: bool = False, settle_s: float = 5.0
    ) -> None:
        if start.tzinfo is None:
            raise ValueError("VirtualClock: start has no time zone; pass an aware datetime")
        self._now = Instant(self._MONO_START_S, self._MONO_START_S, start.astimezone(UTC))
        self._autojump = autojump
        self._settle_s = settle_s
        self._sleepers: list[_Sleeper] = []
        self._attending: dict[Wakeup, threading.Thread] = {}
        self._tasks: list[float] = []
        self._changed = threading.Condition()

    def now(self) -> Instant:
        """The moment at which the clock stands."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move on by `seconds`, stopping at each deadline on the way to let its thread run."""
        if seconds < 0:
            raise ValueError(f"VirtualClock.advance: expected seconds of 0 or more, found {seconds!r}")
        self._let_settle()
        end_s = self._now.mono_s + seconds
        while (due := self._next_due(end_s)) is not None:
            self._move_to(due.deadline_s)
            self._wake(due)
        self._move_to(end_s)

    def suspend(self, seconds: float) -> None:
        """Let the machine sleep: boot time and the wall clock move, monotonic time does not."""
        now = self._now
        self._now = Instant(now.mono_s, now.boot_s + seconds, now.utc + timedelta(seconds=seconds))

    def set_wall_clock(self, utc: datetime) -> None:
        """Step the wall clock alone, as an administrator or NTP does."""
        self._now = Instant(self._now.mono_s, self._now.boot_s, utc.astimezone(UTC))

    def attend(self, wakeup: Wakeup, thread: threading.Thread) -> None:
        """Until `leave`, time does not move while this thread is busy; it moves when the thread waits for `wakeup`."""
        with self._changed:
            self._attending[wakeup] = thread

    def leave(self, wakeup: Wakeup) -> None:
        """Time does not wait for this thread any more."""
        with self._changed:
            self._attending.pop(wakeup, None)
            self._changed.notify_all()

    def wait(self, wakeup: Wakeup, timeout_s: float) -> bool:
        """Wait until rung, or until `advance` passes the deadline; see `Clock.wait`."""
        rings = wakeup.rings
        if wakeup.wait(0.0):
            return True
        if timeout_s <= 0:
            return False
        sleeper = _Sleeper(self._now.mono_s + timeout_s, wakeup, rings)
        with self._changed:
            self._sleepers.append(sleeper)
            self._changed.notify_all()
        wakeup.wait(None)
        with self._changed:
            rung = sleeper in self._sleepers
            if rung:
                self._sleepers.remove(sleeper)
            self._changed.notify_all()
        return rung

    async def sleep(self, seconds: float) -> None:
        """Wait for virtual time on the running event loop; jumps when `autojump` is on."""
        import asyncio  # noqa: PLC0415 - asyncio is loaded only where a coroutine is run

        deadline_s = self._now.mono_s + max(seconds, 0.0)
        self._tasks.append(deadline_s)
        try:
            await asyncio.sleep(0)
            while self._now.mono_s < deadline_s:
                if self._autojump and deadline_s <= min(self._tasks):
                    self._move_to(deadline_s)
                await asyncio.sleep(0)
        finally:
            self._tasks.remove(deadline_s)

    def _next_due(self, end_s: float) -> _Sleeper | None:
        with self._changed:
            due = [sleeper for sleeper in self._sleepers if sleeper.deadline_s <= end_s]
            return min(due, key=lambda sleeper: sleeper.deadline_s) if due else None

    def _wake(self, sleeper: _Sleeper) -> None:
        """Ring for a deadline, and wait until the woken thread waits again, or has something else to do."""
        wakeup = sleeper.wakeup
        with self._changed:
            if sleeper not in self._sleepers:
                return  # somebody else rang in the same moment
            attended = wakeup in self._attending
            self._sleepers.remove(sleeper)
            wakeup.set()
            self._wait_for(
                lambda: (
                    self._waits(wakeup) or not sleeper.thread.is_alive() or (attended and wakeup not in self._attending)
                )
            )

    def _let_settle(self) -> None:
        """Wait until each attending thread waits, so that what was begun before time moves on is done before it."""
        me = threading.current_thread()
        with self._changed:
            self._wait_for(
                lambda: all(
                    thread is me or not thread.is_alive() or self._waits(wakeup)
                    for wakeup, thread in self._attending.items()
                )
            )

    def _waits(self, wakeup: Wakeup) -> bool:
        return any(sleeper.wakeup is wakeup and sleeper.is_asleep() for sleeper in self._sleepers)

    def _wait_for(self, done: Callable[[], bool]) -> None:
        # In small portions, since a thread that ends does not say so.
        until_s = time.monotonic() + self._settle_s
        while not done() and time.monotonic() < until_s:
            self._changed.wait(0.01)

    def _move_to(self, mono_s: float) -> None:
        if mono_s > self._now.mono_s:
            self._now = self._now.plus(mono_s - self._now.mono_s)


def mono_s(clock: Clock) -> float:
    """Its monotonic seconds alone: a tenth of the price of all clocks, for whoever only waits."""
    return time.monotonic() if type(clock) is SystemClock else clock.now().mono_s


def attend(clock: Clock, wakeup: Wakeup, thread: threading.Thread) -> None:
    """Tell a virtual clock that this thread will come back to wait for `wakeup`; other clocks wait for nobody."""
    if isinstance(clock, VirtualClock):
        clock.attend(wakeup, thread)


def leave(clock: Clock, wakeup: Wakeup) -> None:
    """Tell a virtual clock that the thread will not come back."""
    if isinstance(clock, VirtualClock):
        clock.leave(wakeup)


def utc_now() -> datetime:
    """The wall clock, aware, in UTC; the time of values that a person makes by hand."""
    return datetime.now(UTC)
