"""What is written down of the way of a notice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tocsin.model.notice import Notice


class Record(Protocol):
    """Is told what becomes of notices. Its methods never raise, and but for `settle` they never block."""

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
        """A notice was tried, or came to its end without.

        Args:
            notice: which.
            outcome: `delivered`; `failed`, to be tried again; `dead`, given up; `merged`, said by a later one.
            attempts: how often it was tried.
            took_s: how long the attempt took.
            error: what went wrong.
            next_s: seconds until it is tried again.
        """
        ...

    def made(self, notice: Notice) -> None:
        """A notice was made out of another, for the channel that stands in."""
        ...

    def settle(self, channel: str, timeout_s: float) -> bool:
        """Wait, at most so long, until it is on disk what a channel was told last: a kill repeats one notice then.

        Returns: whether there is nothing to wait for any more.
        """
        ...


class Unrecorded:
    """Writes nothing down."""

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
        """Nothing."""

    def made(self, notice: Notice) -> None:
        """Nothing."""

    def settle(self, channel: str, timeout_s: float) -> bool:  # noqa: ARG002 - the protocol's shape
        """Nothing to wait for."""
        return True
