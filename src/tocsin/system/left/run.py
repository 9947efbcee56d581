"""The last run of a state directory: whether it still goes on, and else since when and why it does not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from tocsin.journal.writer import FILE
from tocsin.system.lastrun import kernel, record, traces
from tocsin.system.lastrun.ending import Traces, ending_of
from tocsin.system.lastrun.keeper import EVERY_S, is_alive

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tocsin.clock import Instant
    from tocsin.system.lastrun.record import RunRecord


class LastRun(NamedTuple):
    """The last run.

    Attributes:
        program: its name; that of the folder where it wrote none.
        record: what it wrote of itself last; None: nothing that can be read.
        runs: whether that process still lives.
        at: when it was seen last.
        how: how it ended, as a sentence without its subject; empty while it runs.
    """

    program: str
    record: RunRecord | None
    runs: bool
    at: datetime
    how: str

    @property
    def pid(self) -> int:
        """Its process; 0: not known."""
        return 0 if self.record is None else self.record.pid

    def plain(self) -> dict[str, object]:
        """The same as plain values."""
        return {"runs": self.runs, "pid": self.pid or None, "at": self.at.isoformat(), "how": self.how}


def last_run(folders: Sequence[Path], now: Instant) -> LastRun:
    """The last run of a state directory, of those of its owner and its guests: one that lives, or else the last to end.

    Args:
        folders: the directory, and those of its guests.
        now: the moment.
    """
    records = [(found, folder) for folder in folders if (found := _record(folder)) is not None]
    if not records:
        changed_unix_s = max(_changed_unix_s(folder) for folder in folders)
        words = "ended, or runs without an account of itself that can be read"
        return LastRun(folders[0].name, None, runs=False, at=datetime.fromtimestamp(changed_unix_s, UTC), how=words)
    last, folder = max(records, key=lambda one: (is_alive(one[0]), one[0].written_unix_s))
    runs = is_alive(last)
    at = datetime.fromtimestamp(_seen_unix_s(last, folder), UTC)
    return LastRun(last.program, last, runs=runs, at=at, how="" if runs else _how(last, folder, now))


def _seen_unix_s(last: RunRecord, folder: Path) -> float:
    """When it was seen last: by its own account, or writing its journal since, before the next account was due."""
    if last.end is not None:
        return last.written_unix_s
    return max(last.written_unix_s, min(_changed_unix_s(folder), last.written_unix_s + EVERY_S))


def _record(folder: Path) -> RunRecord | None:
    try:
        return record.read(folder)
    except record.UnreadableRecord:
        return None


def _how(last: RunRecord, folder: Path, now: Instant) -> str:
    left = Traces(
        traces.read(folder / traces.CRASH_FILE),
        traces.read(folder / traces.TERMINATED_FILE),
        kernel.log_says_killed(last.pid, last.kernel.boot_s) if last.end is None else "",
    )
    ending = ending_of(last, kernel.Kernel().counts(now), left)
    return "ended in order" if ending is None else f"{ending.words} ({ending.proof})"


def _changed_unix_s(folder: Path) -> float:
    return max((path.stat().st_mtime for path in folder.glob(f"{FILE}*")), default=0.0)
