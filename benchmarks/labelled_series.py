"""Series with events that somebody should have been told of, and where these are.

`servers`: seven metrics of machines for five weeks at a reading a minute, as a host agent sees them. `business`: what a
shop counts for ten weeks at a reading every ten minutes, with its days and weekends. `modes`: a plant that changes
between ways of working at any time, for two weeks at a reading a minute. An event is a burst, a shift for a while, a
fall to nothing, unrest, a ramp or a value that stands still; how large each is is drawn, from hardly visible to plain.
"""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING, Final, NamedTuple

from benchmarks.benign_series import DAY_S, START_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    Maker = Callable[[Random, float], Iterator[float]]
    Change = Callable[[Random, Sequence[float], float], list[float]]

WARM_SHARE: Final = 0.15


class Labelled(NamedTuple):
    """One series.

    Attributes:
        corpus: to which it belongs.
        name: its own.
        times_s: Unix seconds of the readings.
        values: the readings.
        events: first and last index of each event.
        warm: readings before which nothing counts.
    """

    corpus: str
    name: str
    times_s: list[float]
    values: list[float]
    events: list[tuple[int, int]]
    warm: int


# -- machines


def _cpu(rng: Random, step_s: float) -> Iterator[float]:
    off, at_s = 0.0, 0.0
    while True:
        off = 0.9 * off + rng.gauss(0.0, 1.5)
        job = 18.0 if at_s % 7200.0 < 240.0 else 0.0
        yield max(25.0 + 8.0 * math.sin(2 * math.pi * at_s / DAY_S) + off + job, 0.0)
        at_s += step_s


def _used_memory(rng: Random, step_s: float) -> Iterator[float]:
    level, at_s = 48.0, 0.0
    while True:
        level += 0.0006 * step_s / 60.0 + rng.gauss(0.0, 0.02)
        if rng.random() < step_s / (6 * DAY_S):
            level = rng.uniform(45.0, 49.0)  # a deployment
        yield level
        at_s += step_s


def _bytes_received(rng: Random, step_s: float) -> Iterator[float]:
    at_s = 0.0
    while True:
        day = 1.0 + 0.7 * math.sin(2 * math.pi * (at_s / DAY_S - 0.3))
        yield 4e6 * day * math.exp(rng.gauss(0.0, 0.35))
        at_s += step_s


def _connections(rng: Random, step_s: float) -> Iterator[float]:
    at_s = 0.0
    while True:
        mean = 60.0 * (1.0 + 0.5 * math.sin(2 * math.pi * (at_s / DAY_S - 0.25)))
        yield float(max(round(rng.gauss(mean, math.sqrt(mean))), 0))
        at_s += step_s


def _errors(rng: Random, _step_s: float) -> Iterator[float]:
    while True:
        yield float(sum(rng.random() < 0.01 for _ in range(3))) + (rng.randint(1, 6) if rng.random() < 1 / 900 else 0)


def _disk_writes(rng: Random, step_s: float) -> Iterator[float]:
    left_s = 0.0
    while True:
        if left_s <= 0 and rng.random() < step_s / 5400.0:
            left_s = rng.uniform(120.0, 600.0)
        left_s -= step_s
        yield rng.gammavariate(2.0, 40.0) + (rng.gammavariate(6.0, 120.0) if left_s > 0 else 0.0)


def _temperature(rng: Random, _step_s: float) -> Iterator[float]:
    off = 0.0
    while True:
        off = 0.995 * off + rng.gauss(0.0, 0.08)
        yield round(42.0 + off, 1)


# -- a shop


def _orders(rng: Random, step_s: float) -> Iterator[float]:
    at_s, level = 0.0, 1.0
    while True:
        hour, weekday = at_s % DAY_S / 3600.0, int(at_s / DAY_S) % 7
        day = 0.15 + math.exp(-((hour - 13.0) ** 2) / 18.0) + 0.6 * math.exp(-((hour - 20.0) ** 2) / 6.0)
        level *= math.exp(rng.gauss(0.0, 0.002))
        yield 900.0 * level * day * (0.65 if weekday >= 5 else 1.0) * math.exp(rng.gauss(0.0, 0.06))
        at_s += step_s


def _answer_time(rng: Random, step_s: float) -> Iterator[float]:
    at_s = 0.0
    while True:
        load = 1.0 + 0.4 * math.sin(2 * math.pi * (at_s / DAY_S - 0.3))
        yield 0.08 * load * math.exp(rng.gauss(0.0, 0.12)) + (0.2 if rng.random() < 0.004 else 0.0)
        at_s += step_s


def _signed_in(rng: Random, step_s: float) -> Iterator[float]:
    at_s, off = 0.0, 0.0
    while True:
        off = 0.97 * off + rng.gauss(0.0, 12.0)
        week = 0.5 if int(at_s / DAY_S) % 7 >= 5 else 1.0
        yield max(1200.0 * week * (1.1 + math.sin(2 * math.pi * (at_s / DAY_S - 0.35))) + off, 0.0)
        at_s += step_s


# -- a plant


def _modes(levels: Sequence[float], noise: float, stays_s: float) -> Maker:
    def make(rng: Random, step_s: float) -> Iterator[float]:
        level, aim = levels[0], levels[0]
        while True:
            if rng.random() < step_s / stays_s:
                aim = rng.choice(levels)
            level += (aim - level) * min(step_s / 180.0, 1.0)
            yield level + rng.gauss(0.0, noise)

    return make


# -- what goes wrong


def _burst(rng: Random, part: Sequence[float], unit: float) -> list[float]:
    size = unit * rng.uniform(4.0, 10.0)
    return [value + size * rng.uniform(0.7, 1.3) for value in part]


def _shift(rng: Random, part: Sequence[float], unit: float) -> list[float]:
    size = unit * rng.uniform(3.0, 8.0) * rng.choice((1, 1, -1))
    return [value + size for value in part]


def _fall(rng: Random, part: Sequence[float], _unit: float) -> list[float]:
    left = rng.uniform(0.0, 0.2)
    return [value * left for value in part]


def _unrest(rng: Random, part: Sequence[float], unit: float) -> list[float]:
    size = unit * rng.uniform(3.0, 7.0)
    return [value + rng.gauss(0.0, size) for value in part]


def _ramp(rng: Random, part: Sequence[float], unit: float) -> list[float]:
    size = unit * rng.uniform(6.0, 12.0) / len(part)
    return [value + size * number for number, value in enumerate(part)]


def _still(_rng: Random, part: Sequence[float], _unit: float) -> list[float]:
    return [part[0]] * len(part)


# Each with the seconds it lasts.
_EVENTS: Final[dict[str, tuple[Change, float, float]]] = {
    "burst": (_burst, 180.0, 1200.0),
    "shift": (_shift, 1800.0, 6 * 3600.0),
    "fall": (_fall, 900.0, 2 * 3600.0),
    "unrest": (_unrest, 1200.0, 2 * 3600.0),
    "ramp": (_ramp, 3600.0, 6 * 3600.0),
    "still": (_still, 3 * 3600.0, 6 * 3600.0),
}
_NEVER_BELOW_ZERO: Final = frozenset({_cpu, _bytes_received, _connections, _errors, _disk_writes, _orders, _signed_in})
_CORPORA: Final[dict[str, tuple[float, float, dict[str, Maker], tuple[str, ...]]]] = {
    "servers": (60.0, 35 * DAY_S, {
        "cpu": _cpu, "memory": _used_memory, "received": _bytes_received, "connections": _connections,
        "errors": _errors, "writes": _disk_writes, "temperature": _temperature,
    }, ("burst", "shift", "fall", "unrest", "ramp")),
    "business": (600.0, 70 * DAY_S, {"orders": _orders, "answers": _answer_time, "signed in": _signed_in},
                 ("burst", "fall", "shift", "unrest", "still")),
    "modes": (60.0, 14 * DAY_S, {
        "press": _modes((10.0, 40.0, 75.0), 1.0, 5400.0), "pump": _modes((0.0, 6.0), 0.15, 2700.0),
        "oven": _modes((180.0, 200.0, 230.0, 260.0), 0.8, 14_400.0),
    }, ("burst", "shift", "unrest", "still")),
}  # fmt: skip
CORPORA: Final = tuple(_CORPORA)


def made(corpus: str, seed: int) -> Iterator[Labelled]:
    """The series of a corpus that are made; the same for the same seed."""
    step_s, length_s, makers, kinds = _CORPORA[corpus]
    for name, maker in makers.items():
        rng = Random(f"{corpus} {name} {seed}")
        stream = maker(rng, step_s)
        values = [next(stream) for _ in range(int(length_s / step_s))]
        warm = int(WARM_SHARE * len(values))
        events = _put_in(rng, values, warm, step_s, kinds)
        if maker in _NEVER_BELOW_ZERO:
            values = [max(value, 0.0) for value in values]
        yield Labelled(corpus, f"{name} {seed}", _times(step_s, len(values)), values, events, warm)


def _put_in(rng: Random, values: list[float], warm: int, step_s: float, kinds: Sequence[str]) -> list[tuple[int, int]]:
    """Put four to seven events in, behind the warm part and well apart."""
    unit = _usual_change(values)
    room = (len(values) - warm) // rng.randint(4, 7)
    events = []
    for begin in range(warm, len(values) - room + 1, room):
        change, shortest_s, longest_s = _EVENTS[rng.choice(kinds)]
        length = max(int(rng.uniform(shortest_s, longest_s) / step_s), 3)
        first = begin + rng.randrange(room // 4, max(room - length - 1, room // 4 + 1))
        values[first : first + length] = change(rng, values[first : first + length], unit)
        events.append((first, first + length - 1))
    return events


def _usual_change(values: Sequence[float]) -> float:
    """How far values usually are from what they were a quarter of an hour, or two readings, ago; at least a trifle."""
    far = sorted(abs(value - before) for value, before in zip(values[15:], values, strict=False))
    return far[int(0.8 * len(far))] or far[int(0.99 * len(far))] or 1.0


def _times(step_s: float, count: int) -> list[float]:
    return [START_S + number * step_s for number in range(count)]


def of_nab(folder: Path) -> Iterator[Labelled]:
    """The series of the Numenta Anomaly Benchmark, with its windows; `folder` holds `data` and `labels`."""
    from benchmarks.nab import readings

    windows = json.loads((folder / "labels" / "combined_windows.json").read_text("utf-8"))
    for path in sorted((folder / "data").rglob("*.csv")):
        name = path.relative_to(folder / "data").as_posix()
        times_s, values = map(list, zip(*readings(path), strict=True))
        events = []
        for begins, ends in windows[name]:
            inside = [at for at, time_s in enumerate(times_s) if _unix_s(begins) <= time_s <= _unix_s(ends)]
            events.append((inside[0], inside[-1]))
        yield Labelled("nab", name, times_s, values, events, int(WARM_SHARE * len(values)))


def _unix_s(text: str) -> float:
    return datetime.fromisoformat(text[:19]).replace(tzinfo=UTC).timestamp()
