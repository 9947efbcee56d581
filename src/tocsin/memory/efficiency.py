"""How well the memory that Python holds from the system is used.

pymalloc takes memory in arenas and gives an arena back when its last block is freed, so one small block in each keeps
them all; malloc is alike with larger blocks. How much of the arenas is used is known only within bounds: of blocks
since the start by their samples, of older ones by their number and by what the arenas held then.
"""

from __future__ import annotations

from math import hypot, sqrt
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from tocsin.memory.lease import Beginning
    from tocsin.model.memory import HeapSnapshot

MOST_DOUBT: Final = 0.15
"""A share whose 95 % interval reaches further than this to either side is not given."""
LEAST_HELD: Final = 20e6
"""Of so few bytes the samples are few as well, and of very small blocks their number is then a guess."""
_TWO_SIDED_95: Final = 1.96


class Efficiency(NamedTuple):
    """Shares from 0 to 1; None where they cannot be known, and then the reason says why.

    Attributes:
        score: live bytes ÷ bytes held: arenas, larger blocks, and what malloc keeps although nobody uses it. Small
            blocks count as what pymalloc sets aside for them, since nobody could use the rest.
        fragmentation: share of the arenas that nobody uses.
        reason: why the score is None.
    """

    score: float | None
    fragmentation: float | None
    reason: str = ""


class _Known(NamedTuple):
    """The parts of a heap, in bytes; `reach` is half the width of a 95 % interval."""

    small: float
    small_reach: float
    small_blocks: float
    large: float
    large_reach: float
    arenas: int
    kept: float


def efficiency(snapshot: HeapSnapshot, beginning: Beginning | None) -> Efficiency:
    """The efficiency at one time.

    Args:
        snapshot: the heap now.
        beginning: how things stood when sampling began; None if nothing is sampled.
    """
    known = _known(snapshot)
    if known is None or beginning is None:
        return Efficiency(None, None, "efficiency is unknown: it takes sampling, and an interpreter with pymalloc")
    older = _most_of_older_blocks(known, beginning, snapshot.python_blocks)
    if older is None:
        return Efficiency(None, None, "efficiency is unknown: what pymalloc held before the start is not known")
    used = known.small + older / 2
    reach = hypot(known.small_reach, older / 2)
    fragmentation = _share(known.arenas - used, known.arenas, reach)
    held = known.arenas + known.large + known.kept
    # A larger block more is a byte used and a byte held.
    unused_share = 1 - min((used + known.large) / held, 1.0)
    score = _share(used + known.large, held, hypot(reach, known.large_reach * unused_share))
    if score is not None and held < LEAST_HELD:
        return Efficiency(None, fragmentation, f"efficiency is not given below {LEAST_HELD / 1e6:.0f} MB held")
    if score is not None:
        return Efficiency(score, fragmentation)
    reason = (
        f"efficiency is unknown: of {held / 1e6:.0f} MB held, {older / 1e6:.0f} MB may be used by blocks older than the"
        f" start, and the use of the rest is known to ± {hypot(known.small_reach, known.large_reach) / 1e6:.0f} MB"
    )
    return Efficiency(None, fragmentation, reason)


def native_bytes(snapshot: HeapSnapshot, beginning: Beginning | None) -> float | None:
    """Resident memory, beyond what was there at the start, that no allocator explains; None: unknown."""
    large = snapshot.large_bytes
    if beginning is None or large is None:
        return None
    now = _unexplained(snapshot.rss_bytes, snapshot.arena_bytes, snapshot.malloc_free_bytes)
    then = _unexplained(beginning.rss_bytes, beginning.arena_bytes, beginning.malloc_free_bytes)
    return None if now is None or then is None else max(0.0, now - large - then)


def kept_bytes(snapshot: HeapSnapshot) -> float | None:
    """Resident memory that malloc keeps although nobody uses it, at most; None: unknown."""
    kept, rss, large = snapshot.malloc_free_bytes, snapshot.rss_bytes, snapshot.large_bytes
    if kept is None or rss is None or large is None:
        return None
    # Pages that malloc has lent back to the system are free in its books, and not resident.
    return min(float(kept), max(rss - (snapshot.arena_bytes or 0) - large, 0.0))


def _unexplained(rss: int | None, arenas: int | None, kept: int | None) -> float | None:
    return None if rss is None or arenas is None else float(rss - arenas - (kept or 0))


def _known(snapshot: HeapSnapshot) -> _Known | None:
    small, variance, blocks = snapshot.small_set_aside_bytes, snapshot.small_variance, snapshot.small_blocks
    large, all_variance, arenas = snapshot.large_bytes, snapshot.live_variance, snapshot.arena_bytes
    if small is None or variance is None or blocks is None or large is None or all_variance is None or not arenas:
        return None
    wider = small / snapshot.small_bytes if snapshot.small_bytes else 1.0
    return _Known(
        small=small,
        small_reach=_TWO_SIDED_95 * sqrt(variance) * wider,
        small_blocks=blocks,
        large=large,
        large_reach=_TWO_SIDED_95 * sqrt(max(all_variance - variance, 0.0)),
        arenas=arenas,
        kept=kept_bytes(snapshot) or 0.0,
    )


def _most_of_older_blocks(known: _Known, beginning: Beginning, blocks: int | None) -> float | None:
    """Bytes that blocks from before the start can still take: they all lay in the arenas of that time."""
    then_bytes, then_blocks = beginning.arena_bytes, beginning.python_blocks
    if then_bytes is None or not then_blocks or blocks is None:
        return None
    older = min(max(blocks - known.small_blocks, 0.0), then_blocks)
    return min(then_bytes * older / then_blocks, max(known.arenas - known.small, 0.0))


def _share(part: float, whole: float, reach: float) -> float | None:
    if whole <= 0 or reach / whole > MOST_DOUBT:
        return None
    return min(max(part / whole, 0.0), 1.0)
