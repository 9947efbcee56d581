"""What the channels have in common that hand notices to somebody outside."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from tocsin.channels.options import severity_of, text
from tocsin.channels.wording import notice_of
from tocsin.errors import ConfigError, Problem
from tocsin.model.levels import AlertSeverity

if TYPE_CHECKING:
    from tocsin.model.alert import PerformanceAlert
    from tocsin.model.notice import Notice


class OutgoingChannel(ABC):
    """A channel that takes whole notices and blocks while it delivers them, on whatever thread it is called.

    Args:
        name: unique among the channels.
        severity: this and worse is told; also a number 1 to 3 or a name.
    """

    def __init__(self, name: str, severity: AlertSeverity | int | str = AlertSeverity.INFO) -> None:
        owner = type(self).__name__
        self.severity = severity_of(owner, severity)
        try:
            self.name = text(name)
        except ValueError as error:
            raise ConfigError([Problem(owner, "name", repr(name)[:80], str(error), 'name="pager"')]) from None

    @abstractmethod
    def deliver(self, notice: Notice) -> None:
        """Hand over a notice, within the channel's deadline. May be called from several threads.

        Raises: DeliveryError: if it could not be handed over.
        """

    async def send_alert(self, alert: PerformanceAlert) -> None:
        """Hand over one alert, as a notice of its own, without blocking the caller's event loop."""
        import asyncio  # noqa: PLC0415 - whoever awaits has loaded it

        await asyncio.to_thread(self.deliver, notice_of(alert, self.name))

    def __repr__(self) -> str:
        """The name alone: addresses and keys are nobody's business."""
        return f"{type(self).__name__}(name={self.name!r})"
