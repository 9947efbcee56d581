"""A small shop over HTTP that misbehaves in three everyday ways. `tocsin demo` runs it and puts load on it.

    GET /price    prices all orders in two threads     burns CPU
    GET /report   waits for a slow printer             blocks the event loop, and with it everybody else
    GET /login    opens a session that nobody closes   grows the memory

Run it yourself with `tocsin run --config examples/demo.toml examples/misbehaving_service.py --port 8000`, and then ask
for http://127.0.0.1:8000/report a few times. It knows nothing of Tocsin.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import os
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

SESSIONS: dict[str, bytearray] = {}
SESSION_BYTES = 200_000
MERCY_BYTES = 500_000_000
ORDER = b"2 apples, 1 pear; " * 5_000
PRICING_S = 1.5
PRINTER_S = 1.2


# --- the three misdeeds ---


async def price(_number: int) -> str:
    """Burn CPU in two threads; the event loop stays free, and hashing lets other threads run."""
    orders = await asyncio.gather(asyncio.to_thread(price_orders), asyncio.to_thread(price_orders))
    return f"{sum(orders)} orders priced"


def price_orders() -> int:
    end_s = time.perf_counter() + PRICING_S
    orders = 0
    while time.perf_counter() < end_s:
        hashlib.sha256(ORDER).hexdigest()
        orders += 1
    return orders


async def report(_number: int) -> str:
    """Block the event loop: a blocking call in a coroutine, as an unsuspecting library would make it."""
    return wait_for_printer()


def wait_for_printer() -> str:
    time.sleep(PRINTER_S)
    return "printed"


async def login(number: int) -> str:
    """Leak: each session stays, and holds a cart."""
    if len(SESSIONS) * SESSION_BYTES > MERCY_BYTES:
        SESSIONS.clear()  # a real leak would go on; this one spares the machine of whoever forgets the demo
    cart = bytearray(os.urandom(1) * SESSION_BYTES)
    SESSIONS[f"session-{number}"] = cart
    return f"welcome, you are session {len(SESSIONS)}"


async def health(_number: int) -> str:
    return "well"


# --- just enough HTTP ---

ROUTES: dict[str, Callable[[int], Awaitable[str]]] = {
    "/price": price,
    "/report": report,
    "/login": login,
    "/health": health,
}


class Shop:
    """Answers one request a connection."""

    def __init__(self) -> None:
        self.requests = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await reader.readuntil(b"\r\n\r\n")
            _method, path, _rest = request.decode("latin-1").split(" ", 2)
            self.requests += 1
            status, body = "404 Not Found", "no such page"
            if path in ROUTES:
                status, body = "200 OK", await ROUTES[path](self.requests)
            head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            writer.write((head + body).encode())
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, ValueError):
            pass  # the visitor left, or did not speak HTTP; or we are closing
        finally:
            writer.close()


def tell_when_stdin_closes(loop: asyncio.AbstractEventLoop, closed: asyncio.Event) -> None:
    while os.read(0, 4096):
        pass
    with contextlib.suppress(RuntimeError):  # the loop has ended before
        loop.call_soon_threadsafe(closed.set)


async def serve(port: int, *, until_stdin_closes: bool) -> None:
    server = await asyncio.start_server(Shop().answer, "127.0.0.1", port)
    port = server.sockets[0].getsockname()[1]
    print(f"listening on http://127.0.0.1:{port}", flush=True)
    over = asyncio.Event()
    if until_stdin_closes:
        arguments = (asyncio.get_running_loop(), over)
        threading.Thread(target=tell_when_stdin_closes, args=arguments, name="leash", daemon=True).start()
    async with server:
        await over.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description="A small shop that misbehaves.")
    parser.add_argument("--port", type=int, default=8000, help="0 takes a free one")
    parser.add_argument("--until-stdin-closes", action="store_true", help="end with the program that started this one")
    options = parser.parse_args()
    try:
        asyncio.run(serve(options.port, until_stdin_closes=options.until_stdin_closes))
    except KeyboardInterrupt:
        pass
    except OSError as error:
        raise SystemExit(f"cannot listen on port {options.port}: {error}") from None


if __name__ == "__main__":
    main()
