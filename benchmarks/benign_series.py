"""Series in which nothing is wrong, of kinds that metrics are of."""

from __future__ import annotations

import math
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DAY_S = 86_400.0
START_S = 1_767_571_200.0  # Monday, 5 January 2026, 00:00 UTC


def gaussian(rng: Random, _step_s: float) -> Iterator[float]:
    while True:
        yield rng.gauss(30.0, 5.0)


def wandering(rng: Random, _step_s: float) -> Iterator[float]:
    """AR(1) of 0.95."""
    off = 0.0
    while True:
        off = 0.95 * off + rng.gauss(0.0, 5.0 * math.sqrt(1 - 0.95**2))
        yield 30.0 + off


def lognormal(rng: Random, _step_s: float) -> Iterator[float]:
    while True:
        yield 20.0 * math.exp(rng.gauss(0.0, 0.5))


def daily(rng: Random, step_s: float) -> Iterator[float]:
    at = 0.0
    while True:
        yield 40.0 + 20.0 * math.sin(2 * math.pi * at / DAY_S) + rng.gauss(0.0, 3.0)
        at += step_s


def sawtooth(rng: Random, step_s: float) -> Iterator[float]:
    """Memory that fills in some hours and is freed."""
    level = 300.0
    while True:
        top = rng.uniform(650.0, 700.0)
        pace = rng.uniform(0.9, 1.1) * 400.0 / (6 * 3600.0) * step_s
        while level < top:
            yield level + rng.gauss(0.0, 3.0)
            level += pace
        level = rng.uniform(290.0, 310.0)


def hourly_job(rng: Random, step_s: float) -> Iterator[float]:
    """Noise, and a job that lasts two minutes each hour."""
    at = 0.0
    busy = 120.0
    while True:
        within = at % 3600.0
        job = rng.gauss(50.0, 4.0) if within < busy else 0.0
        yield 20.0 + rng.gauss(0.0, 2.0) + job
        at += step_s


def rare_steps(rng: Random, step_s: float) -> Iterator[float]:
    """Three levels, each for hours; all of them are seen in the first minutes."""
    levels = [20.0, 50.0, 35.0]
    first, level, left_s = levels[:], 0.0, 0.0
    while True:
        if left_s <= 0.0:
            level = first.pop(0) if first else rng.choice([one for one in levels if one != level])
            left_s = 600.0 if first else rng.expovariate(1 / (10 * 3600.0))
        left_s -= step_s
        yield level + rng.gauss(0.0, 2.0)


def bursts(rng: Random, step_s: float) -> Iterator[float]:
    """Gamma noise, and busy spells of some minutes at any time."""
    busy_s = 0.0
    while True:
        if busy_s <= 0.0 and rng.random() < step_s / (2 * 3600.0):
            busy_s = rng.expovariate(1 / 300.0)
        busy_s -= step_s
        yield rng.gammavariate(2.0, 5.0) * (4.0 if busy_s > 0.0 else 1.0)


def integers(rng: Random, _step_s: float) -> Iterator[float]:
    """A count, of mean 6."""
    while True:
        product, count = rng.random(), 0
        while product > math.exp(-6.0):
            product *= rng.random()
            count += 1
        yield float(count)


def quantised(rng: Random, _step_s: float) -> Iterator[float]:
    """A wandering temperature, shown in half degrees."""
    off = 0.0
    while True:
        off = 0.98 * off + rng.gauss(0.0, 0.2)
        yield round((45.0 + off) * 2) / 2


def mostly_zero(rng: Random, _step_s: float) -> Iterator[float]:
    while True:
        yield float(1 + int(rng.expovariate(0.5))) if rng.random() < 0.04 else 0.0


def weekly(rng: Random, step_s: float) -> Iterator[float]:
    """Office hours from Monday to Friday."""
    at = 0.0
    while True:
        busy = 30.0 * max(0.0, math.sin(math.pi * ((at % DAY_S) / 3600.0 - 7.0) / 12.0))
        yield 15.0 + (busy if at % (7 * DAY_S) < 5 * DAY_S else 0.25 * busy) + rng.gauss(0.0, 2.0)
        at += step_s


KINDS: dict[str, Callable[[Random, float], Iterator[float]]] = {
    "gaussian": gaussian,
    "wandering": wandering,
    "lognormal": lognormal,
    "daily": daily,
    "sawtooth": sawtooth,
    "hourly_job": hourly_job,
    "rare_steps": rare_steps,
    "bursts": bursts,
    "integers": integers,
    "quantised": quantised,
    "mostly_zero": mostly_zero,
    "weekly": weekly,
}


def series(kind: str, seed: int | str, step_s: float, n: int) -> list[float]:
    """The first `n` readings of a kind; equal seeds give equal series."""
    readings = KINDS[kind](Random(f"{kind} {seed}"), step_s)
    return [next(readings) for _ in range(n)]
