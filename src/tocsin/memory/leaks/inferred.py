"""Births where the profiler does not know them, as with tracemalloc: from how the number of blocks rises and falls.

What goes is taken from what came last, so the survivors are those of the lowest number since; that is right for a leak
and for a cache, and says nothing of ages where blocks come and go.
"""

from __future__ import annotations

from typing import Final

import msgspec

from tocsin.model.memory import Births, HeapStack

_MOST_BIRTHS: Final = 128


class InferredBirths:
    """Gives stacks without births the ones that they must have had."""

    def __init__(self) -> None:
        self._births: dict[int, list[Births]] = {}
        self._given: dict[int, tuple[HeapStack, HeapStack]] = {}
        self._seen_s: float | None = None

    def of(self, stacks: tuple[HeapStack, ...], now_s: float) -> tuple[HeapStack, ...]:
        """The stacks with births.

        Args:
            stacks: of one snapshot.
            now_s: its time.
        Returns: the same where births are known; and, empty, those that were there before and are missing.
        """
        from_s = now_s if self._seen_s is None else self._seen_s
        found = [stack if stack.births or not stack.samples else self._one(stack, from_s, now_s) for stack in stacks]
        if self._given:
            there = {stack.number for stack in stacks}
            found += [self._gone(number) for number in self._given if number not in there]
        self._seen_s = now_s
        return tuple(found)

    def _gone(self, number: int) -> HeapStack:
        """A stack that is not told of any more has nothing alive."""
        self._births[number] = []
        known = self._given[number][1]
        if known.samples:
            known = HeapStack(number=number, frames=known.frames)
            self._given[number] = (known, known)
        return known

    def _one(self, stack: HeapStack, from_s: float, now_s: float) -> HeapStack:
        before = self._given.get(stack.number)
        if before is not None and _is_same(before[0], stack):
            return before[1]
        births = self._births.setdefault(stack.number, [])
        change = stack.samples - sum(birth.samples for birth in births)
        while change < 0:
            last = births.pop()
            change += last.samples
        if change > 0:
            births.append(Births(from_s, now_s, change, 0.0))
        if len(births) > _MOST_BIRTHS:
            _join(births)
        each = stack.live_bytes / stack.samples
        whole = tuple(msgspec.structs.replace(birth, live_bytes=birth.samples * each) for birth in births)
        given = msgspec.structs.replace(stack, births=whole)
        self._given[stack.number] = (stack, given)
        return given


def _is_same(one: HeapStack, other: HeapStack) -> bool:
    return one.samples == other.samples and one.live_bytes == other.live_bytes


def _join(births: list[Births]) -> None:
    """Neighbours in the older half become one."""
    half = len(births) // 2
    pairs = zip(births[:half:2], births[1:half:2], strict=False)
    births[: half - half % 2] = [Births(one.from_s, two.to_s, one.samples + two.samples, 0.0) for one, two in pairs]
