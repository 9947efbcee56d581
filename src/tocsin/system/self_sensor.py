"""Tocsin watches itself: what it dropped, merged and failed at, and what it costs, as metrics like any other."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

from tocsin.model.readings import Layout, SeriesKey
from tocsin.sensors.protocol import NAN, Tier

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.clock import Instant

_CPU: Final = SeriesKey("tocsin.self.cpu")


class SelfSensor:
    """Reads the system's own account.

    Args:
        account: the counts so far, asked at each reading.
    """

    name = "tocsin"
    tier = Tier.SLOW

    def __init__(self, account: Callable[[], dict[SeriesKey, float]]) -> None:
        self.layout: Layout = (_CPU,)
        self._account = account
        self._before: tuple[int, float, float] | None = None

    def read(self, now: Instant) -> list[float]:
        """CPU of the reading thread for each second since the last reading, then the counts so far."""
        counts = self._account()
        layout = (_CPU, *counts)
        if layout != self.layout:
            self.layout = layout
        return [self._cpu(now), *counts.values()]

    def close(self) -> None:
        """Forget the last reading."""
        self._before = None

    def _cpu(self, now: Instant) -> float:
        """The share of a core; NaN unless the same thread read before."""
        here = (threading.get_ident(), now.mono_s, time.thread_time())
        before, self._before = self._before, here
        if before is None or before[0] != here[0] or here[1] <= before[1]:
            return NAN
        return (here[2] - before[2]) / (here[1] - before[1])
