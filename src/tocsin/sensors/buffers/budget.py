"""A budget of bytes: who has how many, who waits, in what order.

One lock guards the account; it is held for a few instructions and never while somebody else's code runs. What gives
bytes back only leaves a note and *tries* the lock: a lease may be collected as garbage anywhere, also on a thread that
holds this very lock. Whoever holds it looks for notes after letting go, so none is left lying.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_MAX_CROSSINGS: Final = 100


class Mark(NamedTuple):
    """A height of the account that somebody wants to hear of.

    Attributes:
        level: what it is called.
        at: bytes from which on it is crossed.
        rearm: bytes below which a new crossing counts again.
    """

    level: int
    at: float
    rearm: float


class Claim:
    """A wish for bytes.

    Attributes:
        n_bytes: how many.
        granted: whether it has them.
        ring: called once it does, without the lock, if it had to wait; whether somebody heard it.
    """

    __slots__ = ("granted", "n_bytes", "ring")

    def __init__(self, n_bytes: int, ring: Callable[[], bool] | None = None) -> None:
        self.n_bytes = n_bytes
        self.granted = False
        self.ring = ring


class Budget:
    """Grants bytes in the order in which they are asked for, so that a big wish is not starved by small ones.

    Args:
        capacity: bytes in all; None: whatever is asked for is granted, and only counted.
        marks: heights whose crossings are noted.

    Attributes:
        crossings: level and height of each crossing that nobody has taken yet; each is noted once.
        used: bytes that are granted.
        open: claims that are granted.
        high_water: the most bytes that ever were granted at once.
        refused: claims that were withdrawn without being granted.
    """

    def __init__(self, capacity: int | None, marks: Iterable[Mark] = ()) -> None:
        self.capacity = capacity
        self.crossings: deque[tuple[int, int]] = deque(maxlen=_MAX_CROSSINGS)
        self._marks = tuple(marks)
        self._lowest = min((mark.at for mark in self._marks), default=math.inf)
        self.high_water = 0
        self.refused = 0
        self.after_fork()

    def after_fork(self) -> None:
        """In the child: nobody has or wants anything; what a claim of the parent gives back is not ours."""
        self._lock = threading.Lock()
        self._waiting: deque[Claim] = deque()
        self._returned: deque[Claim] = deque()
        self._mine: set[Claim] = set()
        self._above: set[int] = set()
        self.crossings.clear()
        self.used = 0

    @property
    def open(self) -> int:
        """Claims that are granted and not given back."""
        return len(self._mine)

    @property
    def waiting(self) -> int:
        """Claims that wait."""
        return len(self._waiting)

    def claim_now(self, n_bytes: int) -> Claim | None:
        """Ask for bytes that need not be waited for: the short way that nearly every claim goes. None: not at once."""
        claim = Claim(n_bytes)
        with self._lock:
            if not self._waiting and self._fits(claim):
                self._grant(claim)
        if self._returned:
            self.settle()
        return claim if claim.granted else None

    def claim(self, n_bytes: int, ring: Callable[[], bool], *, wait: bool = True) -> Claim | None:
        """Ask for bytes.

        Args:
            n_bytes: how many, at most the capacity.
            ring: called, on whatever thread, when a claim that had to wait is granted.
            wait: whether the claim may wait.
        Returns: the claim, granted or waiting; None if it would have to wait and may not.
        """
        claim = Claim(n_bytes, ring)
        with self._lock:
            if not self._waiting and self._fits(claim):
                self._grant(claim)
            elif wait:
                self._waiting.append(claim)
            else:
                self.refused += 1
        self.settle()  # somebody may have found the lock taken
        return claim if claim.granted or wait else None

    def withdraw(self, claim: Claim) -> bool:
        """Wait no longer. True: it was granted in the last moment, and has to be given back or used."""
        with self._lock:
            granted = claim.granted
            if not granted and claim in self._waiting:
                self._waiting.remove(claim)
                self.refused += 1
            rung = self._serve()
        self._ring(rung)
        self.settle()
        return granted

    def give_back(self, claim: Claim) -> None:
        """Return the bytes of a granted claim. Never waits; may be called from a finalizer or a signal handler."""
        self._returned.append(claim)
        self.settle()

    def settle(self) -> None:
        """Enter what was given back, and serve those who wait."""
        while self._returned and self._lock.acquire(blocking=False):
            try:
                while self._returned:
                    claim = self._returned.popleft()
                    if claim in self._mine:
                        self._mine.discard(claim)
                        self.used -= claim.n_bytes
                        if self._above:
                            self._sink()
                rung = self._serve()
            finally:
                self._lock.release()
            self._ring(rung)

    def holds(self, claim: Claim) -> bool:
        """Whether a claim has bytes of this budget; one from before a fork has none."""
        return claim in self._mine

    def _fits(self, claim: Claim) -> bool:
        return self.capacity is None or self.used + claim.n_bytes <= self.capacity

    def _grant(self, claim: Claim) -> None:
        claim.granted = True
        self._mine.add(claim)
        self.used += claim.n_bytes
        if self.used <= self.high_water and self.used < self._lowest:
            return
        self.high_water = max(self.high_water, self.used)
        for mark in self._marks:
            if self.used >= mark.at and mark.level not in self._above:
                self._above.add(mark.level)
                self.crossings.append((mark.level, self.used))

    def _sink(self) -> None:
        for mark in self._marks:
            if self.used < mark.rearm:
                self._above.discard(mark.level)

    def _serve(self) -> list[Claim]:
        """Grant what fits, in order; under the lock. Who is to be rung for afterwards."""
        rung = []
        while self._waiting and self._fits(self._waiting[0]):
            claim = self._waiting.popleft()
            self._grant(claim)
            rung.append(claim)
        return rung

    def _ring(self, rung: list[Claim]) -> None:
        for claim in rung:
            if claim.ring is not None and not claim.ring():
                self._returned.append(claim)  # nobody is there any more: the next one gets them
