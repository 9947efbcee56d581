"""The heap as the standard library's tracemalloc sees it: each block, at several times the cost. Only if asked for."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING, Final

from tocsin.memory.lease import python_blocks
from tocsin.model.memory import Frame, HeapSnapshot, HeapStack, HeapTier

if TYPE_CHECKING:
    from collections.abc import Iterable

DEPTH: Final = 12
_REMARK: Final = (
    "tracemalloc was asked for: each block is seen, at several times the cost of sampling, without the time of its"
    " allocation and without what pymalloc holds"
)
_UNNAMED: Final = "?"  # tracemalloc keeps the line, not the function


class TracedHeap:
    """Starts tracing unless somebody has, and stops only what it started.

    Args:
        started_s: when it began, if that is known.
    """

    tier: Final = HeapTier.TRACEMALLOC

    def __init__(self, *, started_s: float | None) -> None:
        self._started_s = started_s
        self._ours = not tracemalloc.is_tracing()
        self._numbers: dict[tracemalloc.Traceback, int] = {}
        self._frames: list[tuple[Frame, ...]] = []
        if self._ours:
            tracemalloc.start(DEPTH)

    def read(self, now_s: float, rss_bytes: int | None) -> HeapSnapshot:
        """What lives now. This copies all traces, which takes a second for some million blocks."""
        if self._started_s is None:
            self._started_s = now_s
        if not tracemalloc.is_tracing():
            return HeapSnapshot(
                at_s=now_s,
                rss_bytes=rss_bytes,
                remarks=("tracemalloc was stopped by somebody else: resident memory only",),
            )
        stacks = tuple(self._stacks(tracemalloc.take_snapshot().statistics("traceback")))
        return HeapSnapshot(
            at_s=now_s,
            tier=self.tier,
            started_s=self._started_s,
            stacks=stacks,
            live_bytes=sum(stack.live_bytes for stack in stacks),
            live_variance=0.0,
            rss_bytes=rss_bytes,
            python_blocks=python_blocks(),
            remarks=(_REMARK,),
        )

    def close(self) -> None:
        """Stop tracing, if it is ours."""
        if self._ours and tracemalloc.is_tracing():
            tracemalloc.stop()

    def _stacks(self, statistics: Iterable[tracemalloc.Statistic]) -> Iterable[HeapStack]:
        for one in statistics:
            number = self._numbers.get(one.traceback)
            if number is None:
                number = self._numbers[one.traceback] = len(self._frames)
                # tracemalloc begins with the outermost.
                frames = (Frame(place.filename, place.lineno, _UNNAMED) for place in reversed(one.traceback))
                self._frames.append(tuple(frames))
            yield HeapStack(number=number, frames=self._frames[number], live_bytes=float(one.size), samples=one.count)
