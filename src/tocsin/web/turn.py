"""Which of the processes of a program serves its page: one at a time, and the next when that one ends.

Workers that share a state directory would else each serve a page of their own, on whatever port is free. The turn is
the lock of a file in that directory, so it goes with its process, however that ends.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import msgspec

from tocsin.journal.folder import take_turn

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LOCK_FILE: Final = "page.lock"
PLACE_FILE: Final = "page.json"
_MAX_BYTES: Final = 4096


class Place(msgspec.Struct):
    """Where the page is.

    Attributes:
        pid: who serves it.
        base: its address, without a token.
    """

    pid: int
    base: str


class Turn:
    """The turn of one process.

    Args:
        root: the state directory that the processes share; None: this one has nobody to share with.
    """

    def __init__(self, root: Path | None) -> None:
        self._root = root
        self._give: Callable[[], None] | None = None
        self._pid = os.getpid()

    def may_come(self) -> bool:
        """Whether there may be a turn for this process: not in a forked child that has nothing to share."""
        return self._root is not None or os.getpid() == self._pid

    def take(self) -> bool:
        """Whether it is ours; then it stays so until it is given back."""
        if self._root is None:
            return self.may_come()
        if self._give is None:
            try:
                self._give = take_turn(self._root / LOCK_FILE)
            except OSError:
                return True  # nobody can share a folder that cannot be written
        return self._give is not None

    def announce(self, base: str) -> None:
        """Tell the others where the page is."""
        if self._root is None:
            return
        fresh = self._root / f"{PLACE_FILE}.new"
        with suppress(OSError):
            fresh.write_bytes(msgspec.json.encode(Place(os.getpid(), base)))
            fresh.replace(self._root / PLACE_FILE)

    def elsewhere(self) -> str:
        """The address at which another process serves the page, without a token; empty where none is known to."""
        if self._root is None or self._give is not None:
            return ""
        try:
            with (self._root / PLACE_FILE).open("rb") as file:
                return msgspec.json.decode(file.read(_MAX_BYTES), type=Place).base
        except (OSError, msgspec.MsgspecError):
            return ""

    def give(self) -> None:
        """Let another process serve."""
        give, self._give = self._give, None
        if give is not None and self._root is not None:
            with suppress(OSError):
                (self._root / PLACE_FILE).unlink()
            give()

    def after_fork(self) -> None:
        """In the child: the turn is the parent's."""
        self._give = None
