"""Programs that leak, of other kinds than the rest, written before the time to detect was worked on.

They were run to see that they do what they say, and then only to judge what was changed, never to choose a number.
"""

from __future__ import annotations

import contextvars
import functools
import heapq
import math
from collections import deque
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

KEPT: list[object] = []
HOOKS: list[Callable[[], object]] = []


def rare_and_large(rng: Random, ticks: int) -> Iterator[None]:
    """One request in twelve fails, and its whole body is remembered."""
    failures: list[bytes] = []
    for _tick in range(ticks):
        body = bytes(rng.randrange(60_000, 240_000))
        if rng.random() < 1 / 12:
            failures.append(bytes(body[1:]))  # leaks
        yield


def ever_faster(_rng: Random, ticks: int) -> Iterator[None]:
    """Each tick keeps more than the one before."""
    for tick in range(ticks):
        KEPT.append([None] * (200 + 3_000 * tick // ticks))  # leaks
        yield


def by_day(rng: Random, ticks: int) -> Iterator[None]:
    """A little of each request stays, and by day there are five times as many."""
    for tick in range(ticks):
        load = 0.6 + 0.4 * math.sin(7 * math.pi * tick / ticks)
        requests = sum(rng.random() < load for _ in range(12))
        KEPT.extend([bytes(1_600) for _ in range(requests)])  # leaks
        yield


def shifts(_rng: Random, ticks: int) -> Iterator[None]:
    """Sixty ticks of work, thirty of none."""
    for tick in range(ticks):
        if tick % 90 < 60:
            KEPT.append(bytearray(11_000))  # leaks
        yield


def preloaded(rng: Random, ticks: int) -> Iterator[None]:
    """A store that is filled at the start, and then gets what never goes, by the same line."""
    store: dict[int, bytes] = {}

    def put(number: int) -> None:
        store[number] = bytes(rng.randrange(3_000, 5_000))  # leaks

    for number in range(600):
        put(-number)
    for tick in range(ticks):
        put(2 * tick)
        put(2 * tick + 1)
        yield


def one_in_forty_stays(rng: Random, ticks: int) -> Iterator[None]:
    """Buffers that go after some ticks, but for one now and then that nobody gives back."""
    under_way: list[tuple[int, bytearray]] = []
    for tick in range(ticks):
        under_way += [(tick + rng.randrange(1, 6), bytearray(9_000)) for _ in range(40)]  # leaks
        KEPT.append(under_way.pop())
        under_way = [one for one in under_way if one[0] > tick]
        yield


class Timer:
    """Something to be done later; whoever cancels it leaves it in the heap."""

    def __init__(self, at: int, number: int) -> None:
        self.order = (at, number)  # leaks: stale_timers
        self.arguments = [number] * 200  # leaks: stale_timers
        self.is_cancelled = False

    def __lt__(self, other: Timer) -> bool:
        return self.order < other.order


def stale_timers(rng: Random, ticks: int) -> Iterator[None]:
    """Timeouts of an hour, cancelled when the answer comes, and taken out when the hour is over."""
    heap: list[Timer] = []
    for tick in range(ticks):
        for number in range(rng.randrange(3, 10)):
            timer = Timer(tick + 3_600, number)  # leaks
            heapq.heappush(heap, timer)
            timer.is_cancelled = True
        while heap and heap[0].order[0] <= tick:
            heapq.heappop(heap)
        yield


def document_that_grows(rng: Random, ticks: int) -> Iterator[None]:
    """A parser whose root keeps what was read."""
    root = ET.Element("feed")
    for tick in range(ticks):
        text = "<item id='{}'>{}</item>".format(tick, "".join(f"<v>{rng.random()}</v>" for _ in range(60)))
        root.append(ET.fromstring(text))  # noqa: S314 - our own text  # leaks
        yield


def answers_to_answers(_rng: Random, ticks: int) -> Iterator[None]:
    """A chain: each message knows the one before it."""
    last: tuple[object, bytes] | None = None
    for _tick in range(ticks):
        for _ in range(5):
            last = (last, bytes(1_900))  # leaks
        yield
    # So long a chain is taken apart without recursion.
    while last is not None:
        last = last[0]  # type: ignore[assignment]


def contexts(_rng: Random, ticks: int) -> Iterator[None]:
    """Callbacks that keep the context they were made in."""
    variables = [contextvars.ContextVar[object](f"v{number}") for number in range(40)]

    def subscribe(number: int) -> None:
        for variable in variables:
            variable.set((number, variable.name, bytes(170)))  # leaks
        HOOKS.append(functools.partial(contextvars.copy_context().run, print))

    for tick in range(ticks):
        subscribe(tick)
        yield


def beside_a_bound(_rng: Random, ticks: int) -> Iterator[None]:
    """The last hundred are kept as they should be, and an index of all beside them."""
    last: deque[bytes] = deque(maxlen=100)
    index: dict[int, list[int]] = {}
    for tick in range(ticks):
        last.append(bytes(14_000))
        index[tick] = list(range(tick, tick + 250))  # leaks
        yield


BEGINS = {"preloaded": 5}

PROGRAMS = (
    rare_and_large,
    ever_faster,
    by_day,
    shifts,
    preloaded,
    one_in_forty_stays,
    stale_timers,
    document_that_grows,
    answers_to_answers,
    contexts,
    beside_a_bound,
)
