"""What a system asks of its journal, and what stands in its place where there is none.

SQLite is loaded only where a state directory is named.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Protocol

from tocsin.delivery import Record
from tocsin.delivery.record import Unrecorded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tocsin.clock import Clock, Instant
    from tocsin.config import AlertConfig
    from tocsin.engine import Engine
    from tocsin.journal.entries import Entry
    from tocsin.journal.reading import JournalReader
    from tocsin.model.inputs import Outcome
    from tocsin.system.records.recorder import Reach


class Recording(Record, Protocol):
    """Keeps the journal of one system. The stepper asks it under its lock, so the engine stands still meanwhile."""

    @property
    def reason(self) -> str:
        """Why nothing is durable; empty while all is well."""
        ...

    @property
    def folder(self) -> Path | None:
        """Where this process writes; None: nothing is written, or not yet."""
        ...

    @property
    def is_open(self) -> bool:
        """Whether there has been a step since it began, or since its end."""
        ...

    def owns_host(self) -> bool:
        """Whether this process is the one of its state directory that watches the host."""
        ...

    def reload(self, config: AlertConfig) -> None:
        """Keep as much as this configuration says."""
        ...

    def begin(self, engine: Engine, now: Instant) -> None:
        """Let the engine go on where the last run stopped; before its first step. Further calls do nothing."""
        ...

    def record(self, engine: Engine, outcome: Outcome, now: Instant) -> None:
        """Write down what a step changed."""
        ...

    def waiting(self) -> int:
        """Entries that are not on disk yet."""
        ...

    def catch_up(self, timeout_s: float) -> None:
        """Wait, up to so long, while far more is to be written than goes into a commit."""
        ...

    def sync(self, timeout_s: float) -> str:
        """Wait until all that was recorded is on disk; why it is not, if it is not."""
        ...

    def sync_later(self, settled: Callable[[str], object]) -> None:
        """Call `settled` once all that was recorded is on disk, or with the reason why it is not."""
        ...

    def post(self, written: Iterable[Entry]) -> None:
        """Write further entries, soon."""
        ...

    def reading(self, timeout_s: float) -> AbstractContextManager[JournalReader | None]:
        """Read what was recorded, the last of it included if the disk takes it in time; None: there is no journal."""
        ...

    def status(self, now: Instant) -> dict[str, Any]:
        """How the journal does: `path` (None: there is none), `reason`, and what is known of it."""
        ...

    def end(self, engine: Engine, now: Instant, timeout_s: float) -> bool:
        """Write the last state, and close the file. It is opened again at the next step."""
        ...

    def after_fork(self) -> None:
        """In the child: the parent's file and folder are the parent's."""
        ...


class InMemoryOnly(Unrecorded):
    """Where there is no state directory."""

    reason = "there is no state_dir: alerts are kept in memory only"
    is_open = False
    folder = None

    def owns_host(self) -> bool:
        """Nobody else is known."""
        return True

    def reload(self, config: AlertConfig) -> None:
        """Nothing is kept."""

    def begin(self, engine: Engine, now: Instant) -> None:
        """Nothing was left."""

    def record(self, engine: Engine, outcome: Outcome, now: Instant) -> None:
        """Nothing is written."""

    def waiting(self) -> int:
        """Nothing waits."""
        return 0

    def catch_up(self, timeout_s: float) -> None:
        """Nothing is to be written."""

    def sync(self, timeout_s: float) -> str:  # noqa: ARG002 - the protocol's shape
        """It will never be on disk."""
        return self.reason

    def sync_later(self, settled: Callable[[str], object]) -> None:
        """It will never be on disk."""
        settled(self.reason)

    def post(self, written: Iterable[Entry]) -> None:
        """Nothing is written."""

    def reading(self, timeout_s: float) -> AbstractContextManager[JournalReader | None]:  # noqa: ARG002 - as above
        """There is nothing to read."""
        return nullcontext()

    def status(self, now: Instant) -> dict[str, Any]:  # noqa: ARG002 - as above
        """There is none."""
        return {"path": None, "reason": self.reason}

    def end(self, engine: Engine, now: Instant, timeout_s: float) -> bool:  # noqa: ARG002 - the protocol's shape
        """There is nothing to close."""
        return True

    def after_fork(self) -> None:
        """There is nothing of the parent's."""


def make_recording(config: AlertConfig, clock: Clock, reach: Reach) -> Recording:
    """The journal in the configuration's state directory, or what stands in its place without one."""
    if config.state_dir is None:
        return InMemoryOnly()
    from tocsin.system.records.recorder import Recorder  # noqa: PLC0415 - it loads SQLite

    return Recorder(config.state_dir, clock, reach, config.journal_bounds)
