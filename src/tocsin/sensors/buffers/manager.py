"""BufferManager: how full the program's queues are, and who may have how many bytes."""

from __future__ import annotations

import math
import os
import sys
import weakref
from typing import TYPE_CHECKING, Final

from tocsin.errors import ConfigError
from tocsin.model.levels import AlertSeverity, read_level
from tocsin.model.readings import MAX_LABEL_CHARS, inert
from tocsin.sensors.buffers.leases import Lease, LeaseDesk, place_of
from tocsin.sensors.buffers.pressure import MARKS, PressureBell
from tocsin.sensors.buffers.tracked import BufferUsage, Tracked

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

BUDGET: Final = "budget"
"""Under this name the byte budget stands among the buffers."""

_managers: weakref.WeakSet[BufferManager] = weakref.WeakSet()


class BufferManager:
    """Watches how full the program's queues are, and hands out leases of a byte budget. For any thread.

    Tracking takes no lock: single operations on a dict are atomic, and a fork can come at any time. In a forked child
    the budget is whole again, and the parent's leases mean nothing.

    Args:
        budget_bytes: bytes that may be leased at once; None: any number, and they are only counted.
    Raises: ConfigError: if the budget is no number of bytes.
    """

    def __init__(self, budget_bytes: float | None = None) -> None:
        self._tracked: dict[str, Tracked] = {}
        self._desk = LeaseDesk(_whole_bytes(budget_bytes))
        self._bell = PressureBell()
        _managers.add(self)

    # -- containers

    def track(self, name: str, buffer: object, capacity: float | None = None) -> None:
        """Watch a buffer from now on; an earlier one of the same name is replaced.

        Args:
            name: the label of its series; not `budget`.
            buffer: a `queue.Queue`, an `asyncio.Queue`, a queue of multiprocessing, a deque, anything with a length,
                or a function that returns the number of entries. A buffer is not kept alive by being watched (where
                Python can do that: not for lists and dicts), and one that is gone is watched no longer.
            capacity: how many entries it can take; needed where the buffer does not say so itself.
        Raises: ConfigError: if it cannot be measured or its capacity is not known.
        """
        label = inert(name, MAX_LABEL_CHARS)
        if label == BUDGET:
            raise ConfigError(f"buffer {name!r}: this is the name of the byte budget; choose another one")
        self._tracked[label] = Tracked(label, buffer, capacity)

    def untrack(self, name: str) -> None:
        """Watch it no longer; a name that is not watched is fine."""
        self._tracked.pop(inert(name, MAX_LABEL_CHARS), None)

    @property
    def usage(self) -> dict[str, BufferUsage]:
        """How full each buffer is now; without those that cannot be measured at the moment."""
        return {usage.name: usage for usage in self.measure() if usage.used == usage.used}

    @property
    def failures(self) -> dict[str, int]:
        """How often a buffer could not be measured."""
        return {name: tracked.failures for name, tracked in list(self._tracked.items())}

    @property
    def high_water(self) -> dict[str, float]:
        """The highest utilization of each buffer so far: of the budget exactly, of others as far as it was seen."""
        marks = {name: tracked.high_water for name, tracked in list(self._tracked.items())}
        budget = self._desk.budget
        return marks | ({BUDGET: budget.high_water / budget.capacity} if budget.capacity else {})

    def is_unused(self) -> bool:
        """Whether nothing is tracked, and nothing of a budget was ever asked for."""
        budget = self._desk.budget
        return not self._tracked and budget.capacity is None and not budget.high_water

    def measure(self) -> list[BufferUsage]:
        """Look at each buffer once, and call who asked for it; `used` is NaN where that failed."""
        found = []
        for name, tracked in list(self._tracked.items()):
            if tracked.gone:
                if self._tracked.get(name) is tracked:
                    self._tracked.pop(name, None)
                continue
            used = tracked.used()
            found.append(BufferUsage(name, used, tracked.capacity, used / tracked.capacity))
        if self._bell.is_heard:
            for usage in found:
                self._bell.look(usage)
            self._feel()
        if self._desk.budget.capacity:
            found.append(self._budget_usage(self._desk.budget.used))
        return found

    # -- bytes

    def allocate(self, n_bytes: int, timeout_s: float | None = None) -> Lease:
        """Take bytes of the budget; `with manager.allocate(n):` gives them back whatever happens.

        Who asks first is served first, so a big wish is not starved by small ones. Not for finalizers and signal
        handlers, which come in the middle of anything; a lease may be released from everywhere.

        Args:
            n_bytes: how many.
            timeout_s: real seconds to wait for them; 0: not at all; None: for ever.
        Raises: BufferFull: if they were not to be had in time. ValueError: if it is no size, or more than the budget.
        """
        lease = self._desk.take(n_bytes, timeout_s, place_of(sys._getframe(1)))  # noqa: SLF001 - who asks
        if self._bell.is_heard:
            self._feel()
        return lease

    def allocate_async(self, n_bytes: int, timeout_s: float | None = None) -> Coroutine[Any, Any, Lease]:
        """`allocate`, for coroutines: waits without blocking the event loop, and may be cancelled."""
        return self._allocate_async(n_bytes, timeout_s, place_of(sys._getframe(1)))  # noqa: SLF001 - who asks

    async def _allocate_async(self, n_bytes: int, timeout_s: float | None, place: tuple[str, int]) -> Lease:
        lease = await self._desk.take_async(n_bytes, timeout_s, place)
        if self._bell.is_heard:
            self._feel()
        return lease

    @property
    def leases(self) -> LeaseDesk:
        """The account of the leases."""
        return self._desk

    @property
    def lost(self) -> dict[str, int]:
        """Leases that were collected as garbage without being released: where they were taken, and how many."""
        return dict(self._desk.all_losses())

    # -- pressure

    def on_pressure(
        self, level: AlertSeverity | int | str, fn: Callable[[BufferUsage], object], *, buffer: str | None = None
    ) -> Callable[[], None]:
        """Call `fn(usage)` each time a buffer's utilization rises above a mark; once a crossing.

        The budget is looked at with each allocation, on the thread that allocates; other buffers with each reading. A
        crossing counts again after the utilization was 5 points below the mark. What `fn` raises is counted.

        Args:
            level: `"warning"` (80 %) or `"critical"` (95 %).
            fn: what to call; it should be short.
            buffer: only for the buffer of this name (`budget` for the byte budget); None: for all.
        Returns: a function that ends it.
        Raises: ConfigError: if the level is none of these.
        """
        severity, understood = read_level(level)
        if not understood or severity not in MARKS:
            raise ConfigError(f"on_pressure: level: found {level!r}, expected 'warning' or 'critical'")
        if not self._bell.is_heard:
            self._desk.budget.crossings.clear()  # what happened before anybody listened
        return self._bell.listen(severity, None if buffer is None else inert(buffer, MAX_LABEL_CHARS), fn)

    @property
    def pressure_failures(self) -> int:
        """How many calls of `on_pressure` raised."""
        return self._bell.failures.value()

    def after_fork(self) -> None:
        """In the child: the budget is whole, and nobody waits."""
        self._desk.budget.after_fork()

    def _feel(self) -> None:
        """Call whoever is to be called; on this thread, and without a lock."""
        crossings = self._desk.budget.crossings
        while crossings:
            try:
                level, used = crossings.popleft()
            except IndexError:
                break  # another thread was quicker
            self._bell.note(level, self._budget_usage(used))
        self._bell.call()

    def _budget_usage(self, used: int) -> BufferUsage:
        capacity = self._desk.budget.capacity or 1
        return BufferUsage(BUDGET, float(used), float(capacity), used / capacity)


def _whole_bytes(budget: float | None) -> int | None:
    if budget is None:
        return None
    number = isinstance(budget, (int, float)) and not isinstance(budget, bool)
    if not number or not 1 <= budget < math.inf:
        raise ConfigError(f"BufferManager: budget_bytes: found {budget!r}, expected a number of bytes of 1 or more")
    return int(budget)


def _in_child() -> None:
    for manager in tuple(_managers):
        manager.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
