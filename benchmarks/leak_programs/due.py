"""When a leak is due to be told: at the latest of 12 surviving samples, 6 snapshots and 10 seconds.

That is asked of the profiler, and not of the detector. A surviving sample is a sampled block of a line that leaks which
still lives at the end of the run; so it did at every snapshot since its birth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tocsin.memory.places import own_frame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.model.memory import HeapSnapshot

SAMPLES = 12
SNAPSHOTS = 6
SECONDS = 10.0


class Due(NamedTuple):
    """When a leak began and has to be told, in seconds.

    Attributes:
        begun_s: the oldest survivor was not born before.
        due_s: a snapshot.
    """

    begun_s: float
    due_s: float


def find_due(
    last: HeapSnapshot, times: Sequence[float], lines: set[tuple[str, int]], *, from_s: float = 0.0
) -> Due | None:
    """When it was due; None if that is after the run.

    Args:
        last: the snapshot at the end of the run.
        times: of all snapshots.
        lines: file and number of each line that leaks.
        from_s: what was born before is no leak.
    """
    births = []
    for stack in last.stacks:
        own = own_frame(stack.frames)
        if own is not None and (own.file, own.line) in lines:
            births += [birth for birth in stack.births if birth.from_s >= from_s]
    if not births:
        return None
    begun_s = min(birth.from_s for birth in births)
    snapshots = 0
    for at_s in times:
        snapshots += at_s > begun_s
        survivors = sum(birth.samples for birth in births if birth.to_s <= at_s)
        if survivors >= SAMPLES and snapshots >= SNAPSHOTS and at_s >= begun_s + SECONDS:
            return Due(begun_s, at_s)
    return None
