"""Sending the events of the hub to one page, for as long as it listens and reads."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from tocsin.web.replies import Refusal, send_refusal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from tocsin.web.events import Hub, Listener

    Message = MutableMapping[str, Any]

MAX_STREAMS: Final = 100
QUIET_S: Final = 15.0
SEND_WITHIN_S: Final = 20.0
_HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


class Stream:
    """An ASGI endpoint.

    Args:
        hub: whose events are sent.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Send until the page leaves, reads no more, or the server ends."""
        if len(self._hub) >= MAX_STREAMS:
            busy = Refusal(503, f"{MAX_STREAMS} pages are open already", headers=[(b"retry-after", b"10")])
            await send_refusal(send, busy)
            return
        if scope["method"] == "HEAD":
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            await send({"type": "http.response.body", "body": b""})
            return
        last = next((value for key, value in scope["headers"] if key.lower() == b"last-event-id"), b"")
        listener = self._hub.listen(last.decode("latin-1"))
        gone = asyncio.get_running_loop().create_task(_gone(receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            await self._tell(listener, gone, send)
        except TimeoutError:
            return  # whoever reads so slowly is let go; the page comes back by itself
        finally:
            self._hub.leave(listener)
            gone.cancel()

    async def _tell(
        self, listener: Listener, gone: asyncio.Task[None], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        text = listener.hello()
        while not gone.done():
            listener.bell.clear()
            text += listener.news()
            async with asyncio.timeout(SEND_WITHIN_S):
                await send({"type": "http.response.body", "body": text or b": quiet\n\n", "more_body": True})
            if self._hub.closed:
                await send({"type": "http.response.body", "body": b""})
                return
            rung = asyncio.get_running_loop().create_task(listener.bell.wait())
            try:
                waits: set[asyncio.Task[Any]] = {rung, gone}
                await asyncio.wait(waits, timeout=QUIET_S, return_when=asyncio.FIRST_COMPLETED)
            finally:
                rung.cancel()
            text = b""


async def _gone(receive: Callable[[], Awaitable[Message]]) -> None:
    with suppress(Exception):  # however it ended, nobody is there
        while (await receive())["type"] != "http.disconnect":
            pass
