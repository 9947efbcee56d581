"""What changes, as a stream of server-sent events: one for each page, which goes on where it was cut off.

    hello      first of all: the program, and whether the stream goes on where the last one stopped
    alert      an alert as it now stands
    orders     silences changed: ask for them again
    rules      rules were added, taken away or switched
    readings   the last readings of what is charted, each second

What must not be missed has an id; the last five hundred are kept for whoever comes back. Readings have none: only the
last matter.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tocsin.system.answers.explaining import listed
from tocsin.web.desk import Busy

if TYPE_CHECKING:
    from tocsin.model.alert import PerformanceAlert
    from tocsin.web.desk import Desk
    from tocsin.web.subjects import Pulse, Subject

MAX_KEPT: Final = 500
MIN_PULSE_S: Final = 1.0


class Event:
    """An event, ready to be sent."""

    __slots__ = ("number", "text")

    def __init__(self, number: int, text: bytes) -> None:
        self.number = number
        self.text = text


class Hub:
    """Gathers what changes, and wakes whoever listens.

    Args:
        subject: whom the page shows.
        desk: where readings are gathered.
    """

    def __init__(self, subject: Subject, desk: Desk) -> None:
        self.run = ""
        self.closed = True
        self._subject = subject
        self._desk = desk
        self._last = 0
        self._begin()
        self.open()

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._kept: deque[Event] = deque(maxlen=MAX_KEPT)
        self._listeners: set[Listener] = set()
        self._pulse: asyncio.Task[None] | None = None
        self._readings: tuple[int, bytes] = (0, b"")
        self._seen: Pulse | None = None

    def after_fork(self) -> None:
        """In the child: nobody listens."""
        self._begin()

    def open(self) -> None:
        """Hear of changes from now on. Twice is once.

        What happened while nobody heard it cannot be told later, so whoever comes back is told to ask for all again.
        """
        if self.closed:
            self.run = os.urandom(4).hex()
            self.closed = False
            self._subject.connect(self.hear)

    def close(self) -> None:
        """End all streams; pages come back when there is a server again."""
        self.closed = True
        self._subject.disconnect(self.hear)
        self._wake()

    # -- what happens

    def hear(self, alert: PerformanceAlert) -> None:
        """An alert changed; called on a thread of its own."""
        self.publish("alert", listed(alert, self._subject.clock.now().utc))

    def publish(self, kind: str, data: Any) -> None:
        """Tell everybody who listens, now or later; from any thread."""
        with self._lock:
            self._last += 1
            text = b"id: %s-%d\n" % (self.run.encode(), self._last) + event_text(kind, data)
            self._kept.append(Event(self._last, text))
        self._wake()

    def _wake(self) -> None:
        for loop in {listener.loop for listener in tuple(self._listeners)}:
            try:
                loop.call_soon_threadsafe(self._ring, loop)
            except RuntimeError:
                continue  # closed, and whoever listened with it

    def _ring(self, loop: asyncio.AbstractEventLoop) -> None:
        for listener in tuple(self._listeners):
            if listener.loop is loop:
                listener.bell.set()

    # -- who listens

    def listen(self, last_event_id: str) -> Listener:
        """Listen from now on, or from where a stream was cut off. On an event loop."""
        run, _, number = last_event_id.rpartition("-")
        with self._lock:
            oldest = self._kept[0].number if self._kept else self._last + 1
            known = run == self.run and number.isdecimal() and oldest - 1 <= int(number[:15]) <= self._last
            listener = Listener(self, int(number) if known else self._last, resumed=known)
            self._listeners.add(listener)
        if self._pulse is None or self._pulse.done():
            self._pulse = asyncio.get_running_loop().create_task(self._beat())
        return listener

    def leave(self, listener: Listener) -> None:
        """Somebody listens no longer."""
        with self._lock:
            self._listeners.discard(listener)

    def news(self, listener: Listener) -> bytes:
        """What a listener has not heard yet."""
        with self._lock:
            oldest = self._kept[0].number if self._kept else self._last + 1
            if listener.heard < oldest - 1:  # it was too slow
                listener.heard = self._last
                texts = [event_text("hello", {"run": self.run, "resumed": False})]
            else:
                texts = [event.text for event in self._kept if event.number > listener.heard]
                listener.heard = self._last
            count, readings = self._readings
        if count != listener.readings:
            listener.readings = count
            texts.append(readings)
        return b"".join(texts)

    def __len__(self) -> int:
        return len(self._listeners)

    # -- readings

    async def _beat(self) -> None:
        """While somebody listens: gather the readings once for all of them."""
        while self._listeners and not self.closed:
            with suppress(Busy):  # then the next second will do
                text, seen = await self._desk.ask("look", self._look)
                self._readings = (self._readings[0] + 1, text)
                self._tell_changes(seen)
                self._wake()
            await asyncio.sleep(max(self._subject.interval_s(), MIN_PULSE_S))

    def _look(self) -> tuple[bytes, Pulse]:
        pulse = self._subject.pulse()
        at = self._subject.clock.now().utc.timestamp()
        return event_text("readings", {"at": round(at, 3), "values": pulse.values}), pulse

    def _tell_changes(self, seen: Pulse) -> None:
        before, self._seen = self._seen, seen
        if before is not None and before.orders != seen.orders:
            self.publish("orders", {})
        if before is not None and before.rules != seen.rules:
            self.publish("rules", {})


class Listener:
    """One stream.

    Attributes:
        heard: the number of the last event it was told.
        resumed: whether it goes on where the last one stopped.
    """

    def __init__(self, hub: Hub, heard: int, *, resumed: bool) -> None:
        self.heard = heard
        self.resumed = resumed
        self.readings = 0
        self.loop = asyncio.get_running_loop()
        self.bell = asyncio.Event()
        self._hub = hub

    def hello(self) -> bytes:
        """The first event."""
        data = {"run": self._hub.run, "resumed": self.resumed}
        return b"retry: 1000\n" + event_text("hello", data)

    def news(self) -> bytes:
        """What it has not heard yet."""
        return self._hub.news(self)


def event_text(kind: str, data: Any) -> bytes:
    """An event as it is sent. JSON has no raw line ends, so its data is one line."""
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), msgspec.json.encode(data))
