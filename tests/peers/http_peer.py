"""A real HTTP server on the loopback that answers as it is told, well or badly."""

from __future__ import annotations

import contextlib
import json
import socket
import socketserver
import struct
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    Reply = Callable[[socket.socket], None]


class Request(NamedTuple):
    """What was asked."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class HttpPeer:
    """A server with a thread for each connection.

    Attributes:
        requests: all that were read to their end, in order.
        replies: used up one a request; then `default` answers.
        connections: how many there were.
        keeps_open: whether more than one request is answered on a connection.
    """

    def __init__(self, default: Reply | None = None, *, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Request] = []
        self.replies: list[Reply] = []
        self.default = default or answer(200, b"ok")
        self.connections = 0
        self.keeps_open = False
        self.released = threading.Event()  # lets whoever hangs go
        self._lock = threading.Lock()
        peer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(OSError):
                    peer._serve(tls.wrap_socket(self.request, server_side=True) if tls else self.request)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True
            request_queue_size = 64

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        """Be gone: nobody listens any more."""
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10.0)

    def hang(self, _: socket.socket) -> None:
        """A reply that does not come."""
        self.released.wait(60.0)

    def _serve(self, connection: socket.socket) -> None:
        self.connections += 1
        with connection, connection.makefile("rb") as stream:
            while first := stream.readline().decode("latin-1"):
                if not first.endswith("\n") or first.count(" ") < 2:
                    break  # half a line: the client was killed, or gave up, as it spoke
                method, path, _ = first.split(" ", 2)
                headers: dict[str, str] = {}
                while line := stream.readline().decode("latin-1").strip():
                    name, _, value = line.partition(":")
                    headers[name.lower()] = value.strip()
                body = stream.read(int(headers.get("content-length", 0)))
                with self._lock:
                    self.requests.append(Request(method, path, headers, body))
                    reply = self.replies.pop(0) if self.replies else self.default
                reply(connection)
                if not self.keeps_open or connection._closed:  # type: ignore[attr-defined]  # the stream keeps it open
                    break


def answer(status: int, body: bytes = b"", **headers: str) -> Reply:
    """A whole answer; `Retry_After="1"` becomes the header Retry-After."""

    def reply(connection: socket.socket) -> None:
        named = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        head = f"HTTP/1.1 {status} Said\r\nContent-Length: {len(body)}\r\n{named}\r\n"
        connection.sendall(head.encode("latin-1") + body)

    return reply


def json_answer(document: Any) -> Reply:
    return answer(200, json.dumps(document).encode(), Content_Type="application/json")


def reset(connection: socket.socket) -> None:
    """The connection breaks instead of an answer."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def drips(beginning: bytes) -> Reply:
    """An answer that goes on byte by byte; each read succeeds at once, and it never is whole."""

    def reply(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(beginning)
        while True:  # until nobody listens
            connection.sendall(b"x")
            threading.Event().wait(0.002)  # so that bytes do not arrive in heaps

    return reply


def endless(connection: socket.socket) -> None:
    """A body without end; stops when nobody reads."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connection.sendall(b"x" * 65536)
