"""A clock for deadlines: each look at it costs a second, so that what takes many steps is late, and no test waits."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tocsin import Instant

if TYPE_CHECKING:
    from tocsin.clock import Wakeup


class TickingClock:
    """Goes on by a second each time it is looked at."""

    def __init__(self) -> None:
        self._now = Instant(1000.0, 1000.0, datetime(2026, 1, 1, 10, 0, 0, tzinfo=UTC))

    def now(self) -> Instant:
        self._now = self._now.plus(1.0)
        return self._now

    def wait(self, wakeup: Wakeup, timeout_s: float) -> bool:
        raise NotImplementedError

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError


class StandingClock(TickingClock):
    """Stands where it was put."""

    def now(self) -> Instant:
        return self._now
