"""Programs that do not leak, on which the detector was tuned."""

from __future__ import annotations

import gc
import math
from collections import OrderedDict, deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

KEPT: list[object] = []


def deque_to_half(_rng: Random, ticks: int) -> Iterator[None]:
    """A deque whose bound is reached at half of the run."""
    last: deque[bytes] = deque(maxlen=ticks // 2)
    for _tick in range(ticks):
        last.append(bytes(12_000))
        yield


def lru_to_two_thirds(rng: Random, ticks: int) -> Iterator[None]:
    """A cache that evicts from two thirds of the run on."""
    cache: OrderedDict[float, bytearray] = OrderedDict()
    for _tick in range(ticks):
        for _ in range(3):
            cache[rng.random()] = bytearray(4_000)
            if len(cache) > 2 * ticks:
                cache.popitem(last=False)
        yield


def one_load(_rng: Random, ticks: int) -> Iterator[None]:
    """A table that is loaded once."""
    table: list[bytes] = []
    for tick in range(ticks):
        if tick == ticks // 5:
            table.extend([bytes(3_000) for _ in range(2_000)])
        yield


def warm_up(_rng: Random, ticks: int) -> Iterator[None]:
    """Much at first, then ever less."""
    for tick in range(ticks):
        KEPT.extend([bytes(500) for _ in range(int(120 * math.exp(-12 * tick / ticks)))])
        yield


def batches(_rng: Random, ticks: int) -> Iterator[None]:
    """Collected for some time, then written out at once."""
    rows: list[bytes] = []
    for tick in range(ticks):
        rows.extend([bytes(1_000) for _ in range(40)])
        if tick % 90 == 89:
            rows.clear()
        yield


def day_and_night(rng: Random, ticks: int) -> Iterator[None]:
    """Requests under way, more by day than by night; two days."""
    under_way: list[tuple[float, bytearray]] = []
    for tick in range(ticks):
        load = 0.5 - 0.5 * math.cos(4 * math.pi * tick / ticks)
        under_way = [one for one in under_way if one[0] > tick]
        under_way.extend((tick + rng.expovariate(1 / 6), bytearray(6_000)) for _ in range(int(60 * load)))
        yield


def churn(rng: Random, ticks: int) -> Iterator[None]:
    """Four megabytes a tick, of which nothing stays."""
    for _tick in range(ticks):
        rows = {number: bytes(rng.randrange(1_000, 3_000)) for number in range(2_000)}
        rows.clear()
        yield


def pool(rng: Random, ticks: int) -> Iterator[None]:
    """Connections that are opened when none is free, and kept."""
    free: list[bytearray] = []
    for tick in range(ticks):
        wanted = rng.randrange(5, 60 if tick > ticks // 10 else 20)
        used = [free.pop() if free else bytearray(64_000) for _ in range(wanted)]
        free.extend(used)
        yield


def cyclic_garbage(_rng: Random, ticks: int) -> Iterator[None]:
    """Cycles that wait for the collector."""
    gc.disable()
    for tick in range(ticks):
        for _ in range(4):
            one: list[object] = [bytes(5_000)]
            one.append(one)
        if tick % 110 == 109:
            gc.collect()
        yield
    gc.enable()


def start_up(rng: Random, ticks: int) -> Iterator[None]:
    """Modules and tables in the first tenth of the run, then requests."""
    tables: dict[int, list[str]] = {}
    for tick in range(ticks):
        if tick < ticks // 10:
            tables[tick] = [f"{tick}.{number}" * 4 for number in range(1_500)]
        else:
            " ".join(rng.choice(tables[0]) for _ in range(1_000))
        yield


PROGRAMS = (
    deque_to_half,
    lru_to_two_thirds,
    one_load,
    warm_up,
    batches,
    day_and_night,
    churn,
    pool,
    cyclic_garbage,
    start_up,
)
