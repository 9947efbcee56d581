"""Suppression: of one source and level, only the first few occurrences in a window are told."""

from __future__ import annotations

from collections import deque
from typing import Final

MAX_SOURCES: Final = 10_000


class Suppressor:
    """Remembers when each source and level was told of.

    What is suppressed is not remembered here, so a storm does not extend its own silence.

    Args:
        after: occurrences that are told within the window.
        window_s: seconds, counted from the first of these.
    """

    def __init__(self, after: int = 3, window_s: float = 60.0) -> None:
        self.after = after
        self.window_s = window_s
        self.last: dict[tuple[str, int], deque[float]] = {}

    def holds(self, source: str, level: int, now_s: float) -> bool:
        """Whether a further occurrence now would be one too many."""
        told = self.last.get((source, int(level)))
        return told is not None and len(told) >= self.after and now_s - told[0] < self.window_s

    def note(self, source: str, level: int, now_s: float) -> None:
        """An occurrence was told."""
        told = self.last.get((source, int(level)))
        if told is None:
            if len(self.last) >= MAX_SOURCES:
                self._forget_old(now_s)
            told = self.last[source, int(level)] = deque(maxlen=self.after)
        told.append(now_s)

    def admit(self, source: str, level: int, count: int, now_s: float) -> int:
        """How many of `count` occurrences may be told now; they are noted."""
        told = 0
        while told < count and not self.holds(source, level, now_s):
            self.note(source, level, now_s)
            told += 1
        return told

    def reload(self, after: int, window_s: float) -> None:
        """Go by other numbers from now on; who was told when stays known."""
        self.window_s = window_s
        if after != self.after:
            self.after = after
            # Refilled in place: `last` is handed out.
            for key, told in tuple(self.last.items()):
                self.last[key] = deque(told, maxlen=after)

    def _forget_old(self, now_s: float) -> None:
        """Make room for a tenth at least, so that a flood of sources does not look through all of them each time."""
        for key in [key for key, told in self.last.items() if now_s - told[-1] >= self.window_s]:
            del self.last[key]
        for key in list(self.last)[: max(len(self.last) - MAX_SOURCES * 9 // 10, 0)]:
            del self.last[key]
