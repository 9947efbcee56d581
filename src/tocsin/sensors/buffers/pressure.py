"""Calling the program back when a buffer comes near its capacity: once at each crossing of a mark."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from tocsin.model.levels import AlertSeverity
from tocsin.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.sensors.buffers.tracked import BufferUsage

    Listener = Callable[[BufferUsage], object]

# The last fifth is the time left to act; at the last twentieth it is nearly over.
MARKS: Final = {AlertSeverity.WARNING: 0.80, AlertSeverity.CRITICAL: 0.95}
# A crossing counts again only after the value was this far below the mark.
HYSTERESIS: Final = 0.05


def marks_of(capacity: float) -> list[tuple[int, float, float]]:
    """Each mark of a capacity: its level, where it stands, and below what it counts again."""
    return [(int(level), mark * capacity, (mark - HYSTERESIS) * capacity) for level, mark in MARKS.items()]


class PressureBell:
    """Knows which marks each buffer is above, and whom to call.

    Nothing here takes a lock. Whether a mark is crossed is decided by taking a token out of a dict, which one thread
    can do, so each crossing is called once, by whoever saw it.

    Attributes:
        failures: calls that raised.
    """

    def __init__(self) -> None:
        self.failures = Tally()
        self._listeners: tuple[tuple[AlertSeverity, str | None, Listener], ...] = ()
        self._above: dict[tuple[str, AlertSeverity], bool] = {}
        self._due: deque[tuple[AlertSeverity, BufferUsage]] = deque()

    def listen(self, level: AlertSeverity, buffer: str | None, listener: Listener) -> Callable[[], None]:
        """Call from now on; the answer is a function that ends it."""
        entry = (level, buffer, listener)
        self._listeners = (*self._listeners, entry)

        def stop() -> None:
            self._listeners = tuple(kept for kept in self._listeners if kept is not entry)

        return stop

    @property
    def is_heard(self) -> bool:
        """Whether anybody listens."""
        return bool(self._listeners)

    def look(self, usage: BufferUsage) -> None:
        """Note which marks the usage crosses; calls wait for `call`."""
        for level, mark in MARKS.items():
            key = (usage.name, level)
            if usage.utilization >= mark:
                # `setdefault` with an object of our own tells who was first, in one step.
                token = object()
                if self._above.setdefault(key, token) is token:  # type: ignore[arg-type]
                    self._due.append((level, usage))
            elif usage.utilization < mark - HYSTERESIS:
                self._above.pop(key, None)

    def note(self, level: int, usage: BufferUsage) -> None:
        """Note a crossing that was decided elsewhere."""
        self._due.append((AlertSeverity(level), usage))

    def call(self) -> None:
        """Call whoever waits to be called; never under a lock, never out of a finalizer."""
        while self._due:
            try:
                level, usage = self._due.popleft()
            except IndexError:
                return
            for wanted, buffer, listener in self._listeners:
                if wanted is level and buffer in {None, usage.name}:
                    try:
                        listener(usage)
                    except Exception:  # noqa: BLE001 - a user's function must not harm who allocates
                        self.failures.add()
