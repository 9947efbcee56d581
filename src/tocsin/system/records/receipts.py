"""What becomes of notices, for whoever waits for one of them; all is passed on to the journal."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tocsin.delivery import Record
    from tocsin.model.notice import Notice

    Listener = Callable[[Notice, str, float, str], object]


class Receipts:
    """Passes on what is written down of notices, and lets others hear of it.

    Args:
        record: what it is passed on to.
    """

    def __init__(self, record: Record) -> None:
        self._record = record
        # Exchanged as a whole: the threads of channels may be going through it.
        self._listeners: tuple[Listener, ...] = ()

    @contextmanager
    def heard_by(self, listener: Listener) -> Iterator[None]:
        """Call `listener(notice, outcome, took_s, error)` on the channel's thread, as long as the block lasts."""
        self._listeners = (*self._listeners, listener)
        try:
            yield
        finally:
            self._listeners = tuple(one for one in self._listeners if one is not listener)

    def attempted(
        self,
        notice: Notice,
        outcome: str,
        *,
        attempts: int,
        took_s: float,
        error: str = "",
        next_s: float | None = None,
    ) -> None:
        """A notice was tried; see `tocsin.delivery.Record`."""
        self._record.attempted(notice, outcome, attempts=attempts, took_s=took_s, error=error, next_s=next_s)
        for listener in self._listeners:
            listener(notice, outcome, took_s, error)

    def made(self, notice: Notice) -> None:
        """A notice was made out of another."""
        self._record.made(notice)

    def settle(self, channel: str, timeout_s: float) -> bool:
        """Wait until it is on disk what a channel was told last."""
        return self._record.settle(channel, timeout_s)
