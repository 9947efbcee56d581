"""From the epochs in which the hook counts births to the times that callers of `snapshot` give."""

from __future__ import annotations

import struct
from bisect import bisect_right
from typing import Final

from tocsin.model.memory import Births

MOST_MARKS: Final = 256
_TRIPLE: Final = struct.Struct("IId")  # epoch, samples, bytes: as `_heap.snapshot` packs them


class BirthTimes:
    """Knows when each epoch began, within bounds: old births get coarser, and are never lost.

    Epochs are numbers of the hook, which others may raise as well: what lies between two marks of ours is one interval
    here, however many epochs it has.

    Args:
        epoch: the first that is ours. What was born before it, for another profiler, is born at our start.
        now_s: when it began; None if that is not known, and then it is the time of the first mark.
    """

    def __init__(self, epoch: int, now_s: float | None = None, *, most: int = MOST_MARKS) -> None:
        self._epochs = [epoch]
        self._times: list[float] = [] if now_s is None else [now_s]
        self._most = most

    def __len__(self) -> int:
        return len(self._epochs)

    @property
    def started_s(self) -> float | None:
        """When the first epoch began; None before the first mark, if nobody said."""
        return self._times[0] if self._times else None

    @property
    def last_s(self) -> float | None:
        """The time of the last mark."""
        return self._times[-1] if self._times else None

    def mark(self, epoch: int, now_s: float) -> None:
        """From `now_s` on blocks are born in this epoch. At the time of the mark before, that one goes on instead."""
        first = not self._times
        if first:
            self._times.append(now_s)
        if first or now_s > self._times[-1]:
            self._epochs.append(epoch)
            self._times.append(now_s)
        if len(self._epochs) > self._most:
            self._merge()

    def _merge(self) -> None:
        """Join neighbours in the older half; the very first mark stays."""
        half = len(self._epochs) // 2
        del self._epochs[1:half:2], self._times[1:half:2]

    def of(self, packed: bytes, now_s: float) -> tuple[Births, ...]:
        """The survivors of one stack by interval, oldest first.

        Args:
            packed: native `IId` triples of epoch, samples and estimated bytes, by epoch.
            now_s: the end of the interval that is still open.
        """
        found: list[Births] = []
        at, samples, live_bytes = -2, 0, 0.0
        for epoch, number, size in _TRIPLE.iter_unpack(packed):
            place = bisect_right(self._epochs, epoch) - 1
            if place != at and samples:
                found.append(self._interval(at, now_s, samples, live_bytes))
                samples, live_bytes = 0, 0.0
            at, samples, live_bytes = place, samples + number, live_bytes + size
        if samples:
            found.append(self._interval(at, now_s, samples, live_bytes))
        return tuple(found)

    def _interval(self, place: int, now_s: float, samples: int, live_bytes: float) -> Births:
        times = self._times or [now_s]
        if place < 0:
            return Births(times[0], times[0], samples, live_bytes)
        to_s = times[place + 1] if place + 1 < len(times) else max(now_s, times[place])
        return Births(times[place], to_s, samples, live_bytes)
