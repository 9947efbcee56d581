"""What programs do with memory, as samples: some leak, some only look so."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tests.unit.memory.leaks.simulated import NEVER, Block, poisson, shaped

if TYPE_CHECKING:
    from random import Random

RUN_S = 600.0


def _stay(rng: Random, count: float, begin: float = 0.0, end: float = 1.0, *, stack: int = 1) -> list[Block]:
    return [Block(stack, at_s) for at_s in poisson(rng, count, begin * RUN_S, end * RUN_S)]


def _churn(rng: Random, alive: float, life_s: float, *, stack: int = 101) -> list[Block]:
    births = poisson(rng, alive * RUN_S / life_s, 0.0, RUN_S)
    return [Block(stack, at_s, at_s + rng.expovariate(1 / life_s)) for at_s in births]


def _evicted(rng: Random, count: float, full: float, *, stack: int = 101) -> list[Block]:
    return [Block(stack, at_s, at_s + full * RUN_S) for at_s in poisson(rng, count, 0.0, RUN_S)]


def steady(rng: Random) -> list[Block]:
    return _stay(rng, 40)


def late(rng: Random) -> list[Block]:
    return _stay(rng, 40, 0.55)


def under_churn_of_its_line(rng: Random) -> list[Block]:
    return _stay(rng, 60) + _churn(rng, 20, 3.0, stack=1)


def bursts(rng: Random) -> list[Block]:
    return [block for number in range(15) for block in _stay(rng, 4, (number + 0.5) / 15, (number + 0.52) / 15)]


def spread_over_lines(rng: Random) -> list[Block]:
    return [block for line in (1, 2, 3) for block in _stay(rng, 14, stack=line)]


def after_a_load(rng: Random) -> list[Block]:
    return _stay(rng, 60, 0.0, 0.02) + _stay(rng, 60, 0.02)


def partly_freed(rng: Random) -> list[Block]:
    def end_s(at_s: float) -> float:
        return NEVER if rng.random() < 0.8 else at_s + rng.expovariate(4 / RUN_S)

    return [Block(1, at_s, end_s(at_s)) for at_s in poisson(rng, 60, 0.0, RUN_S)]


def in_a_sawtooth_of_its_line(rng: Random) -> list[Block]:
    return _stay(rng, 60) + [Block(1, block.born_s, block.died_s) for block in batches(rng, 50)]


def full_at_half(rng: Random) -> list[Block]:
    return _evicted(rng, 60, 0.5)


def full_at_two_thirds(rng: Random) -> list[Block]:
    return _evicted(rng, 60, 0.667)


def stops_at_half(rng: Random) -> list[Block]:
    return _stay(rng, 40, 0.0, 0.5, stack=101)


def stops_at_two_thirds(rng: Random) -> list[Block]:
    return _stay(rng, 40, 0.0, 0.667, stack=101)


def one_load(rng: Random) -> list[Block]:
    return _stay(rng, 80, 0.8, 0.82, stack=101)


def churn(rng: Random) -> list[Block]:
    return _churn(rng, 80, 6.0)


def batches(rng: Random, period_s: float | None = None) -> list[Block]:
    width_s = period_s or RUN_S / rng.uniform(4, 9)
    births = poisson(rng, 200, 0.0, RUN_S)
    return [Block(101, at_s, (math.floor(at_s / width_s) + 1) * width_s) for at_s in births]


def day_and_night(rng: Random) -> list[Block]:
    phase = rng.uniform(0.0, 2 * math.pi)
    births = shaped(rng, 4_000, RUN_S, lambda share: 0.5 + 0.5 * math.sin(4 * math.pi * share + phase))
    return [Block(101, at_s, at_s + rng.expovariate(1 / 12)) for at_s in births]


def warm_up(rng: Random) -> list[Block]:
    return [Block(101, at_s) for at_s in shaped(rng, 320, RUN_S, lambda share: math.exp(-8 * share))]


def random_eviction(rng: Random) -> list[Block]:
    births = poisson(rng, 160, 0.0, RUN_S)
    return [Block(101, at_s, at_s + rng.expovariate(4 / RUN_S)) for at_s in births]


LEAKS = (
    steady,
    late,
    under_churn_of_its_line,
    bursts,
    spread_over_lines,
    after_a_load,
    partly_freed,
    in_a_sawtooth_of_its_line,
)
FINE = (
    full_at_half,
    full_at_two_thirds,
    stops_at_half,
    stops_at_two_thirds,
    one_load,
    churn,
    batches,
    day_and_night,
    warm_up,
    random_eviction,
)
