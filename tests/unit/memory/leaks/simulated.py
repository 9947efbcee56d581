"""Programs that only exist as the samples a heap profiler would take of them: exact, seeded, and thousands a minute.

Sampled blocks are a Poisson process, thinned out of whatever the program allocates: what a program leaks at R bytes a
second is seen as R / interval samples a second. A workload gives the samples of its run, each with its stack, birth
and death; a run is then cut into snapshots.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from tocsin.model.memory import Births, Frame, HeapSnapshot, HeapStack, HeapTier

INTERVAL = 131072.0
LEAK = "/app/leaky.py"
FINE = "/app/fine.py"
NEVER = math.inf


@dataclass(frozen=True)
class Block:
    stack: int
    born_s: float
    died_s: float = NEVER
    weight: float = INTERVAL


def frames(stack: int) -> tuple[Frame, ...]:
    """Stacks below 100 leak; those of one ten are lines of one function."""
    file = LEAK if stack < 100 else FINE
    main = Frame("/app/main.py", 5, "main")
    return (Frame(file, stack, f"function_{stack // 10}"), Frame("/app/main.py", 20 + stack // 10, "serve"), main)


def snapshots(blocks: list[Block], times: list[float], **fields: object) -> Iterator[HeapSnapshot]:
    """What the profiler shows at these times; started at 0."""
    bounds = [0.0, *times]
    by_stack: dict[int, list[Block]] = {}
    for block in blocks:
        by_stack.setdefault(block.stack, []).append(block)
    ends = {stack: [bisect_left(times, block.born_s) for block in some] for stack, some in by_stack.items()}
    before: dict[int, HeapStack] = {}
    for place, now_s in enumerate(times):
        stacks = []
        for number, some in by_stack.items():
            alive: Counter[int] = Counter()
            sizes: Counter[int] = Counter()
            for block, end in zip(some, ends[number], strict=True):
                if end <= place and block.died_s > now_s:
                    alive[end] += 1
                    sizes[end] += block.weight  # type: ignore[assignment]
            births = tuple(Births(bounds[end], times[end], alive[end], sizes[end]) for end in sorted(alive))
            taken = sum(end <= place for end in ends[number])
            if not taken:
                continue
            total = sum(birth.live_bytes for birth in births)
            stack = HeapStack(
                number=number,
                frames=frames(number),
                live_bytes=total,
                live_variance=total * INTERVAL,
                samples=sum(alive.values()),
                births=births,
                allocated_samples=taken,
                allocated_bytes=taken * INTERVAL,
            )
            known = before.get(number)
            if known == stack:
                stack = known
            before[number] = stack
            stacks.append(stack)
        live = sum(stack.live_bytes for stack in stacks)
        values = {
            "tier": HeapTier.SAMPLING,
            "interval_bytes": INTERVAL,
            "started_s": 0.0,
            "live_bytes": live,
            "live_variance": live * INTERVAL,
            **fields,
        }
        yield HeapSnapshot(at_s=now_s, stacks=tuple(stacks), **values)  # type: ignore[arg-type]


def poisson(rng: Random, count: float, from_s: float, to_s: float) -> list[float]:
    """Times of samples, `count` of them in the mean."""
    times, at_s = [], from_s
    while count > 0:
        at_s += rng.expovariate(count / (to_s - from_s))
        if at_s >= to_s:
            break
        times.append(at_s)
    return times


def shaped(rng: Random, count: float, run_s: float, density: Callable[[float], float]) -> list[float]:
    """Times of samples with a density over the share of the run, at most 1, that is `count` a run where it is 1."""
    return [at_s for at_s in poisson(rng, count, 0.0, run_s) if rng.random() < density(at_s / run_s)]
