"""The dead-man's heartbeat: somebody outside hears that the program is watched, and rings when that ends.

It is sent behind a pass that succeeded, and has no timer of its own: a watch thread that hangs, dies or fails at each
step sends nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tocsin.errors import DeliveryError
from tocsin.tally import Tally
from tocsin.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin.channels.http import Transport
    from tocsin.clock import Instant
    from tocsin.model.secret import Secret

NAME: Final = "tocsin-heartbeat"


class Heartbeat:
    """Says to one address that all is well, on a thread of its own that is there only while it speaks.

    Args:
        settings: `url`, `every`, `allow_private`; without a URL nothing is ever sent.
        disabled: nothing is to be sent.

    Attributes:
        sent: heartbeats that were taken.
        failed: those that were not; each is tried once, since the next one is on its way.
        skipped: those that were due while the one before was still on its way.
        last_error: why the last one was not taken; empty if it was.
    """

    def __init__(self, settings: Mapping[str, Any], *, disabled: bool = False) -> None:
        self.sent = Tally()
        self.failed = Tally()
        self.skipped = Tally()
        self.last_error = ""
        self._silent = disabled
        self.reload(settings)
        self._worker: Worker[Secret] = Worker(NAME, self._send, capacity=1)

    def reload(self, settings: Mapping[str, Any]) -> None:
        """Say it there, and so often, from now on; the counts go on."""
        self._transport = _transport(settings) if settings.get("url") is not None else None
        self._every_s: float = settings.get("every", 0.0)
        self._due_s: float | None = None
        self._url: Secret | None = None if self._silent else settings.get("url")

    def passed(self, now: Instant) -> None:
        """A pass has succeeded; if it is time, say so outside. Never blocks."""
        if self._url is None or (self._due_s is not None and now.mono_s < self._due_s):
            return
        self._due_s = now.mono_s + self._every_s
        if self._worker.waiting:
            self.skipped.add()
        else:
            self._worker.post(self._url)

    def flush(self, timeout_s: float) -> bool:
        """Wait until the one on its way has come to its end, in real seconds. False: it has not."""
        return self._worker.flush(timeout_s)

    def status(self) -> dict[str, Any] | None:
        """How it does, as plain values; None: there is none."""
        if self._url is None:
            return None
        return {"every_s": self._every_s, **self.counts(), "last_error": self.last_error}

    def lost(self) -> int:
        """Heartbeats that nobody outside has taken: failed or skipped."""
        return self.failed.value() + self.skipped.value()

    def counts(self) -> dict[str, int]:
        """Sent, failed, skipped."""
        return {"sent": self.sent.value(), "failed": self.failed.value(), "skipped": self.skipped.value()}

    def after_fork(self) -> None:
        """In the child: it would hide that the parent has died, so it is silent."""
        self._silent, self._url = True, None
        self._worker.after_fork()

    def _send(self, url: Secret) -> None:
        if self._transport is None:
            return  # a reload took it away in this moment
        try:
            self._transport.post(url, b"", content_type="text/plain")
        except DeliveryError as error:
            self.failed.add()
            self.last_error = str(error)
            return
        self.sent.add()
        self.last_error = ""


def _transport(settings: Mapping[str, Any]) -> Transport:
    from tocsin.channels.http import Transport  # noqa: PLC0415 - loaded only where there is a heartbeat

    return Transport(allow_private=settings.get("allow_private", False), remarks=False)
