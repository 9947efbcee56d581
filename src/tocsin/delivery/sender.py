"""Handing one notice to one channel, whatever kind of function it sends with."""

from __future__ import annotations

import inspect
import weakref
from typing import TYPE_CHECKING, Any, Final

from tocsin.channels.protocol import NoticeChannel
from tocsin.model.alert import PerformanceAlert
from tocsin.model.notice import Notice, NoticeKind

if TYPE_CHECKING:
    import asyncio

    from tocsin.channels.protocol import Channel

# A channel that takes longer is given up for this attempt; the channel's own coroutine is cancelled.
DEADLINE_S: Final = 10.0

# Event loops that a forked child has inherited. Closing one there takes descriptors out of the epoll that it shares
# with the parent, whose loop would then sleep through its own wake-ups.
_PARKED: list[asyncio.AbstractEventLoop] = []


class Sender:
    """Sends notices to a channel and, once a coroutine is to be run, keeps an event loop for it.

    Args:
        channel: whom to send to.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing: weakref.finalize[[], Sender] | None = None

    def send(self, notice: Notice) -> BaseException | None:
        """Send a notice. What went wrong; None if nothing did.

        Raises: KeyboardInterrupt: without a thread of our own this is a caller's, who pressed Ctrl-C.
        """
        try:
            self._send(notice)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - a loop edge: SystemExit or a cancellation is a failure too
            return error
        return None

    def after_fork(self) -> None:
        """In the child: the loop is the parent's."""
        if self._loop is not None and self._closing is not None:
            self._closing.detach()
            _PARKED.append(self._loop)
        self._loop = self._closing = None

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


def _as_alert(notice: Notice) -> PerformanceAlert:
    """A digest, for channels that know only alerts."""
    lines = "; ".join(f"{line.count} x {line.title}" for line in notice.digest)
    title = "Alerts held back" if notice.kind is NoticeKind.DIGEST else notice.kind.value
    return PerformanceAlert(
        title, f"{notice.reason}: {lines}", notice.severity, id=notice.id, source="tocsin", started_at=notice.created_at
    )
