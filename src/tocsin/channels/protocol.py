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
