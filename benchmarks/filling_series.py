"""Percentages that fill, and percentages that only look so at times: for forecasts of when 95 is reached."""

from __future__ import annotations

import math
from itertools import takewhile
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Maker = Callable[[Random, float], Iterator[float]]
    FillMaker = Callable[[Random, float, float], Iterator[float]]

LIMIT = 95.0
DAY_S, HOUR_S = 86_400.0, 3600.0


# -- nothing is wrong: they never reach the limit, but for a spike


def constant(_rng: Random, _step_s: float) -> Iterator[float]:
    while True:
        yield 94.9


def noise(rng: Random, _step_s: float) -> Iterator[float]:
    while True:
        yield rng.gauss(60.0, 6.0)


def wandering(rng: Random, _step_s: float) -> Iterator[float]:
    """AR(1) of 0.99."""
    off = 0.0
    while True:
        off = 0.99 * off + rng.gauss(0.0, 8.0 * math.sqrt(1 - 0.99**2))
        yield 60.0 + off


def random_walk(rng: Random, step_s: float) -> Iterator[float]:
    """With walls at 30 and 88."""
    level = 60.0
    while True:
        level = min(max(level + rng.gauss(0.0, 0.25 * math.sqrt(step_s / 60.0)), 30.0), 88.0)
        yield level


def teeth(period_s: float, low: float, high: float) -> Maker:
    """A saw: collections, rotated logs, a cache that is emptied."""

    def make(rng: Random, step_s: float) -> Iterator[float]:
        while True:
            lasts_s, at_s = period_s * rng.uniform(0.9, 1.1), 0.0
            while at_s < lasts_s:
                yield low + (high - low) * at_s / lasts_s + rng.gauss(0.0, 0.3)
                at_s += step_s

    return make


def daily(middle: float, swing: float) -> Maker:
    def make(rng: Random, step_s: float) -> Iterator[float]:
        at_s = rng.uniform(0.0, DAY_S)
        while True:
            yield middle + swing * math.sin(2 * math.pi * at_s / DAY_S) + rng.gauss(0.0, 1.0)
            at_s += step_s

    return make


def weekly(rng: Random, step_s: float) -> Iterator[float]:
    """Office hours from Monday to Friday."""
    at_s = 0.0
    while True:
        busy = 55.0 * max(0.0, math.sin(math.pi * ((at_s % DAY_S) / HOUR_S - 7.0) / 12.0))
        yield 30.0 + (busy if at_s % (7 * DAY_S) < 5 * DAY_S else 0.2 * busy) + rng.gauss(0.0, 1.5)
        at_s += step_s


def steps(rng: Random, step_s: float) -> Iterator[float]:
    level = 50.0
    while True:
        if rng.random() < step_s / (3 * HOUR_S):
            level = rng.choice([40.0, 50.0, 60.0, 70.0, 80.0, 85.0])
        yield level + rng.gauss(0.0, 0.5)


def bursts(rng: Random, step_s: float) -> Iterator[float]:
    busy_s = 0.0
    while True:
        if busy_s <= 0.0 and rng.random() < step_s / (2 * HOUR_S):
            busy_s = rng.expovariate(1 / 600.0)
        busy_s -= step_s
        yield min(94.0, 20.0 + rng.gammavariate(2.0, 5.0) * (3.0 if busy_s > 0.0 else 1.0))


def jobs(rng: Random, step_s: float) -> Iterator[float]:
    """A job fills for an hour or so, what it made stays for hours, and is cleaned up."""
    while True:
        rise, lasts_s, at_s = rng.uniform(10.0, 40.0), rng.uniform(1200.0, 5400.0), 0.0
        while at_s < lasts_s:
            yield 30.0 + rise * at_s / lasts_s + rng.gauss(0.0, 0.2)
            at_s += step_s
        for level in (30.0 + rise, 30.0):
            stays_s = rng.expovariate(1 / (2 * HOUR_S)) + 600.0
            while stays_s > 0.0:
                yield level + rng.gauss(0.0, 0.2)
                stays_s -= step_s


def warm_up(rng: Random, step_s: float) -> Iterator[float]:
    """A cache that fills ever slower up to a cap, and is begun anew each day."""
    while True:
        cap, pace_s, at_s, lasts_s = rng.uniform(60.0, 88.0), rng.uniform(1200.0, 3 * HOUR_S), 0.0, DAY_S
        while at_s < lasts_s:
            yield 20.0 + (cap - 20.0) * (1 - math.exp(-at_s / pace_s)) + rng.gauss(0.0, 0.3)
            at_s += step_s


def quantised(rng: Random, _step_s: float) -> Iterator[float]:
    off = 0.0
    while True:
        off = 0.995 * off + rng.gauss(0.0, 0.2)
        yield round((80.0 + off) * 2) / 2


def counter(rng: Random, step_s: float) -> Iterator[float]:
    """Counts up, and is reset before the limit."""
    count = 0.0
    while True:
        count += rng.expovariate(HOUR_S / (60.0 * step_s))
        if count > 93.0 or (count > 88.0 and rng.random() < 0.2):
            count = 0.0
        yield count


BENIGN: dict[str, Maker] = {
    "constant": constant, "noise": noise, "wandering": wandering, "random_walk": random_walk,
    "teeth_5_min": teeth(300.0, 40.0, 90.0), "teeth_20_min": teeth(1200.0, 40.0, 90.0),
    "teeth_40_min_high": teeth(2400.0, 80.0, 92.0), "teeth_1_h": teeth(HOUR_S, 40.0, 90.0),
    "teeth_2_h": teeth(2 * HOUR_S, 40.0, 90.0), "teeth_6_h": teeth(6 * HOUR_S, 20.0, 90.0),
    "teeth_24_h": teeth(DAY_S, 20.0, 88.0), "daily": daily(60.0, 25.0), "daily_deep": daily(55.0, 35.0),
    "weekly": weekly, "steps": steps, "bursts": bursts, "jobs": jobs, "warm_up": warm_up, "quantised": quantised,
    "counter": counter,
}  # fmt: skip


# -- they fill: from 20 to 95, `rate` points an hour on the whole


def _along(shape: Callable[[float], float], noise_of: float, saw: tuple[float, float] = (0.0, 1.0)) -> FillMaker:
    def make(rng: Random, step_s: float, rate: float) -> Iterator[float]:
        at_s, whole_s, (high, period_s) = 0.0, 75.0 / rate * HOUR_S, saw
        while True:
            tooth = (at_s % period_s) / period_s * high
            yield max(0.0, 20.0 + 75.0 * shape(at_s / whole_s) + tooth + rng.gauss(0.0, noise_of))
            at_s += step_s

    return make


def _changing_pace(rng: Random, step_s: float, rate: float) -> Iterator[float]:
    """The pace wanders, by a factor of two or so."""
    level, off = 20.0, 0.0
    while True:
        off = 0.998 * off + rng.gauss(0.0, 0.02 * math.sqrt(step_s / 20.0))
        level += rate * math.exp(off) / HOUR_S * step_s
        yield level + rng.gauss(0.0, 0.3)


def _in_steps(rng: Random, step_s: float, rate: float) -> Iterator[float]:
    """Something is written every five minutes or so."""
    level = 20.0
    while True:
        if rng.random() < step_s / 300.0:
            level += rate / 12.0 * rng.uniform(0.3, 1.7)
        yield level


def _in_whole_points(rng: Random, step_s: float, rate: float) -> Iterator[float]:
    yield from map(math.floor, _along(lambda share: share, 0.0)(rng, step_s, rate))


FILLS: dict[str, FillMaker] = {
    "straight": _along(lambda share: share, 0.0),
    "little_noise": _along(lambda share: share, 1.0),
    "much_noise": _along(lambda share: share, 4.0),
    "bent_up": _along(lambda share: 0.5 * share + 0.5 * share * share, 0.5),
    "bent_down": _along(lambda share: 1.3 * share - 0.3 * share * share, 0.5),
    "teeth_10_min": _along(lambda share: share, 0.3, (10.0, 600.0)),
    "teeth_40_min": _along(lambda share: share, 0.3, (15.0, 2400.0)),
    "changing_pace": _changing_pace,
    "in_steps": _in_steps,
    "in_whole_points": _in_whole_points,
}
PACES = (5.0, 12.0, 30.0)


def fill(kind: str, rate: float, seed: int | str, step_s: float) -> list[float]:
    """A fill up to the reading before the first at the limit; that one would be the next."""
    readings = FILLS[kind](Random(f"{kind} {rate} {seed}"), step_s, rate)
    return list(takewhile(LIMIT.__gt__, readings))


def benign(kind: str, seed: int | str, step_s: float, lasts_s: float) -> Iterator[float]:
    """A series in which nothing is wrong; equal seeds give equal series."""
    readings = BENIGN[kind](Random(f"{kind} {seed}"), step_s)
    return (next(readings) for _ in range(int(lasts_s / step_s)))
