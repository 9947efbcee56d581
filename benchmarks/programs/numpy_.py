"""Arrays of many sizes, made, combined and thrown away."""

from __future__ import annotations

import numpy as np


def work(rounds: int) -> int:
    """Elements computed."""
    total = 0
    for turn in range(rounds):
        kept = [np.arange(size, dtype=np.float64) for size in (10, 100, 1_000, 10_000)]
        for array in kept:
            scaled = (array * 1.5 + turn)[::2]
            total += int(np.sort(scaled).size + np.concatenate([scaled, array]).size)
            total += len([array[at : at + 5].sum() for at in range(0, 10, 2)])
    return total
