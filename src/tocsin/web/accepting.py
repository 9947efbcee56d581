"""Taking connections: no more at a time than the program can spare descriptors for, and this at every moment.

asyncio's own server takes in as many as wait before it makes the first of them a connection, and counts none that has
not yet finished its TLS handshake. So there is no moment at which a bound could be held.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Callable

# Each takes a file descriptor from the program, which has its own use for them.
MAX_CONNECTIONS: Final = 200
HANDSHAKE_WITHIN_S: Final = 10.0
# Where the program has no descriptor left, whoever waits goes on waiting, and asking at once would only cost CPU.
PAUSE_S: Final = 1.0


class Door:
    """Lets connections in; one too many is closed at once.

    Args:
        listening: the socket that listens; not blocking.
        make: makes the protocol of a connection.
        tls: for TLS.
    """

    def __init__(
        self, listening: socket.socket, make: Callable[[], asyncio.BaseProtocol], tls: ssl.SSLContext | None
    ) -> None:
        self._listening = listening
        self._make = make
        self._tls = tls
        self._held: list[socket.socket] = []
        self._coming: set[asyncio.Task[Any]] = set()

    def held(self) -> list[socket.socket]:
        """The sockets that are open; also those of visitors who have not come further than the handshake."""
        self._held = [one for one in self._held if one.fileno() >= 0]
        return self._held

    async def open(self) -> None:
        """Take connections until cancelled."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                try:
                    one, _ = await loop.sock_accept(self._listening)
                except ConnectionError:
                    continue  # it left before it was taken
                except OSError:
                    await asyncio.sleep(PAUSE_S)
                    continue
                if len(self.held()) >= MAX_CONNECTIONS:
                    one.close()
                else:
                    self._held.append(one)
                    self._welcome(one, loop)
                await asyncio.sleep(0)  # a crowd at the door does not keep those inside from being answered
        finally:
            for task in self._coming:
                task.cancel()

    def _welcome(self, one: socket.socket, loop: asyncio.AbstractEventLoop) -> None:
        one.setblocking(False)
        task = loop.create_task(self._connect(one, loop))
        self._coming.add(task)
        task.add_done_callback(self._coming.discard)

    async def _connect(self, one: socket.socket, loop: asyncio.AbstractEventLoop) -> None:
        within_s = HANDSHAKE_WITHIN_S if self._tls is not None else None
        with suppress(OSError, TimeoutError):  # no TLS, or not in time; asyncio has closed it
            await loop.connect_accepted_socket(self._make, one, ssl=self._tls, ssl_handshake_timeout=within_s)
