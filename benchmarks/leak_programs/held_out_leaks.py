"""Programs that leak, written before the detector was first run on them.

The first run gave a precision of 0.97 and a recall of 0.92; some later changes were made after looking at its mistakes.
"""

from __future__ import annotations

import asyncio
import copy
import ctypes
import functools
import logging
import queue
import threading
from array import array
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

KEPT: list[object] = []
USERS: dict[int, object] = {}
HEADERS: dict[int, object] = {}
BODIES: dict[int, object] = {}
TRACES: dict[int, object] = {}


def arrays(_rng: Random, ticks: int) -> Iterator[None]:
    """Arrays of the size of a sample and above."""
    for tick in range(ticks):
        if tick % 8 == 0:
            KEPT.append(array("d", [0.0]) * 20_000)  # leaks
        yield


def in_thread(_rng: Random, ticks: int) -> Iterator[None]:
    """A worker that remembers each job."""
    jobs: queue.SimpleQueue[int | None] = queue.SimpleQueue()
    done: queue.SimpleQueue[bool] = queue.SimpleQueue()

    def work() -> None:
        while (job := jobs.get()) is not None:
            USERS[job] = bytearray(8_000)  # leaks: in_thread
            done.put(True)

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    for tick in range(ticks):
        jobs.put(tick)
        done.get()
        yield
    jobs.put(None)
    worker.join()


def pending_tasks(_rng: Random, ticks: int) -> Iterator[None]:
    """Tasks that wait for what never comes."""
    loop = asyncio.new_event_loop()
    never = loop.create_future()

    async def wait() -> None:
        body = bytearray(6_500)  # leaks: pending_tasks
        await asyncio.shield(never)
        body.clear()

    async def turn() -> None:
        KEPT.append(asyncio.ensure_future(wait()))  # leaks
        await asyncio.sleep(0)

    for _tick in range(ticks):
        loop.run_until_complete(turn())
        yield


def suspended_generators(_rng: Random, ticks: int) -> Iterator[None]:
    """Generators that were begun and are kept."""

    def rows() -> Iterator[int]:
        page = list(range(10_000, 10_900))  # leaks: suspended_generators
        yield from page

    for _tick in range(ticks):
        KEPT.append(one := rows())
        next(one)
        yield


def exceptions_kept(rng: Random, ticks: int) -> Iterator[None]:
    """Errors whose tracebacks keep the frames, and these what they worked on."""

    def parse() -> None:
        text = "x" * rng.randrange(6_000, 12_000)  # leaks: exceptions_kept
        int(text)

    for _tick in range(ticks):
        try:
            parse()
        except ValueError as error:
            KEPT.append(error)
        yield


def users_who_rarely_leave(rng: Random, ticks: int) -> Iterator[None]:
    """Of ten that come, two go again."""
    for tick in range(ticks):
        USERS[tick] = {"name": f"user {tick}", "basket": bytes(9_000)}  # leaks
        if rng.random() < 0.2:
            USERS.pop(rng.choice(list(USERS)))
        yield


def unbounded_lru(rng: Random, ticks: int) -> Iterator[None]:
    """A cache without a bound, by which each call is another."""

    @functools.cache
    def render(number: float) -> str:
        return f"{number:030.20f}" * 250  # leaks: unbounded_lru

    for _tick in range(ticks):
        render(rng.random())
        render(0.5)
        yield


def copies(rng: Random, ticks: int) -> Iterator[None]:
    """Deep copies, for an undo that has no end."""
    document: dict[str, object] = {
        "words": [str(rng.random()) for _ in range(30)],
        "marks": {n: [n] for n in range(60)},
    }
    for _tick in range(ticks):
        KEPT.append(copy.deepcopy(document))  # leaks
        yield


def header(number: int) -> None:
    """The first of three small things that are kept."""
    HEADERS[number] = bytes(2_600)  # leaks: several_functions


def body(number: int) -> None:
    """The second."""
    BODIES[number] = bytearray(2_600)  # leaks: several_functions


def trace(number: int) -> None:
    """The third."""
    TRACES[number] = [number] * 320  # leaks: several_functions


def remember(number: int) -> None:
    """Keeps three things, each in a function of its own."""
    header(number)  # leaks: several_functions
    body(number)  # leaks: several_functions
    trace(number)  # leaks: several_functions


def several_functions(_rng: Random, ticks: int) -> Iterator[None]:
    """One cache in three functions."""
    for tick in range(ticks):
        remember(tick)  # leaks
        yield


def records(_rng: Random, ticks: int) -> Iterator[None]:
    """A handler that keeps what was logged."""

    class Keeping(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            KEPT.append(record)

    log = logging.getLogger("leaky")
    log.addHandler(Keeping())
    for tick in range(ticks):
        for _ in range(6):
            log.warning("tick %d %s", tick, {"a": tick})  # leaks
        yield


def over_a_sawtooth(_rng: Random, ticks: int) -> Iterator[None]:
    """Batches come and go in the line beside it."""
    rows: list[bytes] = []
    for tick in range(ticks):
        rows.extend([bytes(1_500) for _ in range(30)])
        KEPT.append(bytes(7_000))  # leaks
        if tick % 75 == 74:
            rows.clear()
        yield


def native_blocks(_rng: Random, ticks: int) -> Iterator[None]:
    """Memory of C, which no allocator of Python sees."""
    malloc = ctypes.CDLL(None).malloc
    malloc.restype, malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    for _tick in range(ticks):
        ctypes.memset(malloc(50_000), 1, 50_000)
        yield


PROGRAMS = (
    arrays,
    in_thread,
    pending_tasks,
    suspended_generators,
    exceptions_kept,
    users_who_rarely_leave,
    unbounded_lru,
    copies,
    several_functions,
    records,
    over_a_sawtooth,
    native_blocks,
)
