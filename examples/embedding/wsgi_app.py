"""A WSGI application that keeps what it should not: each request leaves 300 kB behind."""

from collections.abc import Callable, Iterable
from typing import Any

SEEN: list[bytearray] = []


def app(_environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    SEEN.append(bytearray(300_000))  # the line that an alert names
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"seen"]
