"""Which stacks are judged together: a line, a function of several slow lines, a caller of several slow functions."""

from __future__ import annotations

import os
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from tocsin.memory.leaks.standing import Standing
from tocsin.memory.places import is_library, own_frame

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tocsin.memory.leaks.cohorts import CohortHistory
    from tocsin.memory.leaks.growth import Growth
    from tocsin.model.memory import Births, Frame, HeapStack

SMALL: Final = 12  # samples: a line with fewer counts in its function and in its callers, too
TRACKED: Final = 4  # samples, from which on a group is remembered
_TOCSIN: Final = str(Path(__file__).parents[2]) + os.sep
LARGE_BYTES: Final = 4e6  # or from which on, since one block that grows is one sample
_NO_FUNCTIONS: Final = frozenset({"<module>", "?"})  # whose lines have no more in common; the second is tracemalloc's
_MOST_CALLERS: Final = 2

Key = tuple[str, ...]


class Level(IntEnum):
    """What the stacks of a group have in common."""

    LINE = 0
    FUNCTION = 1
    CALLER = 2


class Group:
    """Stacks that are judged together."""

    __slots__ = (
        "above",
        "frame",
        "growth",
        "history",
        "is_large",
        "judged_s",
        "key",
        "level",
        "lines",
        "members",
        "samples",
        "standing",
    )

    def __init__(self, key: Key, level: Level, frame: Frame | None) -> None:
        self.key = key
        self.level = level
        self.frame = frame
        self.members: dict[int, HeapStack] = {}
        self.lines: set[Group] = set()  # of a function or caller, which counts the small ones
        self.above: set[Group] = set()  # of a line: where it counts while it is small
        self.samples = 0
        self.is_large = False  # of a line: whether it had enough samples once; from then on it is judged alone
        self.judged_s = 0.0
        self.history: CohortHistory | None = None
        self.standing = Standing()
        self.growth: Growth | None = None

    @property
    def live_bytes(self) -> float:
        """Estimated bytes alive of all its stacks."""
        return sum(stack.live_bytes for stack in self.stacks())

    def stacks(self) -> Iterator[HeapStack]:
        """Its stacks; for a function or a caller those of the lines that are too small to be judged alone."""
        if self.level is Level.LINE:
            yield from self.members.values()
            return
        for line in self.lines:
            if not line.is_large:
                yield from line.members.values()

    def births(self) -> Iterator[Births]:
        """Survivors of its stacks, in no order."""
        for stack in self.stacks():
            yield from stack.births


class Changes(NamedTuple):
    """What one snapshot changed.

    Attributes:
        groups: whose survivors are others than before.
        moved: those of them above a line that became too large to count in them: what they miss has not died.
    """

    groups: set[Group]
    moved: set[Group]


class Groups:
    """All groups, found by stack."""

    def __init__(self) -> None:
        self._by_key: dict[Key, Group] = {}
        self._of_stack: dict[int, Group | None] = {}  # None for what Tocsin itself holds

    def update(self, stacks: Iterable[HeapStack]) -> Changes:
        """What the stacks are now; one that is the same object as before costs next to nothing."""
        of_stack, lines = self._of_stack, set[Group]()
        for stack in stacks:
            line = of_stack.get(stack.number, _UNKNOWN)
            if line is None:
                continue
            if line is _UNKNOWN:
                if not stack.samples:
                    continue
                if _is_ours(stack.frames):
                    of_stack[stack.number] = None
                    continue
                line = of_stack[stack.number] = self._place(stack)
            before = line.members.get(stack.number)
            if before is stack:
                continue
            lines.add(line)
            line.members[stack.number] = stack
            line.samples += stack.samples - (before.samples if before else 0)
        return self._above(lines)

    def _above(self, lines: set[Group]) -> Changes:
        """What changes in functions and callers where lines of few samples do."""
        changed, moved = set[Group](), set[Group]()
        for line in lines:
            if line.is_large:
                continue
            changed |= line.above
            if line.samples >= SMALL:
                line.is_large = True
                moved |= line.above
        for group in changed:
            group.samples = sum([line.samples for line in group.lines if not line.is_large])
        return Changes(lines | changed, moved)

    def _place(self, stack: HeapStack) -> Group:
        own = own_frame(stack.frames)
        line = self._group(line_key(own), Level.LINE, own)
        if own is None or not is_function(own):
            return line
        above = [self._group(function_key(own), Level.FUNCTION, own)]
        # What a line allocates itself, as an object, and what it calls does, as that object's parts, is one leak, too.
        above += [
            self._group(("caller", *line_key(caller)), Level.CALLER, caller)
            for caller in (own, *_callers(stack.frames, own))
        ]
        line.above.update(above)
        for group in above:
            group.lines.add(line)
        return line

    def _group(self, key: Key, level: Level, frame: Frame | None) -> Group:
        group = self._by_key.get(key)
        if group is None:
            group = self._by_key[key] = Group(key, level, frame)
        return group


_UNKNOWN: Final = Group((), Level.LINE, None)


def _is_ours(frames: Sequence[Frame]) -> bool:
    """Whether Tocsin allocated it, and not the program's own code that called Tocsin or was called by it."""
    own = own_frame(frames)
    if own is None:
        return False
    return any(frame.file.startswith(_TOCSIN) for frame in frames[: frames.index(own) + 1])


def line_key(frame: Frame | None) -> Key:
    """A line; the empty one for memory that no Python code asked for."""
    return ("line", frame.file, str(frame.line), frame.function) if frame else ("line", "", "", "")


def function_key(frame: Frame) -> Key:
    """All lines of a function."""
    return ("function", frame.file, frame.function)


def is_function(frame: Frame) -> bool:
    """Whether the lines around a frame are of one function, so that they may be one cache."""
    return frame.function not in _NO_FUNCTIONS


def _callers(frames: Sequence[Frame], own: Frame) -> list[Frame]:
    """The frames of the program's own code that called the own frame, nearest first."""
    outside = frames[frames.index(own) + 1 :]
    found: list[Frame] = []
    for frame in outside:
        if not is_library(frame.file) and is_function(frame):
            found.append(frame)
            if len(found) == _MOST_CALLERS:
                break
    return found
