"""Cut the power: of what a program wrote, only what it synced is kept, and of the rest a part, some of it torn.

The program runs once, while the shim writes down every write, truncation and sync. Each cut is then a moment in that
log: a folder is made as the disk would hold it then, the journal is opened on it, and all that was acknowledged before
the moment must be there. It is assumed that the disk honours a sync, and that names (create, rename, remove) are on
disk at once.
"""

from __future__ import annotations

import os
import random
import struct
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.crash.programs import acknowledged, build_shim, lost, start
from tests.crash.workload import ACKS

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEADER = struct.Struct("IIQQ")
OPENED, WRITTEN, CUT, SYNCED, REMOVED, RENAMED = range(1, 7)
SECTOR = 512


@dataclass(frozen=True)
class Call:
    """One line of the log."""

    what: int
    inode: int
    offset: int
    data: bytes


@dataclass
class File:
    """What of a file is safe, and what has been asked for since."""

    safe: bytearray = field(default_factory=bytearray)
    asked: list[Call] = field(default_factory=list)

    def sync(self) -> None:
        for call in self.asked:
            _apply(self.safe, call)
        self.asked.clear()

    def after_cut(self, rng: random.Random, *, honest: bool) -> bytes:
        """What the disk holds: with `honest` nothing that was not synced, else any part of it, in any order."""
        held = bytearray(self.safe)
        if honest:
            return bytes(held)
        some = [call for call in self.asked if rng.random() < 0.5]
        rng.shuffle(some)
        for call in some:
            _apply(held, _torn(call, rng) if rng.random() < 0.3 else call)
        return bytes(held)


def run(cuts: int, seed: int, *, synchronous: str = "FULL", alerts: int = 60, group: int = 1) -> dict[str, int]:
    """Record one run, and cut it `cuts` times.

    Raises: NoShim: where the shim cannot be built.
    """
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        room = Path(name)
        calls = list(_record(room, synchronous, alerts, group))
        moments = sorted(rng.randrange(len(calls)) for _ in range(cuts))
        losing, worst = 0, 0
        for number, moment in enumerate(_at(calls, moments)):
            folder = room / "cut" / str(number)
            acked = moment.lay_out(folder, rng, honest=number % 2 == 0)
            missing = lost(folder, acked)
            losing, worst = losing + bool(missing), max(worst, len(missing))
    return {"cuts": cuts, "calls": len(calls), "cuts_that_lost": losing, "most_lost_at_once": worst}


def _record(room: Path, synchronous: str, alerts: int, group: int) -> Iterator[Call]:
    folder, log = room / "state", room / "log"
    folder.mkdir()
    around = {"LD_PRELOAD": os.fspath(build_shim(room)), "CRASH_FOLDER": os.fspath(folder), "CRASH_LOG": os.fspath(log)}
    options = ["--ack-file", "--alerts", str(alerts), "--group", str(group), "--synchronous", synchronous]
    program = start(folder, *options, environment=around)
    said, complaint = program.communicate()
    assert said.endswith("done \n"), (said, complaint)
    data, at = log.read_bytes(), 0
    while at < len(data):
        what, length, inode, offset = _HEADER.unpack_from(data, at)
        at += _HEADER.size
        yield Call(what, inode, offset, data[at : at + length])
        at += length


class Disk:
    """The folder as it goes on, call by call."""

    def __init__(self) -> None:
        self.files: dict[int, File] = {}
        self.names: dict[str, int] = {}
        self.acks = bytearray()

    def take(self, call: Call) -> None:
        if call.what == OPENED:
            name = os.path.basename(call.data.decode())  # noqa: PTH119 - a path as text
            if self.names.get(name) != call.inode:
                self.files[call.inode] = File()  # the number of a removed file may come again
            self.names[name] = call.inode
        elif call.what == REMOVED:
            self.names.pop(os.path.basename(call.data.decode()), None)  # noqa: PTH119
        elif call.what == RENAMED:
            old, new = (os.path.basename(path) for path in call.data.decode().split("\n"))  # noqa: PTH119
            self.names[new] = self.names.pop(old)
        elif call.inode == self.names.get(ACKS):
            if call.what == WRITTEN:
                self.acks += call.data
        elif call.what == SYNCED:
            self.files[call.inode].sync()
        else:
            self.files[call.inode].asked.append(call)

    def lay_out(self, folder: Path, rng: random.Random, *, honest: bool) -> set[str]:
        """Make the folder as it is after a cut now; gives back what was acknowledged."""
        folder.mkdir(parents=True)
        for name, inode in self.names.items():
            if name != ACKS:
                (folder / name).write_bytes(self.files[inode].after_cut(rng, honest=honest))
        return acknowledged(self.acks.decode().splitlines(keepends=True))


def _at(calls: list[Call], moments: list[int]) -> Iterator[Disk]:
    disk, done = Disk(), 0
    for moment in moments:
        for call in calls[done : moment + 1]:
            disk.take(call)
        done = max(done, moment + 1)
        yield disk


def _apply(held: bytearray, call: Call) -> None:
    if call.what == CUT:
        del held[call.offset :]
        held.extend(bytes(call.offset - len(held)))
        return
    held.extend(bytes(max(call.offset - len(held), 0)))
    held[call.offset : call.offset + len(call.data)] = call.data


def _torn(call: Call, rng: random.Random) -> Call:
    """Only the first sectors of a write came to the disk."""
    return Call(call.what, call.inode, call.offset, call.data[: SECTOR * rng.randrange(len(call.data) // SECTOR + 1)])
