"""When events are served at once, and when the watch thread leaves the interpreter to the program first."""

from __future__ import annotations

from typing import Final

# After a big batch the thread pauses: a storm is merged in fewer, larger steps.
STORM_EVENTS: Final = 256
# Small batches are served at once, as long as that takes little: so many seconds, earned back at this share of the
# time. A listener that answers each alert with a new event would otherwise keep a core busy for ever.
AT_ONCE_S: Final = 0.25
AT_ONCE_SHARE: Final = 0.05


class Courtesy:
    """Keeps account of the time that serving events took.

    Args:
        at_once_s: seconds of serving in a row without a pause.
    """

    def __init__(self, at_once_s: float = AT_ONCE_S) -> None:
        self._full_s = at_once_s
        self._left_s = at_once_s
        self._ended_s: float | None = None

    def wants_pause(self, events: int, began_s: float, ended_s: float) -> bool:
        """Whether to pause behind a batch, before the next one.

        Args:
            events: in the batch.
            began_s: when serving it began, monotonic seconds.
            ended_s: when it was done.
        """
        earned_s = 0.0 if self._ended_s is None else (began_s - self._ended_s) * AT_ONCE_SHARE
        self._ended_s = ended_s
        self._left_s = max(min(self._left_s + earned_s, self._full_s) - (ended_s - began_s), 0.0)
        return events >= STORM_EVENTS or self._left_s <= 0.0
