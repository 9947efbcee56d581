"""The record of this run as a part of the system: without a state directory nothing of it is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from tocsin.system import forking

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tocsin.clock import Clock, Instant
    from tocsin.config import AlertConfig
    from tocsin.model.inputs import Input
    from tocsin.system.lastrun.host import Core


class LastRun(Protocol):
    """Keeps the record of a run; see `RunKeeper`."""

    name: str

    def begin(self) -> None:
        """Look how the run before ended, and begin the record of this one."""
        ...

    def end(self, timeout_s: float) -> bool:
        """The watch ends in order."""
        ...

    def is_alive(self) -> bool:
        """Whether what it has begun goes on."""
        ...

    def after_fork(self) -> None:
        """In the child: files and traces are the parent's."""
        ...

    def note_exit(self) -> None:
        """The interpreter ends."""
        ...

    def look(self, now: Instant) -> Sequence[Input]:
        """Write the record if it is time to; what is to be judged."""
        ...

    def orphaned(self, folder: Path) -> None:
        """A process is gone that was not the first of this program."""
        ...


class Unkept:
    """Where there is no state directory."""

    name = "tocsin-last-run"

    def begin(self) -> None:
        """Nothing was left."""

    def end(self, timeout_s: float) -> bool:  # noqa: ARG002 - the protocol's shape
        """There is nothing to close."""
        return True

    def is_alive(self) -> bool:
        """Always: there is nothing that could die."""
        return True

    def after_fork(self) -> None:
        """There is nothing of the parent's."""

    def note_exit(self) -> None:
        """Nothing is written."""

    def look(self, now: Instant) -> Sequence[Input]:  # noqa: ARG002 - the protocol's shape
        """There is nothing to tell."""
        return ()

    def orphaned(self, folder: Path) -> None:
        """Nobody else is known."""


def make_last_run(config: AlertConfig, clock: Clock, core: Core) -> LastRun:
    """The record in the configuration's state directory, or what stands in its place without one."""
    if config.state_dir is None:
        return Unkept()
    from tocsin.system.lastrun import goodbye  # noqa: PLC0415 - only who keeps a record needs these
    from tocsin.system.lastrun.host import RunHost  # noqa: PLC0415 - as above
    from tocsin.system.lastrun.keeper import RunKeeper  # noqa: PLC0415 - as above

    goodbye.DEFAULT.in_order = forking.at_exit  # an end without `atexit`
    return RunKeeper(config.program, clock, RunHost(core))
