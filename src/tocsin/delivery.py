"""One delivery policy for all channels: a queue and a thread each, retries with back-off, and exact counts.

A channel that hangs or fails harms only itself: its queue fills, what does not fit is counted, the others go on.
"""

from __future__ import annotations

import inspect
import math
import threading
import weakref
from typing import TYPE_CHECKING, Any, Final

from tocsin.channels.protocol import NoticeChannel
from tocsin.clock import Wakeup, attend, leave
from tocsin.errors import DeliveryError
from tocsin.model.alert import PerformanceAlert
from tocsin.model.notice import Notice, NoticeKind
from tocsin.worker import Worker

if TYPE_CHECKING:
    import asyncio
    import random
    from collections.abc import Callable, Iterable

    from tocsin.channels.protocol import Channel
    from tocsin.clock import Clock

ATTEMPTS: Final = 4
FIRST_PAUSE_S: Final = 0.5
MAX_PAUSE_S: Final = 60.0
# A channel that takes longer is given up for this attempt; the channel's own coroutine is cancelled.
DEADLINE_S: Final = 10.0
QUEUE_SIZE: Final = 1000

# Event loops that a forked child has inherited. Closing one there takes descriptors out of the epoll that it shares
# with the parent, whose loop would then sleep through its own wake-ups.
_PARKED: list[asyncio.AbstractEventLoop] = []


class Delivery:
    """Hands notices to channels.

    Args:
        clock: tells the pauses between attempts.
        rng: spreads them.
        report: called with (channel, notice, error) when a notice is given up.
    """

    def __init__(
        self, clock: Clock, rng: random.Random, *, report: Callable[[str, Notice, BaseException], None] | None = None
    ) -> None:
        self._clock = clock
        self._rng = rng
        self._report = report
        self._outlets: dict[str, _Outlet] = {}

    def add(self, channel: Channel) -> None:
        """Deliver to this channel from now on."""
        self._outlets[channel.name] = _Outlet(channel, self._clock, self._rng, self._report)

    def hand_over(self, notices: Iterable[Notice]) -> None:
        """Queue notices for their channels, the most urgent first. Never blocks and never raises."""
        for notice in notices:
            outlet = self._outlets.get(notice.channel)
            if outlet is not None:
                outlet.queue(notice)

    def flush(self, timeout_s: float) -> bool:
        """Wait until all is delivered. False: it was not, within `timeout_s` real seconds in all."""
        began_s = self._monotonic()
        done = True
        for outlet in tuple(self._outlets.values()):
            left_s = timeout_s - (self._monotonic() - began_s)
            done = outlet.worker.flush(max(left_s, 0.0)) and done
        return done

    def waiting(self) -> int:
        """Notices that wait or are being delivered."""
        return sum(outlet.worker.waiting for outlet in tuple(self._outlets.values()))

    def after_fork(self) -> None:
        """In the child: what was queued is the parent's to deliver."""
        for outlet in tuple(self._outlets.values()):
            outlet.after_fork()

    def counts(self) -> dict[str, dict[str, int]]:
        """For each channel: delivered, failed attempts, dropped, waiting."""
        return {name: outlet.counts() for name, outlet in tuple(self._outlets.items())}

    @staticmethod
    def _monotonic() -> float:
        from tocsin.clock import SystemClock  # noqa: PLC0415 - a flush waits in real time, whatever the clock

        return SystemClock().now().mono_s


class _Outlet:
    """One channel with its queue, its thread and, once a coroutine is to be run, its event loop."""

    def __init__(
        self,
        channel: Channel,
        clock: Clock,
        rng: random.Random,
        report: Callable[[str, Notice, BaseException], None] | None,
    ) -> None:
        self._channel = channel
        self._clock = clock
        self._rng = rng
        self._report = report
        self._pause = Wakeup()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing: weakref.finalize[[], _Outlet] | None = None
        self.delivered = self.failed = self.dropped = 0
        self.worker: Worker[Notice] = Worker(f"tocsin-{channel.name}", self._deliver, capacity=QUEUE_SIZE)

    def queue(self, notice: Notice) -> None:
        if not self.worker.post(notice, notice.severity):
            self.dropped += 1

    def after_fork(self) -> None:
        if self._loop is not None and self._closing is not None:
            self._closing.detach()
            _PARKED.append(self._loop)
        self._loop = self._closing = None
        self._pause = Wakeup()
        self.worker.after_fork()

    def counts(self) -> dict[str, int]:
        return {
            "delivered": self.delivered, "failed": self.failed, "dropped": self.dropped, "waiting": self.worker.waiting,
        }  # fmt: skip

    def _deliver(self, notice: Notice) -> None:
        try:
            for attempt in range(1, ATTEMPTS + 1):
                error = self._attempt(notice)
                if error is None:
                    self.delivered += 1
                    return
                self.failed += 1
                if attempt == ATTEMPTS or (isinstance(error, DeliveryError) and error.permanent):
                    self._give_up(notice, error)
                    return
                attend(self._clock, self._pause, threading.current_thread())
                self._clock.wait(self._pause, self._pause_s(attempt, error))
        finally:
            leave(self._clock, self._pause)

    def _attempt(self, notice: Notice) -> BaseException | None:
        """What went wrong; None if nothing did."""
        try:
            self._send(notice)
        except KeyboardInterrupt:
            raise  # without a thread of our own this is a caller's, who pressed Ctrl-C
        except BaseException as error:  # noqa: BLE001 - a loop edge: SystemExit or a cancellation is a failure too
            return error
        return None

    def _send(self, notice: Notice) -> None:
        deliver = getattr(self._channel, "deliver", None)
        if deliver is not None:
            self._finish(deliver(notice))
            return
        if isinstance(self._channel, NoticeChannel):
            self._finish(self._channel.send_notice(notice))
            return
        for alert in notice.alerts or (_as_alert(notice),):
            self._finish(self._channel.send_alert(alert))

    def _finish(self, answer: Any) -> None:
        """Run what a channel gave back to its end, on this channel's own loop, which is kept for its connections."""
        if not inspect.isawaitable(answer):
            return
        import asyncio  # noqa: PLC0415 - loaded only where a coroutine is run

        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._closing = weakref.finalize(self, self._loop.close)
            self._closing.atexit = False  # its thread may be in it to the very end

        async def failure() -> BaseException | None:
            try:
                await answer
            except asyncio.CancelledError:
                raise
            except BaseException as error:  # noqa: BLE001 - a SystemExit would tear the loop, so it leaves as a value
                return error
            return None

        async def within_deadline() -> BaseException | None:
            return await asyncio.wait_for(failure(), DEADLINE_S)

        error = self._loop.run_until_complete(within_deadline())
        if error is not None:
            raise error

    def _pause_s(self, attempt: int, error: BaseException) -> float:
        asked_s = error.retry_after_s if isinstance(error, DeliveryError) else None
        if isinstance(asked_s, (int, float)) and not math.isnan(asked_s):
            return min(max(asked_s, 0.0), MAX_PAUSE_S)
        return FIRST_PAUSE_S * 2.0 ** (attempt - 1) * self._rng.uniform(0.5, 1.5)

    def _give_up(self, notice: Notice, error: BaseException) -> None:
        self.dropped += 1
        if self._report is not None:
            self._report(self._channel.name, notice, error)


def _as_alert(notice: Notice) -> PerformanceAlert:
    """A digest, for channels that know only alerts."""
    lines = "; ".join(f"{line.count} x {line.title}" for line in notice.digest)
    title = "Alerts held back" if notice.kind is NoticeKind.DIGEST else notice.kind.value
    return PerformanceAlert(
        title, f"{notice.reason}: {lines}", notice.severity, id=notice.id, source="tocsin", started_at=notice.created_at
    )
