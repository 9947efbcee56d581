"""How late asyncio event loops answer, asked by a ping from outside.

The reading thread posts a callback to each loop and looks at its next reading when it was answered. While there is no
answer, the lag is the age of the ping: a loop that is blocked is seen *while* it is blocked, which a timer inside the
loop cannot do. Nothing is patched, and asyncio is never imported.
"""

from __future__ import annotations

import math
import sys
import threading
import time
import weakref
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from tocsin.model.readings import MAX_LABEL_CHARS, Layout, SeriesKey, inert
from tocsin.sensors.loops import running_loops, thread_label, waits_for_events
from tocsin.sensors.protocol import NAN, Tier

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Mapping
    from types import FrameType

    from tocsin.clock import Instant

_DISCOVERY_S: Final = 10.0
# A program that was just started has its loop in a moment, and is at its worst as long as it warms up.
_YOUNG_S: Final = 60.0
OVERDUE_S: Final = 0.1
# A loop that answered at once, and now waits for events, would do so again: it is woken for it no more often than this.
IDLE_ASK_S: Final = 5.0
PROMPT_S: Final = 0.005


class _Ping:
    """One loop and the ping on its way to it; there is never more than one.

    The loop holds the callback, and through it this object, which must not hold the loop in turn.
    """

    __slots__ = ("_answered_s", "_late", "_sent_s", "_void", "_worst_s", "label", "loop", "thread_id")

    def __init__(self, loop: AbstractEventLoop, label: str, thread_id: int | None) -> None:
        self.loop = weakref.ref(loop)
        self.label = label
        self.thread_id = thread_id
        self._sent_s = 0.0
        self._answered_s: float | None = None
        self._late: tuple[float, float] | None = None
        self._void = True
        self._worst_s = 0.0

    def lag_s(self, frames: Mapping[int, FrameType]) -> float:
        """The worst lag since the reading before, or the age of an unanswered ping; then sends the next.

        NaN without a ping. A loop that is idle is not sent one each time; its lag is that of its last answer.
        """
        loop = self.loop()
        if loop is None or not loop.is_running():
            # Nobody is there to answer: what comes back later tells of the pause, not of a lag.
            self._void = True
            return NAN
        answered_s, sent_s = self._answered_s, self._sent_s
        if sent_s and answered_s is None:
            return NAN if self._void else time.perf_counter() - sent_s
        lag_s = NAN if self._void or answered_s is None else max(answered_s - sent_s, self._worst_s)
        self._worst_s = 0.0
        is_prompt = lag_s <= PROMPT_S and time.perf_counter() - sent_s < IDLE_ASK_S
        if not (is_prompt and waits_for_events(frames.get(self.thread_id or 0))):
            self._send(loop)
        return lag_s

    def ask_again(self, frames: Mapping[int, FrameType]) -> bool:
        """Send the next ping between two readings. False: the last answer is owed or was late, so a reading is due.

        A loop that waits for events at this moment is not blocked, and is not woken to say so.
        """
        loop = self.loop()
        if loop is None or not loop.is_running():
            return True  # the next reading looks into it
        if self._is_late():
            return False
        if self._answered_s is not None and not waits_for_events(frames.get(self.thread_id or 0)):
            if not self._void:
                self._worst_s = max(self._worst_s, self._answered_s - self._sent_s)
            self._send(loop)
        return True

    def is_overdue(self) -> bool:
        """Whether the loop has owed an answer for longer than it should take."""
        owed = not self._void and self._sent_s > 0.0 and self._answered_s is None
        return owed and time.perf_counter() - self._sent_s > OVERDUE_S

    def late(self) -> tuple[float, float] | None:
        """From when to when the last ping that had no prompt answer was on its way; to infinity, as long as it is."""
        if self._is_late():
            self._late = self._sent_s, math.inf if self._answered_s is None else self._answered_s
        return self._late

    def _is_late(self) -> bool:
        answered_s = self._answered_s
        if answered_s is None:
            return self.is_overdue()
        return not self._void and answered_s - self._sent_s > OVERDUE_S

    def _send(self, loop: AbstractEventLoop) -> None:
        self.late()  # the one before is forgotten now
        self._answered_s, self._void, self._sent_s = None, False, time.perf_counter()
        try:
            loop.call_soon_threadsafe(self._answer)
        except RuntimeError:
            self._void, self._sent_s = True, 0.0  # it has just been closed

    def _answer(self) -> None:
        """Runs on the loop."""
        self._answered_s = time.perf_counter()
        self.thread_id = threading.get_ident()


class EventLoopSensor:
    """The lag of each loop that was named by `watch_loop` or found running.

    Running loops are looked for every 10 seconds, and at each reading of the first minute. Read it from a thread that
    runs none of the loops: a thread cannot see itself blocked.
    """

    name: Final = "runtime.eventloop"
    tier: Final = Tier.CORE

    def __init__(self) -> None:
        self.layout: Layout = ()
        self._pings: tuple[_Ping, ...] = ()
        self._ended: list[SeriesKey] = []
        self._named: deque[tuple[weakref.ref[Any], str | None]] = deque()  # watched, not yet seen by a reading
        self._discover_at_s = float("-inf")
        self._young_until_s: float | None = None

    def watch_loop(self, loop: AbstractEventLoop, name: str | None = None) -> None:
        """Watch a loop from the next reading on, from any thread; it is not kept alive by this.

        Args:
            loop: the loop, running or not.
            name: the label of its series; by default the thread's name is taken when it is first seen running.
        """
        self._named.append((weakref.ref(loop), None if name is None else inert(name, MAX_LABEL_CHARS)))

    def thread_of(self, loop_label: str) -> int | None:
        """The ident of the thread that runs a loop, by the label of its series; None if it is not known."""
        for ping in self._pings:
            if ping.label == loop_label:
                return ping.thread_id
        return None

    def is_overdue(self) -> bool:
        """Whether a ping that was sent before the last reading is still unanswered."""
        return any(ping.is_overdue() for ping in self._pings)

    def ask_again(self) -> bool:
        """Ask between two readings. False: a loop owes its answer or gave it late, so a reading should say so."""
        frames = sys._current_frames()  # noqa: SLF001 - as above
        prompt = [ping.ask_again(frames) for ping in self._pings]  # each of them, also behind one that was not
        return all(prompt)

    def loops(self) -> list[tuple[str, AbstractEventLoop]]:
        """The loops that are watched now, by the label of their series."""
        return [(ping.label, loop) for ping in self._pings if (loop := ping.loop()) is not None]

    def late(self, loop_label: str) -> tuple[float, float] | None:
        """From when to when the last answer that was or is late was waited for; None if all were prompt."""
        for ping in self._pings:
            if ping.label == loop_label:
                return ping.late()
        return None

    def read(self, now: Instant) -> list[float]:
        """See `Sensor.read`. Lags are in seconds; NaN for a loop that is not running or was never pinged."""
        if any(_is_over(ping) for ping in self._pings):  # first, so that the next of its thread gets its name
            self._drop_closed()
        if self._young_until_s is None:
            self._young_until_s = now.mono_s + _YOUNG_S
        if now.mono_s >= self._discover_at_s:
            self._discover_at_s = now.mono_s + (0.0 if now.mono_s < self._young_until_s else _DISCOVERY_S)
            self._discover()
        while self._named:
            reference, name = self._named.popleft()
            self._add(reference(), name, None)
        frames = sys._current_frames() if self._pings else {}  # noqa: SLF001 - the documented way to see other threads
        return [ping.lag_s(frames) for ping in self._pings]

    def take_ended(self) -> list[SeriesKey]:
        """The series of loops that were found closed, or gone, by the readings since the last call."""
        ended, self._ended = self._ended, []
        return ended

    def close(self) -> None:
        """Forget what is on its way; loops that were named stay watched."""
        for ping in self._pings:
            if (loop := ping.loop()) is not None:
                self._named.append((weakref.ref(loop), ping.label))
        self._keep([])
        self._discover_at_s = float("-inf")
        self._young_until_s = None

    def _drop_closed(self) -> None:
        open_ones = [ping for ping in self._pings if not _is_over(ping)]
        self._ended += [_series_of(ping) for ping in self._pings if ping not in open_ones]
        self._keep(open_ones)

    def _discover(self) -> None:
        if "asyncio" not in sys.modules and "uvloop" not in sys.modules:
            return
        for thread_id, loop in running_loops():
            self._add(loop, None, thread_id)

    def _add(self, loop: AbstractEventLoop | None, name: str | None, thread_id: int | None) -> None:
        if loop is None or loop.is_closed():
            return
        known = next((ping for ping in self._pings if ping.loop() is loop), None)
        if known is not None:
            known.thread_id = thread_id or known.thread_id
            if name is None or name == known.label:
                return
        others = [ping for ping in self._pings if ping is not known]
        label = _free_label(name or thread_label(thread_id), {ping.label for ping in others})
        thread_id = known.thread_id if known is not None else thread_id
        self._keep([*others, _Ping(loop, label, thread_id)])

    def _keep(self, pings: list[_Ping]) -> None:
        self._pings = tuple(pings)
        self.layout = tuple(map(_series_of, pings))


def _series_of(ping: _Ping) -> SeriesKey:
    return SeriesKey("tocsin.eventloop.lag", (("loop", ping.label),))


def _is_over(ping: _Ping) -> bool:
    loop = ping.loop()
    return loop is None or loop.is_closed()


def _free_label(wanted: str, taken: set[str]) -> str:
    label, number = wanted, 1
    while label in taken:
        number += 1
        label = f"{wanted}#{number}"
    return label
