"""The page on a thread of its own: it answers while the program's event loop is blocked, and shows what blocks it."""

from __future__ import annotations

import asyncio
import functools
import os
import socket
import ssl
import sys
import threading
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from uvicorn.server import ServerState

from tocsin.clock import Wakeup
from tocsin.errors import ConfigError
from tocsin.system.reporting import complain
from tocsin.web.accepting import Door
from tocsin.web.connection import Connection, make_config
from tocsin.web.keys import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin.system import AlertSystem
    from tocsin.web.application import Page
    from tocsin.web.turn import Turn

END_WITHIN_S: Final = 1.0
BEGIN_WITHIN_S: Final = 5.0
TURN_EVERY_S: Final = 5.0
_BACKLOG: Final = 64


class WebServer:
    """A page on a thread of its own; as a part of a system it begins and ends with it.

    Args:
        page: what is served.
        web: the settings; see `[web]`.
        turn: whose turn it is to serve; a process that has to wait serves when its turn comes.
    Raises: ConfigError: if the certificate cannot be read.
    """

    name = "tocsin-web"

    def __init__(self, page: Page, web: Mapping[str, Any], turn: Turn) -> None:
        self.page = page
        self._turn = turn
        self._host: str = web["host"]
        self._wanted_port: int = web["port"]
        self._tls = _tls(web)
        self._config = make_config(self.page)
        self._begin_anew()
        _remember(self)

    def _begin_anew(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._door: Door | None = None
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._leave = threading.Event()
        self._ready = Wakeup()
        self._ended = Wakeup()

    def attach(self, system: AlertSystem) -> None:
        """Begin and end with a system; at once, if it is started."""
        system._core.parts.add(self)  # noqa: SLF001 - the page is a face of the system
        system.page_url = lambda: self.url or self._url_elsewhere()

    # -- where it is

    @property
    def port(self) -> int:
        """The port it listens on; 0 while it does not."""
        listening = self._socket
        return 0 if listening is None else int(listening.getsockname()[1])

    @property
    def base(self) -> str:
        """The address without a token; empty while it does not listen."""
        return f"{'https' if self._tls else 'http'}://{self._authority()}" if self._socket is not None else ""

    @property
    def url(self) -> str:
        """The address to open, with the token; empty while it does not listen."""
        return self.page.link(self.base) if self._socket is not None else ""

    @property
    def reading_url(self) -> str:
        """The address for whoever may look on only; empty while it does not listen."""
        return self.page.link(self.base, Scope.READ) if self._socket is not None else ""

    def _url_elsewhere(self) -> str:
        base = self._turn.elsewhere()
        return self.page.link(base) if base else ""

    def _authority(self) -> str:
        host = {"0.0.0.0": socket.gethostname(), "::": socket.gethostname()}.get(self._host, self._host)  # noqa: S104 - only named
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

    # -- life

    def begin(self) -> None:
        """Listen, if it is this process's turn, or as soon as it is.

        A port that is taken gives way to a free one; what cannot be had at all is logged.
        """
        self.after_fork()  # which hook comes first in a child is not ours to say
        with self._lock:
            if self._thread is not None or not self._turn.may_come():
                return
            mine = self._turn.take()
            if mine and not self._listen():
                return
            self._ready, self._ended, self._leave = Wakeup(), Wakeup(), threading.Event()
            work = self._live if mine else self._wait_for_turn
            self._thread = threading.Thread(target=work, name=self.name, daemon=True)
            try:
                self._thread.start()
            except RuntimeError as error:
                self._thread = None
                self._close()
                complain(f"the page has no thread: {error}")
                return
        if mine:
            self._ready.wait(BEGIN_WITHIN_S)

    def end(self, timeout_s: float) -> bool:
        """Close all connections, and listen no longer. False: not in time."""
        with self._lock:
            thread, loop, stop = self._thread, self._loop, self._stop
            self._leave.set()
        if thread is None:
            return True
        if loop is not None and stop is not None:
            with suppress(RuntimeError):  # it has just ended
                loop.call_soon_threadsafe(stop.set)
        return self._ended.wait(timeout_s)

    def is_alive(self) -> bool:
        """Whether it serves, or need not."""
        return self._thread is not None or not self._turn.may_come()

    def after_fork(self) -> None:
        """In the child: what the parent listens on is the parent's alone, or its port would never be free again."""
        if os.getpid() == self._pid:
            return
        inherited = [self._socket, *(() if self._door is None else self._door.held())]
        self._begin_anew()
        self._turn.after_fork()
        self.page.after_fork()
        for one in inherited:
            if one is not None:
                with suppress(OSError):
                    one.close()

    def _listen(self) -> bool:
        try:
            self._socket = _listen(self._host, self._wanted_port)
        except OSError as error:
            complain(f"the page cannot listen on {self._host}: {error}")
            self._turn.give()
            return False
        self.page.allow(self._authority())  # the name that is printed
        self._turn.announce(self.base)
        return True

    def _close(self) -> None:
        listening, self._socket = self._socket, None
        if listening is not None:
            listening.close()
        self._turn.give()

    # -- on its thread

    def _wait_for_turn(self) -> None:
        """Another process serves; when it ends, one of those that wait does."""
        leave = self._leave
        while not leave.wait(TURN_EVERY_S):
            if self._turn.take() and self._listen():
                self._live()
                return
        self._rest()

    def _live(self) -> None:
        loop = asyncio.new_event_loop()
        loop.set_exception_handler(lambda _loop, _context: None)  # a broken connection is not the program's news
        try:
            loop.run_until_complete(self._serve(loop))
        except Exception as error:  # noqa: BLE001 - an edge: the program goes on without its page
            complain("the page ended", error=error)
        finally:
            self._close()
            with suppress(Exception):
                loop.close()
            self._rest()

    def _rest(self) -> None:
        with self._lock:
            self._thread = self._loop = self._stop = None
        self._ready.set()
        self._ended.set()

    async def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        stop = asyncio.Event()
        state = ServerState()
        listening = self._socket
        if listening is None:
            return
        door = self._door = Door(listening, lambda: Connection(self._config, state, loop), self._tls)
        opened = loop.create_task(door.open())
        with self._lock:
            self._loop, self._stop = loop, stop
            if self._leave.is_set():
                stop.set()  # it was to end before it had begun
        self.page.hub.open()
        self._ready.set()
        await stop.wait()
        opened.cancel()
        await asyncio.wait([opened])
        self._close()
        self.page.hub.close()
        await _end_all(state)


async def _end_all(state: ServerState) -> None:
    """Let answers that are under way come to their end, for a moment."""
    for connection in tuple(state.connections):
        connection.shutdown()
    tasks = set(state.tasks)
    if tasks:
        _, late = await asyncio.wait(tasks, timeout=END_WITHIN_S)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=END_WITHIN_S)
    for connection in tuple(state.connections):
        connection.transport.abort()
    await asyncio.sleep(0)


def _listen(host: str, port: int) -> socket.socket:
    """A socket that listens, on this port or a free one. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for wanted in dict.fromkeys((port, 0)):
        # Named so, asyncio sends what is written at once; else each answer waits 40 ms for the browser's leave.
        found = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            if sys.platform != "win32":  # there it would let two programs share the port
                found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            found.bind((host, wanted))
            found.listen(_BACKLOG)
            found.setblocking(False)
        except OSError:
            found.close()
            if wanted == 0:
                raise
            continue
        return found
    raise OSError(f"no port of {host} is to be had")


def _tls(web: Mapping[str, Any]) -> ssl.SSLContext | None:
    if "certificate" not in web:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(web["certificate"], web["private_key"])
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"[web] certificate {web['certificate']}, private_key {web['private_key']}: cannot be read as a pair "
            f"in PEM form: {error}"
        ) from error
    return context


_servers: weakref.WeakSet[WebServer] = weakref.WeakSet()


def _remember(server: WebServer) -> None:
    _install_hook()
    _servers.add(server)


@functools.cache  # a hook cannot be taken back, so it is set once
def _install_hook() -> None:
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_in_child)


def _in_child() -> None:
    for server in tuple(_servers):
        server.after_fork()
