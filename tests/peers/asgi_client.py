"""Asks an ASGI application, without a socket: one request, one reply."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, MutableMapping

SERVER = ("127.0.0.1", 8787)


class Reply(NamedTuple):
    """What came back; headers by their name in small letters, the last of each."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body, unpacked and read."""
        packed = self.headers.get("content-encoding") == "gzip"
        return json.loads(gzip.decompress(self.body) if packed else self.body)

    @property
    def error(self) -> str:
        """Why not."""
        return str(self.json()["error"])


class Client:
    """Asks as a browser or a program would.

    Args:
        application: the application.
        headers: sent with each request.
        root: the path at which it is mounted.
    """

    def __init__(self, application: Any, headers: dict[str, str] | None = None, *, root: str = "") -> None:
        self._application = application
        self._root = root
        self.headers = {"host": "127.0.0.1:8787", **(headers or {})}

    def get(self, path: str, **headers: str) -> Reply:
        return self.ask("GET", path, headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Reply:
        content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.ask("POST", path, {"content-type": "application/json", **headers}, content)

    def delete(self, path: str, **headers: str) -> Reply:
        return self.ask("DELETE", path, headers)

    def ask(
        self,
        method: str,
        path: str,
        headers: dict[str, str] | Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        *,
        scheme: str = "http",
    ) -> Reply:
        """Ask; underscores in names of headers are written as dashes."""
        given = list(headers.items()) if isinstance(headers, dict) else list(headers)
        own = [] if any(name == "host" for name, _ in given) else [("host", self.headers["host"])]
        rest = [(name, value) for name, value in self.headers.items() if name != "host"]
        return asyncio.run(self._ask(method, path, [*own, *rest, *given], body, scheme))

    async def _ask(self, method: str, path: str, headers: list[tuple[str, str]], body: bytes, scheme: str) -> Reply:
        status, found, parts = 0, {}, []
        async for message in exchange(self._application, self.scope(method, path, headers, scheme), [body]):
            if message["type"] == "http.response.start":
                status = message["status"]
                found = {name.decode().lower(): value.decode() for name, value in message["headers"]}
            else:
                parts.append(message.get("body", b""))
        return Reply(status, found, b"".join(parts))

    def scope(
        self, method: str, path: str, headers: list[tuple[str, str]], scheme: str = "http"
    ) -> MutableMapping[str, Any]:
        """What a server hands over."""
        plain, _, query = path.partition("?")
        return {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": scheme,
            "path": self._root + plain, "raw_path": (self._root + plain).encode(), "query_string": query.encode(),
            "root_path": self._root, "server": SERVER, "client": ("127.0.0.1", 50000),
            "headers": [(name.replace("_", "-").lower().encode(), value.encode("latin-1")) for name, value in headers],
        }  # fmt: skip


async def exchange(
    application: Any, scope: MutableMapping[str, Any], body: list[bytes]
) -> AsyncGenerator[MutableMapping[str, Any], None]:
    """Run an application, and give what it sends; whoever stops looking disconnects."""
    sent: asyncio.Queue[Any] = asyncio.Queue()
    gone = asyncio.Event()
    parts = list(body)

    async def receive() -> MutableMapping[str, Any]:
        if parts:
            return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}
        await gone.wait()
        return {"type": "http.disconnect"}

    async def run() -> None:
        try:
            await application(scope, receive, sent.put)
        finally:
            await sent.put(None)

    task = asyncio.get_running_loop().create_task(run())
    try:
        while (message := await sent.get()) is not None:
            yield message
    finally:
        gone.set()
        await task
