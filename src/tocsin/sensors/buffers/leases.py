"""Leases: bytes of the budget that somebody has for a time, and gives back whatever happens."""

from __future__ import annotations

import sys
from collections import Counter, deque
from typing import TYPE_CHECKING, Any, Final, Self

from tocsin.clock import Wakeup
from tocsin.errors import BufferFull
from tocsin.sensors.buffers.budget import Budget, Claim, Mark
from tocsin.sensors.buffers.pressure import marks_of

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Future
    from types import FrameType, TracebackType

MAX_PLACES: Final = 20
ELSEWHERE: Final = "elsewhere"


class Lease:
    """Bytes of a budget. Use it in a `with`, or call `release`; twice is once.

    One that is collected as garbage without either is counted as lost, with the place where it was taken, and its bytes
    go back.

    Attributes:
        n_bytes: how many.
    """

    __slots__ = ("__weakref__", "_claim", "_code", "_desk", "_line", "n_bytes")

    def __init__(self, desk: LeaseDesk, claim: Claim, place: tuple[str, int]) -> None:
        self.n_bytes = claim.n_bytes
        self._desk = desk
        self._claim = [claim]  # whoever takes it out gives it back: once, without a lock
        self._code, self._line = place

    @property
    def taken_at(self) -> str:
        """File and line of the call that took it."""
        return f"{self._code}:{self._line}"

    @property
    def released(self) -> bool:
        """Whether it has been given back."""
        return not self._claim

    def release(self) -> None:
        """Give the bytes back. Never waits; from any thread."""
        try:
            claim = self._claim.pop()
        except IndexError:
            return
        self._desk.budget.give_back(claim)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def __del__(self) -> None:
        claims = getattr(self, "_claim", None)  # a lease that was never finished has none
        if claims and not sys.is_finalizing() and self._desk.budget.holds(claims[0]):
            self._desk.note_lost(self.taken_at)
            self.release()

    def __repr__(self) -> str:
        state = "released" if self.released else "open"
        return f"<Lease of {self.n_bytes} bytes, {state}, taken at {self.taken_at}>"


class LeaseDesk:
    """Hands out the leases of one budget.

    Args:
        capacity: bytes in all; None: no bound, only counted.

    Attributes:
        lost: to each place how many leases taken there were lost, as far as `fresh_losses` has told.
    """

    def __init__(self, capacity: int | None) -> None:
        marks = () if capacity is None else (Mark(*mark) for mark in marks_of(capacity))
        self.budget = Budget(capacity, marks)
        self._lost: deque[str] = deque()  # filled by finalizers, which take no lock
        self.lost: Counter[str] = Counter()

    def note_lost(self, place: str) -> None:
        """A lease was collected without being released."""
        self._lost.append(place)

    def fresh_losses(self) -> list[str]:
        """Where the leases were taken that have been lost since the last call; for one caller at a time."""
        fresh = []
        while self._lost:
            place = self._lost.popleft()
            if place not in self.lost and len(self.lost) >= MAX_PLACES:
                place = ELSEWHERE
            self.lost[place] += 1
            fresh.append(place)
        return fresh

    def all_losses(self) -> Counter[str]:
        """The same, those included that have not been told yet."""
        return self.lost + Counter(tuple(self._lost))

    def take(self, n_bytes: int, timeout_s: float | None, place: tuple[str, int]) -> Lease:
        """See `BufferManager.allocate`."""
        check_size(n_bytes, self.budget.capacity)
        at_once = self.budget.claim_now(n_bytes)
        if at_once is not None:
            return Lease(self, at_once, place)
        bell = Wakeup()
        claim = self.budget.claim(n_bytes, lambda: _rung(bell), wait=timeout_s is None or timeout_s > 0)
        if claim is None:
            raise self._full(n_bytes, 0.0)
        if not claim.granted:
            self._await(claim, bell, timeout_s)
        return Lease(self, claim, place)

    async def take_async(self, n_bytes: int, timeout_s: float | None, place: tuple[str, int]) -> Lease:
        """See `BufferManager.allocate_async`."""
        check_size(n_bytes, self.budget.capacity)
        at_once = self.budget.claim_now(n_bytes)
        if at_once is not None:
            return Lease(self, at_once, place)
        import asyncio  # noqa: PLC0415 - whoever awaits has loaded it

        loop = asyncio.get_running_loop()
        heard: Future[None] = loop.create_future()
        may_wait = timeout_s is None or timeout_s > 0
        claim = self.budget.claim(n_bytes, lambda: _call_soon(loop, heard), wait=may_wait)
        if claim is None:
            raise self._full(n_bytes, 0.0)
        if not claim.granted:
            try:
                await asyncio.wait([heard], timeout=timeout_s)
            except BaseException:  # cancelled, or the loop is going down
                if self.budget.withdraw(claim):
                    self.budget.give_back(claim)
                raise
            if not heard.done() and not self.budget.withdraw(claim):
                raise self._full(n_bytes, timeout_s)
        return Lease(self, claim, place)

    def _await(self, claim: Claim, bell: Wakeup, timeout_s: float | None) -> None:
        try:
            rung = bell.wait(timeout_s)
        except BaseException:  # a signal handler raised (Ctrl-C)
            if self.budget.withdraw(claim):
                self.budget.give_back(claim)
            raise
        if not rung and not self.budget.withdraw(claim):
            raise self._full(claim.n_bytes, timeout_s)

    def _full(self, n_bytes: int, waited_s: float | None) -> BufferFull:
        budget = self.budget
        waited = f" within {waited_s:g} s" if waited_s else ""
        return BufferFull(
            f"{n_bytes} bytes were not to be had{waited}: {budget.used} of {budget.capacity} are leased and "
            f"{budget.waiting} wait; release leases earlier, wait longer, or raise the budget"
        )


def check_size(n_bytes: int, capacity: int | None) -> None:
    """Raise ValueError unless it is a whole number of bytes that the budget can ever grant."""
    if isinstance(n_bytes, bool) or not isinstance(n_bytes, int) or n_bytes < 0:
        raise ValueError(f"allocate: n_bytes: found {n_bytes!r}, expected a whole number of bytes of 0 or more")
    if capacity is not None and n_bytes > capacity:
        raise ValueError(f"allocate: n_bytes: found {n_bytes}, expected at most the whole budget of {capacity} bytes")


def place_of(frame: FrameType) -> tuple[str, int]:
    """File and line of a frame."""
    return frame.f_code.co_filename, frame.f_lineno


def _rung(bell: Wakeup) -> bool:
    bell.set()
    return True


def _call_soon(loop: AbstractEventLoop, heard: Future[Any]) -> bool:
    """Wake a coroutine; False when its loop is closed and nobody will ever look."""
    try:
        loop.call_soon_threadsafe(_settle, heard)
    except RuntimeError:
        return False
    return True


def _settle(heard: Future[Any]) -> None:
    if not heard.done():
        heard.set_result(None)
