"""How answers are sent: JSON, small, compressed where that helps, and never kept by anybody on the way."""

from __future__ import annotations

import gzip
from html import escape
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping, Sequence

    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

JSON: Final = b"application/json"
# Below this the header of gzip eats what it saves.
_WORTH_IT: Final = 1400
_NOT_KEPT: Final = (b"cache-control", b"no-store")
# An icon is named on each, or a browser asks for one where there is none, and complains.
_HEAD: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Tocsin</title><link rel="icon" href="static/icon.svg" type="image/svg+xml">
"""
_CLOSED: Final = """<link rel="stylesheet" href="static/style.css">
<main class="closed"><h1>This page is closed</h1><p>{message}</p></main></html>
"""


class Refusal(Exception):
    """A request that is not carried out.

    Attributes:
        status: of HTTP.
        message: why, in words that name the remedy.
        headers: to be sent along.
        close: whether the connection ends with it, since more of the request would come.
        page: whether a browser shows it to a person; without a message for a moment only, on the way elsewhere.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        headers: Sequence[tuple[bytes, bytes]] = (),
        close: bool = False,
        page: bool = False,
    ) -> None:
        self.status = status
        self.message = message
        self.headers = headers
        self.close = close
        self.page = page
        super().__init__(message)


async def send_refusal(send: Send, refusal: Refusal, *, head: bool = False) -> None:
    """Say why not."""
    headers = [*refusal.headers, *([(b"connection", b"close")] if refusal.close else [])]
    if refusal.page:
        body = (_HEAD + (_CLOSED.format(message=escape(refusal.message)) if refusal.message else "")).encode()
        await send_body(send, refusal.status, body, kind=b"text/html; charset=utf-8", headers=headers, head=head)
        return
    body = msgspec.json.encode({"error": refusal.message}) if refusal.message else b""
    await send_body(send, refusal.status, body, headers=headers, head=head)


async def send_body(
    send: Send,
    status: int,
    body: bytes,
    *,
    kind: bytes = JSON,
    headers: Sequence[tuple[bytes, bytes]] = (),
    head: bool = False,
    gzips: bool = False,
) -> None:
    """Send a whole answer.

    Args:
        send: of ASGI.
        status: of HTTP.
        body: as it is.
        kind: its Content-Type.
        headers: further ones; without a Cache-Control of theirs nobody keeps it.
        head: whether only the headers are wanted.
        gzips: whether whoever asked understands gzip.
    """
    further = list(headers)
    if not any(name == b"cache-control" for name, _ in further):
        further.append(_NOT_KEPT)
    if gzips and len(body) >= _WORTH_IT:
        body = gzip.compress(body, 4, mtime=0)
        further += [(b"content-encoding", b"gzip"), (b"vary", b"accept-encoding")]
    start = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), *further]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": b"" if head else body})
