"""What a run writes down of itself, every few seconds, so that the next one can tell how it ended.

One small JSON file in the state directory, replaced as a whole. It is not forced to the disk: it outlives the process
however that ends, and of a machine that lost power it is the boot that tells.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from pathlib import Path

FILE: Final = "run.json"
MAX_BYTES: Final = 64 * 1024
MAX_LINES: Final = 60
MAX_CHARS: Final = 200
VERSION: Final = 1


class KernelCounts(msgspec.Struct, frozen=True):
    """What the kernel says of the machine and of this process's place in it.

    Attributes:
        boot_id: another one after each start of the machine; empty where there is none.
        boot_s: seconds since the machine started, suspends included.
        group: the folder of the own memory cgroup; empty without one.
        group_kills: processes of that cgroup that were killed for memory; None: not known.
        machine_kills: processes of the machine, likewise.
    """

    boot_id: str = ""
    boot_s: float = 0.0
    group: str = ""
    group_kills: int | None = None
    machine_kills: int | None = None


class RunEnd(msgspec.Struct, frozen=True):
    """How a run said itself that it ended.

    Attributes:
        kind: `stopped` (its watch was stopped), `exited` (the interpreter ended in order), `exception` (of one that
            nobody caught).
        what: the exception, in a line.
        stack: where it was raised, innermost first.
        exit_code: if it is known.
    """

    kind: str
    what: str = ""
    stack: tuple[str, ...] = ()
    exit_code: int | None = None


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A run as it stood when it was written last.

    Attributes:
        pid: its process.
        start_ticks: when that process began, in ticks since the machine started: with the pid it is one process only.
        began_unix_s, written_unix_s: by the wall clock.
        lived_s: seconds from its begin to the writing, suspends included.
        kernel: the counts then.
        unclean: runs before it, one after the other, that did not end well.
        rss_mb, limit_mb, peak_mb: its memory.
        sites: who held most memory, a line each.
        alerts: what was open, a line each.
        stacks: where its threads stood, a line each.
        uncaught: exceptions that ended threads and tasks, the last ones, a line each.
        uncaught_count: how many there were.
        sigterm: the module whose handler had SIGTERM before the watch began; empty: none had.
        end: how it ended, by its own account; None while it runs.
    """

    version: int = VERSION
    program: str
    pid: int
    start_ticks: int = 0
    began_unix_s: float
    written_unix_s: float
    lived_s: float = 0.0
    kernel: KernelCounts
    unclean: int = 0
    rss_mb: float | None = None
    limit_mb: float | None = None
    peak_mb: float | None = None
    sites: tuple[str, ...] = ()
    alerts: tuple[str, ...] = ()
    stacks: tuple[str, ...] = ()
    uncaught: tuple[str, ...] = ()
    uncaught_count: int = 0
    sigterm: str = ""
    end: RunEnd | None = None


class UnreadableRecord(Exception):
    """There is a record, and it says nothing."""


def write(folder: Path, record: RunRecord) -> None:
    """Put the record in the place of the one before. Raises OSError."""
    body = msgspec.json.encode(record)
    if len(body) > MAX_BYTES:  # names of files and functions have no bound of their own
        body = msgspec.json.encode(msgspec.structs.replace(record, stacks=(), sites=(), uncaught=()))
    fresh = folder / f"{FILE}.new"
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(fd, body)
    finally:
        os.close(fd)
    fresh.replace(folder / FILE)


def read(folder: Path) -> RunRecord | None:
    """What the last run in this folder wrote; None: there was none.

    Raises: UnreadableRecord: if it cannot be read, or is of another version.
    """
    try:
        with (folder / FILE).open("rb") as file:
            body = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UnreadableRecord(error.strerror or str(error)) from error
    try:
        record = msgspec.json.decode(body, type=RunRecord)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise UnreadableRecord("it is cut, or of another version") from error
    if record.version != VERSION:
        raise UnreadableRecord(f"it is of version {record.version}")
    return record


def forget(folder: Path) -> None:
    """Take the record away."""
    with suppress(OSError):
        (folder / FILE).unlink()
