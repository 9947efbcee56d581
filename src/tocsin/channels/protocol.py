"""What a channel is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from tocsin.model.alert import PerformanceAlert
    from tocsin.model.notice import Notice


@runtime_checkable
class AlertChannel(Protocol):
    """Hands alerts to somebody. A name and one coroutine (or plain function) are enough.

    Raise `DeliveryError(permanent=True)` where trying again is useless; any other exception is tried again.

    Beside these a channel may have `deliver(notice)`, which is then called instead, on a thread of the channel's own;
    an attribute `severity` (this and worse is told) or `keeps_state = True` (it wants to know when an event is over);
    and the methods `after_fork()` and `close()`, for one that has threads or connections of its own.
    """

    name: str

    async def send_alert(self, alert: PerformanceAlert) -> None:
        """Tell of one alert."""
        ...


@runtime_checkable
class NoticeChannel(Protocol):
    """A channel that takes whole notices: groups, ends and digests, not only single alerts."""

    name: str

    async def send_notice(self, notice: Notice) -> None:
        """Tell of a notice."""
        ...


Channel = AlertChannel | NoticeChannel
