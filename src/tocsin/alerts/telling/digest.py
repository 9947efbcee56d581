"""Digests: what was held back is told together, with exact counts; in a storm less and less often."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tocsin.model.notice import DigestLine

if TYPE_CHECKING:
    from tocsin.alerts.telling.desk import Desk

# A storm that does not end is told of less and less often, at least once an hour.
MAX_WAIT_S: Final = 3600.0
MAX_LINES: Final = 20


class DigestTimer:
    """When the next digest is due.

    Args:
        window_s: seconds that the first waits.
    """

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self.wait_s = window_s
        self.due_s: float | None = None

    def reload(self, window_s: float) -> None:
        """Let the first wait so long from now on; a storm that goes on keeps its longer wait."""
        if self.wait_s == self._window_s:
            self.wait_s = window_s
        self._window_s = window_s

    def begin(self, now_s: float) -> None:
        """Something was held back."""
        if self.due_s is None:
            self.due_s = now_s + self.wait_s

    def hurry(self) -> None:
        """Let it be due now, if there is anything to say."""
        if self.due_s is not None:
            self.due_s = 0.0

    def is_due(self, now_s: float) -> bool:
        """Whether it is time."""
        return self.due_s is not None and now_s >= self.due_s

    def told(self, now_s: float, *, anything: bool) -> None:
        """It was told. A storm that goes on doubles the wait; a quiet window brings it back."""
        self.due_s = None
        if anything:
            self.wait_s = min(self.wait_s * 2, MAX_WAIT_S)
            self.due_s = now_s + self.wait_s
        else:
            self.wait_s = self._window_s


def lines_of(desk: Desk) -> list[DigestLine]:
    """Take the lines of a channel's digest; what is too many for it is gathered in the last."""
    lines = list(desk.unsaid.values())
    desk.unsaid = {}
    lines.sort(key=lambda line: (-line.severity, -line.count))
    shown, rest = lines[:MAX_LINES], lines[MAX_LINES:]
    if rest:
        count = sum(line.count for line in rest)
        shown.append(DigestLine("", f"{len(rest)} other alerts", "", rest[0].severity, count, ""))
    return shown
