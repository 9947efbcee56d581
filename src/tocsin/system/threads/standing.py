"""Where threads stand, and since when: whether one waits for a lock that it does not get."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.sensors.lockwait import times_run, waits_for_lock

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable, Mapping
    from types import FrameType


class _Place:
    """Where a thread stands, and since when. The frame itself is let go: it would keep its variables alive."""

    __slots__ = ("acquires", "mark", "runs", "since_s")

    def __init__(self, mark: tuple[int, int, int], since_s: float) -> None:
        self.mark = mark
        self.since_s = since_s
        self.acquires: bool | None = None  # not looked at yet
        self.runs: int | None = None


class Standing:
    """Follows where threads stand, from look to look.

    Args:
        stuck_after_s: how long a thread stands in the acquisition of a lock until it is called stuck.
    """

    def __init__(self, stuck_after_s: float) -> None:
        self.stuck_after_s = stuck_after_s
        self._places: dict[threading.Thread, _Place] = {}

    def look(self, threads: Iterable[threading.Thread], frames: Mapping[int, FrameType], now_s: float) -> None:
        """See where these threads are."""
        places = self._places
        self._places = {}
        for thread in threads:
            frame = frames.get(thread.ident or 0)
            if frame is None:
                continue
            mark = (id(frame), frame.f_lasti, id(frame.f_code))
            place = places.get(thread)
            if place is None or place.mark != mark:
                place = _Place(mark, now_s)
            self._places[thread] = place

    def _waits_for_lock(self, thread: threading.Thread, frame: FrameType, now_s: float) -> bool:
        """Whether it has stood in one acquisition for long, and never ran in that time."""
        place = self._places[thread]
        stood_s = now_s - place.since_s
        if stood_s < self.stuck_after_s / 2:
            return False
        if place.acquires is None:
            place.acquires, place.runs = waits_for_lock(frame), times_run(thread.native_id)
            if place.acquires:
                return stood_s >= self.stuck_after_s and place.runs is None
        if not place.acquires or stood_s < self.stuck_after_s:
            return False
        if place.runs != times_run(thread.native_id):
            place.since_s, place.acquires = now_s, None  # it got the lock in between, and waits for it again
            return False
        return True

    def in_locks(self, frames: Mapping[int, FrameType], now_s: float) -> frozenset[threading.Thread]:
        """Who has waited for a lock for long."""
        return frozenset(
            thread for thread in self._places if self._waits_for_lock(thread, frames[thread.ident or 0], now_s)
        )

    def since_s(self, thread: threading.Thread) -> float:
        """Since when it has stood where it is."""
        return self._places[thread].since_s

    def forget(self) -> None:
        """Everybody's time begins anew."""
        self._places.clear()
