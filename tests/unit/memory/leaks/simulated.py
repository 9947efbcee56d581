"""Programs that only exist as the samples a heap profiler would take of them: exact, seeded, and thousands a minute.

Sampled blocks are a Poisson process, thinned out of whatever the program allocates: what it leaks at R bytes a second
is seen as R / interval samples a second. A workload gives the samples of its run, each with its stack, birth and death;
a run is then cut into snapshots.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tocsin.memory.leaks import LeakDetector
from tocsin.model.memory import Births, Frame, HeapSnapshot, HeapStack, HeapTier, LeakAnalysis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from random import Random

INTERVAL = 131072.0
LEAK = "/app/leaky.py"
FINE = "/app/fine.py"
NEVER = math.inf


@dataclass(frozen=True)
class Block:
    """One sampled block."""

    stack: int
    born_s: float
    died_s: float = NEVER
    weight: float = INTERVAL


def frames(stack: int) -> tuple[Frame, ...]:
    """Stacks below 100 leak. Their number is the line; those of one ten are lines of one function."""
    file = LEAK if stack < 100 else FINE
    serve = Frame("/app/main.py", 20 + stack // 10, "serve")
    return (Frame(file, stack, f"function_{stack // 10}"), serve, Frame("/app/main.py", 5, "main"))


def every(step_s: float, until_s: float) -> list[float]:
    """Times of snapshots."""
    return [step_s * number for number in range(1, round(until_s / step_s) + 1)]


def snapshots(
    blocks: list[Block],
    times: list[float],
    places: Callable[[int], tuple[Frame, ...]] = frames,
    **fields: Any,
) -> Iterator[HeapSnapshot]:
    """What the profiler shows at these times; it was started at 0.

    Args:
        blocks: of the run, in any order.
        times: in seconds, ascending.
        places: the frames of a stack.
        fields: of every snapshot.
    """
    by_stack: dict[int, list[tuple[int, Block]]] = {}
    for block in blocks:
        by_stack.setdefault(block.stack, []).append((bisect_left(times, block.born_s), block))
    given: dict[int, HeapStack] = {}
    for place, now_s in enumerate(times):
        for number, some in by_stack.items():
            stack = _stack(number, some, place, times, places(number))
            if stack.allocated_samples and given.get(number) != stack:
                given[number] = stack
        live = sum(stack.live_bytes for stack in given.values())
        values: dict[str, Any] = {
            "tier": HeapTier.SAMPLING,
            "interval_bytes": INTERVAL,
            "started_s": 0.0,
            "live_bytes": live,
            "live_variance": live * INTERVAL,
        }
        yield HeapSnapshot(at_s=now_s, stacks=tuple(given.values()), **(values | fields))


def _stack(
    number: int, some: list[tuple[int, Block]], place: int, times: list[float], where: tuple[Frame, ...]
) -> HeapStack:
    alive = [(end, block) for end, block in some if end <= place and block.died_s > times[place]]
    samples = Counter(end for end, _ in alive)
    sizes = dict.fromkeys(samples, 0.0)
    for end, block in alive:
        sizes[end] += block.weight
    begins = [0.0, *times]
    taken = sum(end <= place for end, _ in some)
    return HeapStack(
        number=number,
        frames=where,
        live_bytes=sum(sizes.values()),
        live_variance=sum(sizes.values()) * INTERVAL,
        samples=len(alive),
        births=tuple(Births(begins[end], times[end], samples[end], sizes[end]) for end in sorted(samples)),
        allocated_samples=taken,
        allocated_bytes=taken * INTERVAL,
    )


def poisson(rng: Random, count: float, from_s: float, to_s: float) -> list[float]:
    """Times of samples, `count` of them in the mean."""
    times: list[float] = []
    at_s = from_s
    while count > 0:
        at_s += rng.expovariate(count / (to_s - from_s))
        if at_s >= to_s:
            break
        times.append(at_s)
    return times


def shaped(rng: Random, count: float, run_s: float, density: Callable[[float], float]) -> list[float]:
    """Times of samples with a density over the share of the run, at most 1, that is `count` a run where it is 1."""
    return [at_s for at_s in poisson(rng, count, 0.0, run_s) if rng.random() < density(at_s / run_s)]


def evenly(count: int, from_s: float, to_s: float, stack: int = 1) -> list[Block]:
    """Blocks that stay, without chance: one in the middle of each of as many equal spans."""
    step_s = (to_s - from_s) / count
    return [Block(stack, from_s + (number + 0.5) * step_s) for number in range(count)]


def analysed(some: Iterable[HeapSnapshot], **arguments: float) -> LeakAnalysis:
    """What is thought after some snapshots."""
    detector = LeakDetector(**arguments)  # type: ignore[arg-type]
    for snapshot in some:
        detector.observe(snapshot, snapshot.at_s)
    return detector.analyze()
