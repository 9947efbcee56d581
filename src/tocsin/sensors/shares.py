"""Shares of CPU time between two readings of cumulative clocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

MIN_TICKS: Final = 8
"""Fewer clock ticks than this say nothing: a tick is a tenth of the result. One core has ten of them in 100 ms."""


def time_shares(new: Sequence[float], old: Sequence[float], min_total: float) -> list[float] | None:
    """Divide the time between two readings into shares.

    Args:
        new: cumulative time in each mode, in any one unit.
        old: the same, earlier.
        min_total: the least time between the two, in the same unit, that makes a meaningful share.
    Returns: the share of each mode, together 1; None where too little time passed, or time went back as it does
        after a suspend.
    """
    if sum(new) - sum(old) < min_total:
        return None
    # The kernel's idle, iowait and steal may fall by a little; a negative share would raise the others beyond 1.
    deltas = [a - b if a > b else 0.0 for a, b in zip(new, old, strict=True)]
    total = sum(deltas)
    return [delta / total for delta in deltas]
