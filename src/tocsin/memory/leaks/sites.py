"""Which stacks are judged together: a line, a function of several slow lines, a caller of several slow functions."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Final

from tocsin.memory.leaks.cohorts import CohortHistory
from tocsin.memory.leaks.standing import Standing
from tocsin.memory.places import is_library, own_frame

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tocsin.memory.leaks.growth import Growth
    from tocsin.model.memory import Births, Frame, HeapStack

SMALL: Final = 12  # samples: a line with fewer counts in its function and in its callers, too
TRACKED: Final = 4  # samples, from which on a group is remembered
_MODULE: Final = "<module>"
_MOST_CALLERS: Final = 2

Key = tuple[str, ...]


class Level(IntEnum):
    """What the stacks of a group have in common."""

    LINE = 0
    FUNCTION = 1
    CALLER = 2


class Group:
    """Stacks that are judged together."""

    __slots__ = ("dirty", "frame", "growth", "history", "key", "level", "lines", "members", "samples", "standing")

    def __init__(self, key: Key, level: Level, frame: Frame | None) -> None:
        self.key = key
        self.level = level
        self.frame = frame
        self.members: dict[int, HeapStack] = {}
        self.lines: set[Group] = set()  # of which a group of another level may count the small ones
        self.samples = 0
        self.dirty = False
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
            if line.samples < SMALL:
                yield from line.members.values()

    def births(self) -> Iterator[Births]:
        """Survivors of its stacks, in no order."""
        for stack in self.stacks():
            yield from stack.births


class Groups:
    """All groups, found by stack."""

    def __init__(self) -> None:
        self._by_key: dict[Key, Group] = {}
        self._of_stack: dict[int, Group] = {}
        self._above: dict[Group, set[Group]] = {}

    def __iter__(self) -> Iterator[Group]:
        return iter(self._by_key.values())

    def update(self, stacks: Iterable[HeapStack]) -> set[Group]:
        """What the stacks are now.

        Returns: the groups above a line that became too large to count in them, or small again: what they miss or
            have more has not died or come.
        """
        of_stack, moved = self._of_stack, set()
        for stack in stacks:
            line = of_stack.get(stack.number)
            if line is None:
                if not stack.samples:
                    continue
                line = of_stack[stack.number] = self._place(stack)
            before = line.members.get(stack.number)
            if before is stack:
                continue
            line.members[stack.number] = stack
            line.dirty = True
            change = stack.samples - (before.samples if before else 0)
            was_small = line.samples < SMALL
            line.samples += change
            if was_small != (line.samples < SMALL):
                moved |= self._above[line]
        return moved

    def refresh(self) -> None:
        """Count the samples of functions and callers, after all lines."""
        for group in self._by_key.values():
            if group.level is not Level.LINE:
                small = [line for line in group.lines if line.samples < SMALL]
                group.dirty = any(line.dirty for line in small)
                group.samples = sum(line.samples for line in small)

    def _place(self, stack: HeapStack) -> Group:
        own = own_frame(stack.frames)
        line = self._group(line_key(own), Level.LINE, own)
        above = self._above.setdefault(line, set())
        if own is None or own.function == _MODULE:
            return line
        above.add(self._group(function_key(own), Level.FUNCTION, own))
        for caller in _callers(stack.frames, own):
            above.add(self._group(("caller", *line_key(caller)), Level.CALLER, caller))
        for group in above:
            group.lines.add(line)
        return line

    def _group(self, key: Key, level: Level, frame: Frame | None) -> Group:
        group = self._by_key.get(key)
        if group is None:
            group = self._by_key[key] = Group(key, level, frame)
        return group


def line_key(frame: Frame | None) -> Key:
    """A line; the empty one for memory that no Python code asked for."""
    return ("line", frame.file, str(frame.line), frame.function) if frame else ("line", "", "", "")


def function_key(frame: Frame) -> Key:
    """All lines of a function."""
    return ("function", frame.file, frame.function)


def _callers(frames: Sequence[Frame], own: Frame) -> list[Frame]:
    """The frames of the program's own code that called the own frame, nearest first."""
    outside = frames[frames.index(own) + 1 :]
    found: list[Frame] = []
    for frame in outside:
        if not is_library(frame.file) and frame.function != _MODULE:
            found.append(frame)
            if len(found) == _MOST_CALLERS:
                break
    return found
