"""What is written together, and the place where it will stand whether that is on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.clock import Wakeup

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tocsin.journal.entries import Entry


class Ticket:
    """The place where it will stand whether entries are on disk.

    Attributes:
        durable: whether they are; None while that is not known.
        reason: why not.
    """

    __slots__ = ("_bell", "_on_done", "durable", "reason")

    def __init__(self, on_done: Callable[[], None] | None = None) -> None:
        self.durable: bool | None = None
        self.reason = ""
        self._bell = Wakeup()
        self._on_done = on_done

    def settle(self, reason: str = "") -> None:
        """Say that the entries are on disk, or why they are not yet."""
        if self.durable is not None:
            return
        self.reason, self.durable = reason, not reason
        self._bell.set()
        if self._on_done is not None:
            self._on_done()

    def wait(self, timeout_s: float) -> bool:
        """Whether the entries are on disk, waiting for it up to `timeout_s` real seconds."""
        if self.durable is None:
            self._bell.wait(timeout_s)
        return self.durable is True


class Group:
    """Entries that are written together, and who waits for them."""

    __slots__ = ("entries", "tickets")

    def __init__(self, entries: Sequence[Entry], ticket: Ticket | None) -> None:
        self.entries = entries
        self.tickets = [] if ticket is None else [ticket]
