"""The heap as the hook samples it: unbiased totals by stack, with the times at which survivors were born."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from tocsin.memory.births import BirthTimes
from tocsin.memory.lease import arena_bytes, python_blocks
from tocsin.model.memory import Frame, HeapSnapshot, HeapStack, HeapTier

if TYPE_CHECKING:
    from tocsin.memory.lease import HeapModule, Lease

    Row = tuple[int, float, float, int, int, float, bytes]


_CHUNKS_A_SNAPSHOT: Final = 50_000  # some 3 ms
_HOOKS_GONE: Final = (
    "another tool put back the allocators that it had found before, and with that took the hooks away, so resident"
    " memory is all that is known"
)


class KeptByMalloc:
    """What malloc keeps although nobody uses it.

    Asking locks malloc for some 60 ns a free chunk, so with many of them it is asked less often.

    Args:
        module: the hook's.
    """

    def __init__(self, module: HeapModule) -> None:
        self._module = module
        self._bytes: int | None = None
        self._left_out = 0

    def read(self) -> int | None:
        """Bytes, at present or some snapshots ago; None where the C library does not tell."""
        if self._left_out > 0:
            self._left_out -= 1
            return self._bytes
        found = self._module.malloc_free()
        if found is not None:
            self._bytes, chunks = found
            self._left_out = chunks // _CHUNKS_A_SNAPSHOT
        return self._bytes


class SamplingHeap:
    """One profiler's view of the hook.

    Args:
        lease: the right to read it; given back by `close`.
        interval_bytes: what the profiler asked for, which another one's wish may have come before.
        started_s: when it began, if that is known.
    """

    tier: Final = HeapTier.SAMPLING

    def __init__(self, lease: Lease, interval_bytes: float, *, started_s: float | None) -> None:
        self.lease = lease
        self.births = BirthTimes(lease.epoch, started_s)
        self._wanted_bytes = interval_bytes
        self._module = lease.module
        self._kept = KeptByMalloc(lease.module)
        self._frames: dict[int, tuple[Frame, ...]] = {}
        self._places: dict[Frame, Frame] = {}  # frames are shared, since many stacks have the same
        self._given: dict[int, tuple[Row, HeapStack]] = {}  # most stacks are as they were the time before

    def read(self, now_s: float, rss_bytes: int | None) -> HeapSnapshot:
        """What lives now; blocks born from now on belong to the next interval.

        Args:
            now_s: not before the time of the call before.
            rss_bytes: resident memory now.
        """
        state = self._module.state()
        if not state["in_place"]:
            return HeapSnapshot(at_s=now_s, rss_bytes=rss_bytes, python_blocks=python_blocks(), remarks=(_HOOKS_GONE,))
        rows = self._module.snapshot()
        stacks = self._stacks(rows, now_s)
        self.births.mark(self._module.mark(), now_s)
        small = self._module.small_blocks()
        return HeapSnapshot(
            at_s=now_s,
            tier=self.tier,
            interval_bytes=state["interval"],
            started_s=self.births.started_s,
            stacks=stacks,
            live_bytes=sum(row[1] for row in rows),
            live_variance=sum(row[2] for row in rows),
            rss_bytes=rss_bytes,
            arena_bytes=arena_bytes(self._module),
            python_blocks=python_blocks(),
            small_blocks=small[0],
            small_bytes=small[1],
            small_variance=small[2],
            small_set_aside_bytes=small[3],
            malloc_free_bytes=self._kept.read(),
            thinned=int(state["thinned"]),
            lost=int(state["lost"]),
            remarks=self._remarks(state),
        )

    def close(self) -> None:
        """Give the hook back."""
        self.lease.give_back()

    def _stacks(self, rows: list[Row], now_s: float) -> tuple[HeapStack, ...]:
        given = self._given
        # At the time of the mark before, an interval is open that was given out as empty; nothing is kept of it.
        keep = self.births.last_s is None or now_s > self.births.last_s
        if not keep:
            given.clear()
        stacks = []
        for row in rows:
            before = given.get(row[0])
            if before is not None and before[0] == row:
                stacks.append(before[1])
                continue
            stack = self._stack(row, now_s)
            stacks.append(stack)
            if keep:
                given[row[0]] = (row, stack)
        return tuple(stacks)

    def _stack(self, row: Row, now_s: float) -> HeapStack:
        number, live_bytes, variance, samples, allocated_samples, allocated_bytes, packed = row
        return HeapStack(
            number=number,
            frames=self._frames_of(number),
            live_bytes=live_bytes,
            live_variance=variance,
            samples=samples,
            births=self.births.of(packed, now_s),
            allocated_samples=allocated_samples,
            allocated_bytes=allocated_bytes,
        )

    def _frames_of(self, number: int) -> tuple[Frame, ...]:
        frames = self._frames.get(number)
        if frames is None:
            share = self._places.setdefault
            found = (Frame(*place) for place in self._module.frames(number))
            frames = self._frames[number] = tuple(share(frame, frame) for frame in found)
        return frames

    def _remarks(self, state: dict[str, float]) -> tuple[str, ...]:
        found = []
        if self.lease.shared and self.lease.beginning.interval_bytes != self._wanted_bytes:
            found.append(
                f"another profiler began before with one sample every {self.lease.beginning.interval_bytes:,.0f} bytes,"
                f" so {self._wanted_bytes:,.0f} bytes are not what is used"
            )
        if state["thinned"]:
            found.append(
                f"{state['thinned']:,.0f} samples were thinned out to stay below {state['max_samples']:,.0f}; their"
                f" weight went over to the others, one every {state['interval']:,.0f} bytes now"
            )
        elif state["interval"] > self.lease.beginning.interval_bytes:
            found.append(f"so much is allocated that one block every {state['interval']:,.0f} bytes is sampled now")
        if state["lost"]:
            found.append(f"{state['lost']:,.0f} samples were lost for want of memory, so the live bytes are too low")
        if "numpy" in sys.modules and not state["numpy_slots"]:
            found.append("the memory of numpy's arrays is not seen: this numpy is not of a kind that is known")
        return tuple(found)
