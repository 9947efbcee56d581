"""Tocsin watches itself: what it dropped, merged and failed at, and what it costs, as metrics like any other."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

from tocsin.model.readings import Layout, SeriesKey
from tocsin.sensors.protocol import NAN, Tier

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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


def as_metrics(
    events: Mapping[str, int],
    channels: Mapping[str, Mapping[str, int]],
    *,
    readings_dropped: Mapping[str, int],
    listeners_failed: int,
    actions: Mapping[str, int],
    heartbeats_failed: int,
    steps_failed: int,
    set_aside: int,
) -> dict[SeriesKey, float]:
    """The account as counters.

    Args:
        events: what became of events: offered, coalesced, dropped.
        channels: by channel, what became of notices.
        readings_dropped: by reason.
        listeners_failed: calls of listeners.
        actions: what became of them.
        heartbeats_failed: that were not taken, or not sent in time.
        steps_failed: passes of the watch thread.
        set_aside: sensors.
    """
    counts = {SeriesKey(f"tocsin.events.{name}"): events[name] for name in ("offered", "coalesced", "dropped")}
    counts |= {
        SeriesKey("tocsin.listeners.failed"): listeners_failed,
        SeriesKey("tocsin.heartbeat.failed"): heartbeats_failed,
        SeriesKey("tocsin.steps.failed"): steps_failed,
        SeriesKey("tocsin.sensors.set_aside"): set_aside,
    }
    counts |= {SeriesKey(f"tocsin.actions.{outcome}"): count for outcome, count in actions.items()}
    for channel, sent in channels.items():
        counts[SeriesKey("tocsin.notices.dropped", (("channel", channel),))] = sent["dropped"]
    for reason, count in readings_dropped.items():
        counts[SeriesKey("tocsin.readings.dropped", (("reason", reason),))] = count
    return {key: float(count) for key, count in counts.items()}
