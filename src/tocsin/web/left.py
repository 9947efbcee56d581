"""What a program left in its state directory, as the page shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tocsin.clock import SystemClock
from tocsin.errors import StoreError
from tocsin.journal.writer import FILE
from tocsin.system.left.answers import LeftAnswers
from tocsin.system.left.run import last_run
from tocsin.system.left.stopped import Stopped
from tocsin.web.subjects import Pulse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from os import stat_result
    from pathlib import Path

    from tocsin.clock import Clock
    from tocsin.system.left.run import LastRun
    from tocsin.web.subjects import Hear


class Left:
    """What a program left in its state directory, to be looked at. One that runs still may be writing there.

    Args:
        root: the state directory.
        clock: tells what is over.
    Raises: StoreError: if there is no journal in it.
    """

    def __init__(self, root: Path, clock: Clock | None = None) -> None:
        self.clock: Clock = clock or SystemClock()
        self._stopped = Stopped(root, self.clock)
        self._answers = LeftAnswers(self._stopped, self.run, self.clock)
        self.program = self.run().program

    def run(self) -> LastRun:
        """The last run, as it stands now."""
        return last_run(self._stopped.folders, self.clock.now())

    def answers(self) -> Mapping[str, Callable[[dict[str, Any]], Any]]:
        """See `Subject`."""
        return self._answers.table()

    def facts(self) -> dict[str, Any]:
        """See `Subject`; `may` says that nothing can be ordered."""
        return {"journal": True, "left": self.run().plain(), "may": "read"}

    def health(self) -> dict[str, Any]:
        """See `Subject`."""
        return self._answers.health()

    def exposition(self, version: str) -> bytes:  # noqa: ARG002 - of the protocol
        """Old readings are not told as if they were new."""
        raise StoreError("nothing is measured here: this is what a program left")

    def pulse(self) -> Pulse:
        """Whether a program writes into the journal still."""
        written = tuple(
            (found.st_mtime_ns, found.st_size)
            for folder in self._stopped.folders
            for path in sorted(folder.glob(f"{FILE}*"))
            if (found := _stat(path)) is not None
        )
        return Pulse([], written, 0)

    def interval_s(self) -> float:
        """See `Subject`."""
        return 5.0

    def connect(self, hear: Hear) -> None:
        """Nothing changes that could be heard."""

    def disconnect(self, hear: Hear) -> None:
        """See `connect`."""


def _stat(path: Path) -> stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None
