"""Whom the command line asks about alerts: a running program, or the journal that a stopped one left."""

from __future__ import annotations

import getpass
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

import click

from tocsin.cli.layout import fit, terminal_width
from tocsin.errors import ControlError, TocsinError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tocsin.control import Program

    Command = TypeVar("Command", bound=Callable[..., Any])

# An order waits for the watch thread and for the disk, two seconds each at most; a test waits for the channels.
PATIENCE_S: Final = 10.0
TEST_PATIENCE_S: Final = 30.0
LEFT: Final = "name with --state-dir the folder of one that has ended"


class Source(Protocol):
    """Answers on alerts, and takes orders; as plain values, the same from everywhere."""

    def alerts(self, since_s: float) -> dict[str, Any]:
        """What is open, and what changed in so many seconds, newest first: `alerts`, and how many are `left_out`."""
        ...

    def acknowledge(self, alert_id: str, *, by: str, comment: str, for_s: float | None) -> dict[str, Any]:
        """Take care of an alert: the `alert`, `durable` and `reason`."""
        ...

    def preview(self, matchers: Sequence[str]) -> dict[str, Any]:
        """The open alerts that match: `alerts`, and how many are `left_out`."""
        ...

    def silence(self, matchers: Sequence[str], *, for_s: float, by: str, comment: str) -> dict[str, Any]:
        """Order a silence: `silence`, the `alerts` that it holds back, `left_out`, `durable` and `reason`."""
        ...

    def silences(self) -> list[dict[str, Any]]:
        """The silences, the first to end first."""
        ...

    def expire(self, silence_id: str) -> dict[str, Any]:
        """End a silence: `durable` and `reason`."""
        ...

    def explain(self, alert_id: str) -> dict[str, Any]:
        """The whole way of an alert."""
        ...

    def rules(self) -> list[dict[str, Any]]:
        """Each rule with what it sees, and why it does not ring."""
        ...

    def deliveries(self, *, state: str, limit: int) -> list[dict[str, Any]]:
        """The last notices, newest first."""
        ...

    def replay(self, notice_id: str) -> dict[str, Any]:
        """Send a dead notice once more."""
        ...

    def artifacts(self) -> list[dict[str, Any]]:
        """The artifacts, newest first."""
        ...

    def artifact(self, artifact_id: str) -> dict[str, Any]:
        """An artifact."""
        ...


class Running:
    """A running program, asked through its control socket.

    Args:
        program: which.
    """

    def __init__(self, program: Program) -> None:
        self.program = program

    def __str__(self) -> str:
        return str(self.program)

    def alerts(self, since_s: float) -> dict[str, Any]:
        return self.ask("alerts", since_s=since_s)

    def acknowledge(self, alert_id: str, *, by: str, comment: str, for_s: float | None) -> dict[str, Any]:
        return self.ask("acknowledge", id=alert_id, by=by, comment=comment, for_s=for_s)

    def preview(self, matchers: Sequence[str]) -> dict[str, Any]:
        return self.ask("preview", matchers=list(matchers))

    def silence(self, matchers: Sequence[str], *, for_s: float, by: str, comment: str) -> dict[str, Any]:
        return self.ask("silence", matchers=list(matchers), for_s=for_s, author=by, comment=comment)

    def silences(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("silences")["silences"]
        return found

    def expire(self, silence_id: str) -> dict[str, Any]:
        return self.ask("expire", id=silence_id)

    def explain(self, alert_id: str) -> dict[str, Any]:
        return self.ask("explain", id=alert_id)

    def rules(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("rules")["rules"]
        return found

    def deliveries(self, *, state: str, limit: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("deliveries", state=state, limit=limit)["notices"]
        return found

    def replay(self, notice_id: str) -> dict[str, Any]:
        return self.ask("replay", id=notice_id)

    def artifacts(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("artifacts")["artifacts"]
        return found

    def artifact(self, artifact_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ask("artifact", id=artifact_id)["artifact"]
        return found

    def test(self, channel: str) -> list[dict[str, Any]]:
        """Try the channels; what became of each."""
        found: list[dict[str, Any]] = self.ask("test", timeout_s=TEST_PATIENCE_S, channel=channel)["channels"]
        return found

    def ask(self, command: str, *, timeout_s: float = PATIENCE_S, **what: Any) -> dict[str, Any]:
        """Ask, and give back the reply.

        Raises:
            click.UsageError: if what is asked makes no sense.
            TocsinError: if it is refused in words: there is no such alert, for example.
            ControlError: if the program cannot be reached, or does not know the command.
        """
        from tocsin import control  # noqa: PLC0415 - help should not wait for it

        reply = control.call(self.program, {"command": command, **what}, timeout_s=timeout_s)
        if "error" not in reply:
            return reply
        if reply.get("kind") == "wrong call":
            raise click.UsageError(str(reply["error"]))
        if reply.get("kind") == "refused":
            raise TocsinError(str(reply["error"]))
        raise ControlError(f"{self.program} refused: {reply['error']}")


def source_options(command: Command) -> Command:
    """The options by which a program, or what it left, is chosen."""
    for option in (
        click.option(
            "--state-dir",
            metavar="DIR",
            type=click.Path(path_type=Path),
            help="The journal of a program that has ended.",
        ),
        click.option("--name", help="The program with this name."),
        click.option("--pid", type=int, help="The program with this process id."),
    ):
        command = option(command)
    return command


def find_source(pid: int | None, name: str | None, state_dir: Path | None) -> Source:
    """Whom to ask.

    Raises:
        click.UsageError: if both a program and a folder are named.
        ControlError: if no running program fits, or more than one does.
        StoreError: if there is no journal in the folder.
    """
    if state_dir is None:
        return find_running(pid, name, otherwise=LEFT)
    if pid is not None or name is not None:
        raise click.UsageError("--state-dir reads what a program left; --pid and --name choose one that runs")
    from tocsin.system.left.stopped import Stopped  # noqa: PLC0415 - help should not wait for it

    return Stopped(state_dir)


def find_running(pid: int | None, name: str | None, *, otherwise: str = "") -> Running:
    """The running program that is meant.

    Args:
        pid: its process, if given.
        name: its name, if given.
        otherwise: what the command can do where no program runs; empty: nothing.
    Raises: ControlError: if none fits, or more than one does; it says what to do.
    """
    from tocsin import control  # noqa: PLC0415 - as above

    try:
        return Running(control.select(pid=pid, name=name))
    except ControlError as error:
        if not otherwise or control.list_programs():
            raise
        raise ControlError(f"{error}, or {otherwise}") from error


def somebody() -> str:
    """Who gives the order; empty where the system does not know."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return str(os.getuid()) if hasattr(os, "getuid") else ""


def say_if_not_durable(answer: Mapping[str, Any]) -> None:
    """Say on standard error that an order was taken, and yet is not on disk."""
    if not answer["durable"]:
        lines = fit(f"it does not survive a restart: {answer['reason']}", terminal_width())
        click.echo("\n".join(lines), err=True)
