"""How well the memory that Python holds from the system is used.

pymalloc takes memory in arenas and gives an arena back when its last block is freed, so one small block in each keeps
them all. How much of them is used is known only within bounds: of blocks since the start by their samples, of older
ones by their number and by what the arenas held then.
"""

from __future__ import annotations

from math import hypot, sqrt
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from tocsin.memory.lease import Beginning
    from tocsin.model.memory import HeapSnapshot

MOST_DOUBT: Final = 0.15
"""A share whose 95 % interval reaches further than this to either side is not given."""
_TWO_SIDED_95: Final = 1.96


class Efficiency(NamedTuple):
    """Shares from 0 to 1; None where they cannot be known, and then the reason says why.

    Attributes:
        score: live bytes ÷ bytes held for them (arenas, and larger blocks as they are).
        fragmentation: share of the arenas that nobody uses.
        reason: why one of them is None.
    """

    score: float | None
    fragmentation: float | None
    reason: str = ""


class _Known(NamedTuple):
    small_bytes: float
    small_variance: float
    small_blocks: float
    large_bytes: float
    arena_bytes: int


def efficiency(snapshot: HeapSnapshot, beginning: Beginning | None) -> Efficiency:
    """The efficiency at one time.

    Args:
        snapshot: the heap now.
        beginning: how things stood when sampling began; None if nothing is sampled.
    """
    known = _known(snapshot)
    if known is None or beginning is None:
        return Efficiency(None, None, "efficiency is unknown: it takes sampling, and an interpreter with pymalloc")
    older_bytes = _most_of_older_blocks(known, beginning, snapshot.python_blocks)
    if older_bytes is None:
        return Efficiency(None, None, "efficiency is unknown: what pymalloc held before the start is not known")
    used = known.small_bytes + older_bytes / 2
    doubt = hypot(_TWO_SIDED_95 * sqrt(known.small_variance), older_bytes / 2)
    held = known.arena_bytes + known.large_bytes
    fragmentation = _share(known.arena_bytes - used, known.arena_bytes, doubt)
    score = _share(used + known.large_bytes, held, doubt)
    reason = ""
    if score is None:
        reason = (
            f"efficiency is unknown: of {held / 1e6:.0f} MB, {older_bytes / 1e6:.0f} MB may be older than the"
            f" start, and the rest is known to ± {_TWO_SIDED_95 * sqrt(known.small_variance) / 1e6:.0f} MB"
        )
    return Efficiency(score, fragmentation, reason)


def native_bytes(snapshot: HeapSnapshot, beginning: Beginning | None) -> float | None:
    """Resident memory, beyond what was there at the start, that Python's allocators do not explain; None: unknown."""
    rss, arenas, large = snapshot.rss_bytes, snapshot.arena_bytes, snapshot.large_bytes
    if beginning is None or rss is None or arenas is None or large is None:
        return None
    if beginning.rss_bytes is None or beginning.arena_bytes is None:
        return None
    return max(0.0, (rss - arenas - large) - (beginning.rss_bytes - beginning.arena_bytes))


def _known(snapshot: HeapSnapshot) -> _Known | None:
    small, variance, blocks = snapshot.small_bytes, snapshot.small_variance, snapshot.small_blocks
    large, arenas = snapshot.large_bytes, snapshot.arena_bytes
    if small is None or variance is None or blocks is None or large is None or not arenas:
        return None
    return _Known(small, variance, blocks, large, arenas)


def _most_of_older_blocks(known: _Known, beginning: Beginning, blocks: int | None) -> float | None:
    """Bytes that blocks from before the start can still take: they all lay in the arenas of that time."""
    then_bytes, then_blocks = beginning.arena_bytes, beginning.python_blocks
    if then_bytes is None or not then_blocks or blocks is None:
        return None
    older = min(max(blocks - known.small_blocks, 0.0), then_blocks)
    return min(then_bytes * older / then_blocks, max(known.arena_bytes - known.small_bytes, 0.0))


def _share(part: float, whole: float, doubt: float) -> float | None:
    if whole <= 0 or doubt / whole > MOST_DOUBT:
        return None
    return min(max(part / whole, 0.0), 1.0)
