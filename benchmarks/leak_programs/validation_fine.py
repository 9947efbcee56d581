"""Programs that do not leak, of other kinds than the rest, written before the time to detect was worked on.

They were run to see that they do what they say, and then only to judge what was changed, never to choose a number.
"""

from __future__ import annotations

import asyncio
import gc
import math
from collections import OrderedDict
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

POOL: list[bytearray] = []


def names_by_frequency(rng: Random, ticks: int) -> Iterator[None]:
    """Seven hundred names, the n-th of them asked for a n-th as often: new ones come ever more rarely."""
    shares = list(accumulate(1 / number for number in range(1, 701)))
    known: dict[int, bytes] = {}
    for _tick in range(ticks):
        for name in rng.choices(range(700), cum_weights=shares, k=15):
            if name not in known:
                known[name] = bytes(14_000)
        yield


def grid_of_answers(rng: Random, ticks: int) -> Iterator[None]:
    """A memory of answers to four hundred questions, asked at random, until all were asked."""
    known: dict[int, list[int]] = {}

    def answer(question: int) -> list[int]:
        if question not in known:
            known[question] = list(range(question, question + 1_500))
        return known[question]

    for _tick in range(ticks):
        for _ in range(3):
            answer(rng.randrange(400))
        yield


def two_generations(rng: Random, ticks: int) -> Iterator[None]:
    """A cache that now and then drops the older half of its time."""
    young: dict[float, bytes] = {}
    old: dict[float, bytes] = {}
    for tick in range(ticks):
        for _ in range(4):
            young[rng.random()] = bytes(5_000)
        if tick % 70 == 69:
            old, young = young, {}
        old.get(0.0)
        yield


def timers(rng: Random, ticks: int) -> Iterator[None]:
    """Things that go by themselves, some soon and some late."""
    waiting: list[tuple[int, bytearray]] = []
    for tick in range(ticks):
        waiting = [one for one in waiting if one[0] > tick]
        waiting.extend((tick + rng.randrange(20, 150), bytearray(7_000)) for _ in range(3))
        yield


def subscribers(rng: Random, ticks: int) -> Iterator[None]:
    """A service that becomes known: few come, then many, then all are there."""
    there: dict[int, bytes] = {}
    wanted = 0.0
    for tick in range(ticks):
        wanted = 900 / (1 + math.exp(-18 * (tick / ticks - 0.35)))
        while len(there) < wanted:
            there[len(there)] = bytes(rng.randrange(4_000, 12_000))
        yield


def largest_so_far(rng: Random, ticks: int) -> Iterator[None]:
    """A pool as large as the largest rush that there ever was."""
    for _tick in range(ticks):
        wanted = int(rng.lognormvariate(3.5, 0.5))
        while len(POOL) < wanted:
            POOL.append(bytearray(60_000))
        yield


def outage(_rng: Random, ticks: int) -> Iterator[None]:
    """What cannot be sent waits, and is sent when the line is back."""
    waiting: list[bytes] = []
    for tick in range(ticks):
        waiting.append(bytes(12_000))
        is_down = 0.35 * ticks < tick < 0.6 * ticks
        if not is_down:
            del waiting[-12:]
        yield


def new_index(_rng: Random, ticks: int) -> Iterator[None]:
    """Built beside the old one for a quarter of the run, and put in its place."""
    steps = ticks // 4
    built: list[list[int]] = []
    index: list[list[int]] = []
    for tick in range(ticks):
        built.append(list(range(tick, tick + 1_200)))
        if len(built) == steps:
            index, built = built, []
        len(index)
        yield


class Message:
    """Knows its answer, which knows it."""

    def __init__(self, text: bytes) -> None:
        self.text = text
        self.answer: Message | None = None


def cycles_left_to_the_collector(rng: Random, ticks: int) -> Iterator[None]:
    """Pairs that the collector takes away, the old ones only now and then."""
    gc.enable()
    lately: list[Message] = []
    for _tick in range(ticks):
        for _ in range(60):
            one, two = Message(bytes(1_500)), Message(bytes(1_500))
            one.answer, two.answer = two, one
            lately.append(one)
        if len(lately) > 2_000:
            del lately[: rng.randrange(500, 1_500)]
        yield


def sizes_all_over(rng: Random, ticks: int) -> Iterator[None]:
    """Uploads of very different size that are done after a while."""
    under_way: list[tuple[float, bytes]] = []
    for tick in range(ticks):
        under_way = [one for one in under_way if one[0] > tick]
        size = min(int(rng.lognormvariate(9.5, 1.5)), 3_000_000)
        under_way.append((tick + rng.expovariate(1 / 50), bytes(size)))
        yield


def full_at_three_quarters(rng: Random, ticks: int) -> Iterator[None]:
    """A cache that throws out what was not used for longest, full when three quarters of the run are over."""
    cache: OrderedDict[int, bytes] = OrderedDict()
    for tick in range(ticks):
        for number in range(2):
            cache[2 * tick + number] = bytes(6_000)
        cache.move_to_end(rng.choice((2 * tick, 2 * tick + 1)))
        while len(cache) > 1.5 * ticks:
            cache.popitem(last=False)
        yield


def tasks_that_end(rng: Random, ticks: int) -> Iterator[None]:
    """Jobs of an event loop, a few dozen at a time, more of them in the second half."""
    loop = asyncio.new_event_loop()
    open_gates: list[tuple[int, asyncio.Event]] = []
    jobs: set[asyncio.Task[None]] = set()

    async def job(gate: asyncio.Event) -> None:
        body = bytearray(30_000)
        await gate.wait()
        body.clear()

    async def turn(tick: int) -> None:
        for _ in range(2 if tick < ticks // 2 else 4):
            gate = asyncio.Event()
            open_gates.append((tick + rng.randrange(2, 25), gate))
            jobs.add(task := asyncio.ensure_future(job(gate)))
            task.add_done_callback(jobs.discard)
        for at, gate in open_gates:
            if at <= tick:
                gate.set()
        open_gates[:] = [one for one in open_gates if one[0] > tick]
        await asyncio.sleep(0)

    for tick in range(ticks):
        loop.run_until_complete(turn(tick))
        yield
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()


PROGRAMS = (
    names_by_frequency,
    grid_of_answers,
    two_generations,
    timers,
    subscribers,
    largest_so_far,
    outage,
    new_index,
    cycles_left_to_the_collector,
    sizes_all_over,
    full_at_three_quarters,
    tasks_that_end,
)
