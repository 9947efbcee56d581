"""What holds the survivors of a site: one search for all sites, from the blocks upwards to something with a name.

The search itself is in C (`native/holders.h`): passes over all objects, in slices. Here is decided what the next pass
looks for, when it is enough, and which of the ways is told. No code of the program is run: only types and lengths are
asked for, no attribute of its objects.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from tocsin.memory.holder_words import (
    NAMED,
    OBJECT,
    PASSING,
    Holder,
    Step,
    bound_of,
    strength_of,
    without_lengths,
    words_of,
)
from tocsin.model.memory import Retention

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tocsin.memory import _heap

BLOCKS_MOST = 4096
SURVIVORS_MOST = 8192
PASSES_MOST = 16
WANTED_MOST = 1024
WALL_FACTOR = 5.0
STEPS_MOST = 64
SLICE_SHARE = 0.8
SHARED_ENOUGH = 0.8
UNSEEN = "nothing that can be seen holds them: C code does, or lost its reference, if they were not freed meanwhile"
NOT_THERE = "the C extension is not there, which looks for holders"


def find_holders(
    survivors: Mapping[int, Sequence[int]],
    *,
    budget_s: float = 2.0,
    slice_s: float = 0.005,
    pause: Callable[[float], None] = time.sleep,
) -> dict[int, Retention]:
    """Say what holds blocks, for each site.

    Args:
        survivors: by the site's number, the addresses of some of its blocks or objects; they are never followed.
        budget_s: seconds of CPU that it may take; and five times as many on the clock.
        slice_s: seconds that the GIL is kept at a time, at most; as long again it rests.
        pause: how it rests.
    Returns: an answer for each site. A site without addresses has an empty one.
    """
    try:
        from tocsin.memory import _heap  # noqa: PLC0415 - it may not have been built
    except ImportError:
        return {site: Retention(complete=False, remark=NOT_THERE) for site in survivors}
    asked = _shortened(survivors)
    blocks = list(dict.fromkeys(block for some in asked.values() for block in some))
    number_of = {block: number for number, block in enumerate(blocks)}
    search = _Search(_heap.holders(blocks, globals()), len(blocks))
    budget = _Budget(budget_s, slice_s, pause)
    try:
        search.run(budget)
        stopped = search.why_incomplete(budget)
        return {site: _answer(search, [number_of[block] for block in some], stopped) for site, some in asked.items()}
    except RuntimeError as error:  # this Python is not as the extension knows it
        return {site: Retention(complete=False, remark=str(error)) for site in survivors}
    finally:
        while not search.drop(slice_s * SLICE_SHARE):
            pause(slice_s)


def survivors_of(stacks: Iterable[int], *, most: int = 32) -> list[int]:
    """Addresses of sampled blocks of some stacks that live, evenly over their ages; [] without the C extension.

    Args:
        stacks: numbers of stacks, those of one site.
        most: as many in all.
    """
    try:
        from tocsin.memory import _heap  # noqa: PLC0415 - it may not have been built
    except ImportError:
        return []
    alive = sorted((born, address) for stack in stacks for address, _, born in _heap.survivors(stack, SURVIVORS_MOST))
    count = min(most, len(alive))
    return [alive[turn * len(alive) // count][1] for turn in range(count)]


def _shortened(survivors: Mapping[int, Sequence[int]]) -> dict[int, Sequence[int]]:
    most = max(BLOCKS_MOST // max(len(survivors), 1), 1)
    return {site: blocks[:most] for site, blocks in list(survivors.items())[:BLOCKS_MOST]}


class _Budget:
    """The time that is left, on the clock and of the CPU."""

    def __init__(self, cpu_s: float, slice_s: float, pause: Callable[[float], None]) -> None:
        self.cpu_s, self.slice_s, self._pause = cpu_s, slice_s, pause
        self._cpu_from_s, self._from_s = time.thread_time(), time.perf_counter()

    def is_spent(self) -> bool:
        clock_s = time.perf_counter() - self._from_s
        return time.thread_time() - self._cpu_from_s >= self.cpu_s or clock_s >= WALL_FACTOR * self.cpu_s

    def rest(self) -> None:
        self._pause(self.slice_s)


class _Way(NamedTuple):
    """From a block to a holder that is told: steps, and how good its end is."""

    steps: tuple[Step, ...] = ()
    strength: int = -1


class _Search:
    """The graph as it is known, and what is still to be looked for."""

    def __init__(self, native: _heap.Holders, blocks: int) -> None:
        self._native = native
        self.blocks = blocks
        self.drop = native.drop
        self._edges = 0
        self._up: dict[int, list[tuple[int, str | None]]] = {}
        self._down: dict[int, list[int]] = {}
        self._strength: dict[int, int] = {}
        self._whole: set[int] = set()  # items whose holders were looked for in a whole pass
        self._doubted: set[int] = set()  # items of a pass that was disturbed
        self.ways: list[_Way] = [_Way()] * blocks
        self.is_complete = False

    def state(self) -> dict[str, int]:
        return self._native.state()

    def why_incomplete(self, budget: _Budget) -> str:
        if self.is_complete:
            return ""
        objects = self.state()["objects"]
        return f"stopped after {budget.cpu_s:g} s of CPU time or {PASSES_MOST} passes, {objects:,} objects looked at"

    def run(self, budget: _Budget) -> None:
        """Pass after pass, until every block has a way to a name, or there is nobody left to ask."""
        wanted = list(range(self.blocks))
        for _ in range(PASSES_MOST):
            if not self._one_pass(budget):
                break
            # A full collection changes the order of objects, and some may have been missed: once more, but only once.
            again = self.state()["disturbed"] and not self._doubted.issuperset(wanted)
            (self._doubted if again else self._whole).update(wanted)
            self._learn()
            wanted = self._to_ask()
            if not wanted:
                self.is_complete = True
                return
            self._native.want(wanted)
        self._learn()

    def _one_pass(self, budget: _Budget) -> bool:
        # Not all of a slice: its last object may be one that takes long.
        while not self._native.step(budget.slice_s * SLICE_SHARE):
            budget.rest()
            if budget.is_spent():
                return False
        return True

    def _learn(self) -> None:
        edges = self._native.edges(self._edges)
        self._edges += len(edges)
        for child, holder, name in edges:
            self._up.setdefault(child, []).append((holder, name))
            self._down.setdefault(holder, []).append(child)
            if holder not in self._strength:
                self._strength[holder] = strength_of(self.holder(holder))
        far = {strength: self._distances(strength) for strength in (NAMED, PASSING)}
        self.ways = [self._way(block, far) for block in range(self.blocks)]

    def _distances(self, strength: int) -> dict[int, int]:
        """By item, how many steps it is to the nearest holder of this strength."""
        far = {number: 0 for number, one in self._strength.items() if one == strength}
        waiting = deque(far)
        while waiting:
            at = waiting.popleft()
            for below in self._down.get(at, ()):
                if below not in far:
                    far[below] = far[at] + 1
                    waiting.append(below)
        return far

    def holder(self, number: int) -> Holder:
        return Holder(*self._native.item(number))

    def _way(self, block: int, far: Mapping[int, Mapping[int, int]]) -> _Way:
        """The shortest to a holder with a name of its own, else to a frame or the like, else as far as it goes."""
        for strength, steps_to in far.items():
            steps = self._descend(block, steps_to)
            if steps:
                return _Way(steps, strength)
        seen, at = {block}, block
        longest: list[Step] = []
        while (step := next(((up, name) for up, name in self._up.get(at, ()) if up not in seen), None)) is not None:
            at = step[0]
            seen.add(at)
            longest.append(Step(*step))
        return _Way(tuple(longest), 0 if longest else -1)

    def _descend(self, block: int, steps_to: Mapping[int, int]) -> tuple[Step, ...]:
        """Always to whoever is nearest to the end."""
        steps: list[Step] = []
        at = block
        while at == block or steps_to[at] > 0:
            # A block that is itself an end does not count as its own: who is sent around by that finds nothing.
            known = [
                (steps_to[up], Step(up, name)) for up, name in self._up.get(at, ()) if up in steps_to and up != block
            ]
            if not known or len(steps) > STEPS_MOST:
                return ()
            steps.append(min(known, key=itemgetter(0))[1])
            at = steps[-1].item
        return tuple(steps)

    def _to_ask(self) -> list[int]:
        """Those whose holders are not all known and would tell something, the nearest to the blocks first."""
        found: dict[int, None] = {}
        ring = [block for block in range(self.blocks) if self.ways[block].strength < NAMED]
        seen = set(ring)
        while ring and len(found) < WANTED_MOST:
            found.update((number, None) for number in ring if number not in self._whole)
            above = {up for number in ring for up, _ in self._up.get(number, ()) if up not in seen}
            seen |= above
            ring = [up for up in sorted(above) if self._may_have_holders(up)]
        return list(found)[:WANTED_MOST]

    def _may_have_holders(self, number: int) -> bool:
        return self._strength.get(number, 0) < NAMED and self.holder(number).kind <= OBJECT


def _answer(search: _Search, blocks: Sequence[int], stopped: str) -> Retention:
    told = {block: words_of(search.ways[block].steps, search.holder) for block in blocks if search.ways[block].steps}
    if not told:
        remark = stopped or (
            "nothing that can be seen holds them: freed meanwhile, or held by C code" if blocks else ""
        )
        return Retention(complete=not stopped, remark=remark)
    chain, alike = _common(told)
    one = alike[0]
    bounds = Counter(bound_of(search.ways[block].steps, search.holder) for block in alike)
    remark = stopped
    if not remark and search.ways[one].strength <= 0:
        remark = f"what holds the {chain[-1]} cannot be seen: C code, or a cycle that was not collected yet"
    return Retention(
        chain=chain,
        share=len(alike) / len(blocks),
        bounded_by=bounds.most_common(1)[0][0],
        complete=not stopped,
        remark=remark,
    )


def _common(told: Mapping[int, tuple[str, ...]]) -> tuple[tuple[str, ...], list[int]]:
    """The chain that most share, as far down from its named end as they do, and who shares it.

    Lengths of containers are not compared: thousands of small ones differ in them.
    """
    kinds = {block: tuple(map(without_lengths, reversed(chain))) for block, chain in told.items()}
    alike, depth = list(told), 0
    while True:
        counts = Counter(kinds[block][depth] for block in alike if len(kinds[block]) > depth)
        kind, count = counts.most_common(1)[0] if counts else ("", 0)
        if depth > 0 and count < SHARED_ENOUGH * len(alike):
            break
        if not count:
            break
        alike = [block for block in alike if len(kinds[block]) > depth and kinds[block][depth] == kind]
        depth += 1
    shortest = min(alike, key=lambda block: len(told[block]))
    return told[shortest][-depth:], [shortest, *(block for block in alike if block != shortest)]
