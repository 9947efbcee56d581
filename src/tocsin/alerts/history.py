"""What happened lately: a bounded list of occurrences, oldest dropped first and counted."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from tocsin.alerts.suppression import Suppressor
from tocsin.clock import Clock, Instant, SystemClock

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tocsin.model.alert import PerformanceAlert


class AlertHistory:
    """The recent occurrences of alerts.

    Reading it from other threads is safe while one thread adds.

    Args:
        alerts: to begin with, oldest first.
        max_size: occurrences that are kept.
        clock: tells how old an occurrence is; the machine's by default.

    Attributes:
        max_size: occurrences that are kept.
        dropped: how many were dropped to make room.
    """

    def __init__(
        self, alerts: Iterable[PerformanceAlert] = (), max_size: int = 100, *, clock: Clock | None = None
    ) -> None:
        if max_size < 1:
            raise ValueError(f"AlertHistory: expected a max_size of 1 or more, found {max_size!r}")
        self.max_size = max_size
        self.dropped = 0
        self._clock = clock or SystemClock()
        # (monotonic second, alert): ages must not jump when somebody sets the wall clock.
        self._entries: deque[tuple[float, PerformanceAlert]] = deque()
        # Kept apart from the entries, so that eviction does not make a storm look new.
        self._suppressor = Suppressor()
        for alert in alerts:
            self.add(alert)

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def alerts(self) -> list[PerformanceAlert]:
        """All that is kept, oldest first."""
        return [alert for _, alert in tuple(self._entries)]

    def add(self, alert: PerformanceAlert, *, now: Instant | None = None) -> None:
        """Remember an occurrence, as old as its `last_at` says."""
        now = now or self._clock.now()
        at_s = now.mono_s - max((now.utc - alert.last_at).total_seconds(), 0.0)
        while len(self._entries) >= self.max_size:
            self._entries.popleft()
            self.dropped += 1
        self._entries.append((at_s, alert))
        if not alert.suppressed:
            self._suppressor.note(_source(alert), alert.severity, at_s)

    def get_recent(self, minutes: float = 5.0, *, now: Instant | None = None) -> list[PerformanceAlert]:
        """The occurrences of the last `minutes`, newest first."""
        since_s = (now or self._clock.now()).mono_s - minutes * 60.0
        return [alert for at_s, alert in reversed(tuple(self._entries)) if at_s >= since_s]

    def should_suppress(self, source: str, level: int, *, now: Instant | None = None) -> bool:
        """Whether three similar (same source and level) were told in the last minute."""
        return self._suppressor.holds(source, level, (now or self._clock.now()).mono_s)

    def clear(self) -> None:
        """Forget all."""
        self._entries.clear()
        self._suppressor.last.clear()


def _source(alert: PerformanceAlert) -> str:
    return alert.source or alert.rule
