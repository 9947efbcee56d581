"""A connection to the page's own server: uvicorn's HTTP/1.1, with bounds, and without a word to the program's log."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio

    from uvicorn.config import Config
    from uvicorn.server import ServerState

HEAD_WITHIN_S: Final = 10.0
# Who was refused may send the rest of the body, and so come to read why.
REST_WITHIN_S: Final = 1.0
READ_WITHIN_S: Final = 20.0
KEPT_ALIVE_S: Final = 15
MAX_HEAD_BYTES: Final = 32 * 1024

# What a stranger sends is not the program's news. A logger of its own: uvicorn's may be the program's.
_SILENT: Final = logging.Logger("tocsin.web.connection", logging.CRITICAL + 1)  # noqa: LOG001 - known to nobody
_SILENT.propagate = False


class Connection(H11Protocol):
    """One connection.

    It is closed if its request does not come in time, or its answer is not read.
    """

    def __init__(self, config: Config, server_state: ServerState, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(config, server_state, {}, loop)
        self.logger = self.access_logger = _SILENT
        self.access_log = False
        self._late: asyncio.TimerHandle | None = None
        self._is_over = False
        self._unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody came."""
        super().connection_made(transport)  # type: ignore[arg-type]  # uvicorn names the transport it is given
        self._expect(HEAD_WITHIN_S)

    def data_received(self, data: bytes) -> None:
        """Somebody sent something."""
        super().data_received(data)
        if self._is_answering() or (self._is_over and self.conn.their_state is h11.IDLE):
            self._cancel()
        if not self._is_answering():
            self._expect(HEAD_WITHIN_S)

    def on_response_complete(self) -> None:
        """Somebody was answered, perhaps before they had sent all of their request."""
        super().on_response_complete()
        if self.conn.their_state is h11.SEND_BODY and not self._is_answering() and not self.transport.is_closing():
            self._expect(REST_WITHIN_S)
            self._is_over = True

    def connection_lost(self, exc: Exception | None) -> None:
        """Somebody left."""
        self._cancel()
        self._forgive()
        super().connection_lost(exc)

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _expect(self, within_s: float) -> None:
        """Something is to come; the time for it does not begin anew with each byte."""
        if self._late is None:
            self._late = self.loop.call_later(within_s, self._give_up)

    def _cancel(self) -> None:
        self._is_over = False
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def pause_writing(self) -> None:
        """Whoever asked does not read the answer as fast as it comes."""
        super().pause_writing()
        if self._unread is None:
            self._unread = self.loop.call_later(READ_WITHIN_S, self.transport.abort)

    def resume_writing(self) -> None:
        """They went on reading."""
        self._forgive()
        super().resume_writing()

    def _forgive(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _give_up(self) -> None:
        self._late = None
        if not self._is_answering():
            self.transport.abort()


def make_config(application: Any) -> Config:
    """What uvicorn is told: to serve this application, and to leave the program's log and signals alone."""
    from uvicorn.config import Config  # noqa: PLC0415 - beside the annotation above

    config = Config(
        application, http=Connection, ws="none", lifespan="off", log_config=None, access_log=True, server_header=False,
        date_header=False, proxy_headers=False, timeout_keep_alive=KEPT_ALIVE_S,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
    )  # fmt: skip
    config.load()
    return config
