"""The notices that wait for one channel: the most urgent first, and none that says what a later one says better."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Final

import msgspec

from tocsin.model.notice import Notice, NoticeKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CAPACITY: Final = 1000
# A notice that failed so often may be what its receiver cannot digest: the others go first.
PATIENCE: Final = 4


class Pending(msgspec.Struct):
    """A notice that waits.

    Attributes:
        notice: what is to be told.
        order: its place among equals.
        attempts: how often it was tried.
        busy: whether it is being delivered just now.
    """

    notice: Notice
    order: int
    attempts: int = 0
    busy: bool = False

    def rank(self) -> tuple[bool, int, int]:
        """The least goes first."""
        return (self.attempts >= PATIENCE, -int(self.notice.severity), self.order)


class Waiting:
    """The queue of one channel.

    Args:
        capacity: notices that may wait.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._pending: dict[str, Pending] = {}
        self._order = count()

    def __len__(self) -> int:
        return len(self._pending)

    def add(self, notice: Notice, attempts: int = 0) -> tuple[list[Notice], list[Notice]]:
        """Let a notice wait.

        Returns: those that it takes the place of, since it says what they say; and those that were given up since there
            is no room (the least urgent, which may be this one).
        """
        merged = list(self._superseded_by(notice))
        if any(one.attempts for one in merged) and notice.kind is NoticeKind.RESOLVED:
            fired = min(one.notice.created_at for one in merged)
            why = f"fired at {fired:%Y-%m-%dT%H:%M:%SZ}, which could not be told then, and is over: {notice.reason}"
            notice = msgspec.structs.replace(notice, reason=why)
        for one in merged:
            del self._pending[one.notice.id]
        self._pending[notice.id] = Pending(notice, next(self._order), attempts)
        return [one.notice for one in merged], list(self._too_many())

    def first(self) -> Pending | None:
        """The one that goes next; it stays."""
        return min(self._pending.values(), key=Pending.rank, default=None)

    def remove(self, pending: Pending) -> None:
        """It is delivered, or given up."""
        self._pending.pop(pending.notice.id, None)

    def clear(self) -> None:
        """Forget all."""
        self._pending.clear()

    def _superseded_by(self, notice: Notice) -> Iterator[Pending]:
        """The firing notices that need not be told any more, once this one is.

        A later word on the same alerts says more: that they are worse, or over. What fires and ends in short succession
        while the channel works is told as it was: twice, in order.
        """
        if notice.kind is NoticeKind.DIGEST:
            return
        about = {alert.id for alert in notice.alerts}
        for one in self._pending.values():
            earlier = one.notice
            if earlier.kind is not NoticeKind.FIRING or not {alert.id for alert in earlier.alerts} <= about or one.busy:
                continue
            if one.attempts or notice.severity > earlier.severity:
                yield one

    def _too_many(self) -> Iterable[Notice]:
        busy = sum(one.busy for one in self._pending.values()) if len(self._pending) > self._capacity else 0
        while len(self._pending) > self._capacity + busy:
            last = max((one for one in self._pending.values() if not one.busy), key=Pending.rank)
            del self._pending[last.notice.id]
            yield last.notice
