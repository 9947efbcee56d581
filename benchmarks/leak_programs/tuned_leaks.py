"""Programs that leak, on which the detector was tuned."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

KEPT: list[object] = []
SEEN: dict[int, list[str]] = {}
LISTENERS: list[Callable[[], object]] = []
BY_NAME: dict[str, object] = {}
BY_TIME: dict[int, object] = {}


def list_append(_rng: Random, ticks: int) -> Iterator[None]:
    """A list that only grows."""
    for _tick in range(ticks):
        KEPT.append(bytes(9_000))  # leaks
        yield


def dict_without_eviction(rng: Random, ticks: int) -> Iterator[None]:
    """A cache whose keys never come again."""
    for tick in range(ticks):
        for _ in range(20):
            " ".join(str(rng.random()) for _ in range(20))
        SEEN[tick] = [f"{tick}-{number}" * 5 for number in range(60)]  # leaks
        yield


class Screen:
    """Registers itself when it opens, and never leaves."""

    def __init__(self, number: int) -> None:
        self.pixels = bytearray(7_000)  # leaks: listeners
        LISTENERS.append(lambda: (self, number))


def listeners(_rng: Random, ticks: int) -> Iterator[None]:
    """Closures that keep what they close over."""
    for tick in range(ticks):
        Screen(tick)
        yield


class Node:
    """One of two that know each other, and that a registry keeps by its finalizer."""

    def __init__(self) -> None:
        self.other: Node | None = None
        self.body = list(range(1_000, 1_700))  # leaks: cycles_kept

    def __del__(self) -> None:
        KEPT.append(self)


def cycles_kept(_rng: Random, ticks: int) -> Iterator[None]:
    """Cycles that the collector finds, and whose finalizers bring them back."""
    for _tick in range(ticks):
        one, two = Node(), Node()
        one.other, two.other = two, one
        del one, two
        yield


def slow_under_churn(rng: Random, ticks: int) -> Iterator[None]:
    """Two hundred kilobytes come and go for each few that stay."""
    for tick in range(ticks):
        rows = [bytes(rng.randrange(200, 2_000)) for _ in range(200)]
        KEPT.append(bytes(len(rows[0]) // 10 + 6_000))  # leaks
        if tick % 7 == 0:
            rows.clear()
        yield


def bursts(_rng: Random, ticks: int) -> Iterator[None]:
    """A quarter of a megabyte each forty ticks."""
    for tick in range(ticks):
        if tick % 40 == 20:
            KEPT.extend([bytes(2_400) for _ in range(100)])  # leaks
        yield


def several_lines(_rng: Random, ticks: int) -> Iterator[None]:
    """One cache, three lines, each of them slow."""
    for tick in range(ticks):
        name = f"session-{tick}"
        BY_NAME[name] = bytes(2_300)  # leaks
        BY_TIME[tick] = bytearray(2_300)  # leaks
        KEPT.append([name] * 290)  # leaks
        yield


def begins_late(_rng: Random, ticks: int) -> Iterator[None]:
    """All is well until three fifths of the run."""
    for tick in range(ticks):
        block = bytes(14_000)  # leaks
        if tick > 0.6 * ticks:
            KEPT.append(block)
        yield


def through_library(rng: Random, ticks: int) -> Iterator[None]:
    """The blocks are the library's, the keeping is ours."""
    text = json.dumps({str(rng.random()): [rng.random() for _ in range(10)] for _ in range(25)})
    for _tick in range(ticks):
        KEPT.append(json.JSONDecoder(parse_float=str).decode(text))  # leaks
        yield


PROGRAMS = (
    list_append,
    dict_without_eviction,
    listeners,
    cycles_kept,
    slow_under_churn,
    bursts,
    several_lines,
    begins_late,
    through_library,
)
