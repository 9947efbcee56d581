"""The command line's end: which programs run, and asking one of them."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tocsin.control.folder import UNIX, distrust, file_safe, folders, unlink
from tocsin.control.line import MAX_REPLY_BYTES, TIME_LIMIT_S, Deadline, receive, send
from tocsin.errors import ControlError

if TYPE_CHECKING:
    from collections.abc import Iterator

_FILE: Final = re.compile(r"(?P<name>.+)-(?P<pid>\d+)\.(?:sock|port)\Z")


class Program(msgspec.Struct, frozen=True, order=True):
    """A running program that Tocsin watches.

    Attributes:
        name: as in its configuration, made fit for a file name.
        pid: its process.
        path: its socket, or the file with its port and token.
    """

    name: str
    pid: int
    path: str

    def __str__(self) -> str:
        return f"{self.name} (pid {self.pid})"


def list_programs() -> list[Program]:
    """The programs of this user that answer, by name and pid. Sockets that nobody serves any more are removed."""
    found = []
    for folder in folders():
        found += [program for program in programs_in(folder) if not _remove_if_dead(program)]
    return sorted(found)


def select(pid: int | None = None, name: str | None = None) -> Program:
    """The one running program that is meant.

    Args:
        pid: its process, if given.
        name: its name, if given.
    Raises: ControlError: if none fits, or more than one does; the message lists the candidates.
    """
    running = list_programs()
    fitting = [
        program
        for program in running
        if pid in (None, program.pid) and (name is None or file_safe(name) == program.name)
    ]
    if len(fitting) == 1:
        return fitting[0]
    wanted = " and ".join(
        filter(None, [f"pid {pid}" if pid is not None else "", f"name {name!r}" if name is not None else ""])
    )
    if fitting:
        raise ControlError(
            f"{len(fitting)} programs are watched, choose one with --pid: {', '.join(map(str, fitting))}"
        )
    if running:
        raise ControlError(f"no watched program has {wanted}; running are: {', '.join(map(str, running))}")
    raise ControlError("no running program is watched by this user; start one with: tocsin run SCRIPT")


def call(program: Program | int | str, request: dict[str, Any], *, timeout_s: float = TIME_LIMIT_S) -> dict[str, Any]:
    """Ask a running program.

    Args:
        program: the program, its pid or its name.
        request: `{"command": …}`.
        timeout_s: seconds for all of it.
    Returns: the reply; a refusal has the key `error`.
    Raises: ControlError: if it cannot be reached, answers too slowly, or not in JSON.
    """
    if isinstance(program, int):
        program = select(pid=program)
    elif isinstance(program, str):
        program = select(name=program)
    deadline = Deadline(timeout_s)
    try:
        peer, token = _connect(program, timeout_s)
        with peer:
            # Whoever refuses us may hang up before we have spoken; the reason is there to be read all the same.
            with contextlib.suppress(ConnectionError):
                send(peer, msgspec.json.encode({**request, **token}) + b"\n", deadline)
            line = receive(peer, MAX_REPLY_BYTES, deadline)
        return msgspec.json.decode(line, type=dict[str, Any])
    except TimeoutError as error:
        raise ControlError(f"{program} did not answer within {timeout_s:g} s; it is stopped or very busy") from error
    except OSError as error:
        raise ControlError(f"{program} cannot be reached at {program.path}: {error.strerror or error}") from error
    except msgspec.MsgspecError as error:
        raise ControlError(f"{program} ended its answer early or not as JSON: {error}") from error


def programs_in(folder: Path) -> Iterator[Program]:
    """What the file names say; nothing of a folder that is not safely ours, since whoever made it could answer."""
    try:
        if distrust(folder):
            return
        names = sorted(entry.name for entry in folder.iterdir())
    except OSError:
        return
    for name in names:
        match = _FILE.match(name)
        if match:
            yield Program(match["name"], int(match["pid"]), os.fspath(folder / name))


def sweep(folder: Path) -> None:
    """Remove what killed programs left, at the start of the next; the living are not disturbed."""
    for program in programs_in(folder):
        if not _pid_exists(program.pid):
            _remove_if_dead(program)


def _remove_if_dead(program: Program) -> bool:
    """Remove a socket that nobody listens on. The pid proves nothing: it may be another container's, or given anew."""
    try:
        _connect(program, 0.5)[0].close()
    except (ConnectionRefusedError, FileNotFoundError):
        unlink(Path(program.path))
        return True
    except (OSError, msgspec.MsgspecError):
        return False  # busy or not to be read; asking it will tell
    return False


def _pid_exists(pid: int) -> bool:
    if not UNIX:
        return True  # os.kill would end or interrupt it on Windows
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _connect(program: Program, timeout_s: float) -> tuple[socket.socket, dict[str, str]]:
    """Connect; gives the socket and what the request must carry to be let in."""
    token: dict[str, str] = {}
    address: Any = program.path
    family = socket.AF_INET
    if program.path.endswith(".port"):
        entry = msgspec.json.decode(Path(program.path).read_bytes(), type=dict[str, Any])
        address, token = ("127.0.0.1", entry["port"]), {"token": entry["token"]}
    elif sys.platform != "win32":
        family = socket.AF_UNIX
    peer = socket.socket(family, socket.SOCK_STREAM)
    peer.settimeout(timeout_s)
    try:
        peer.connect(address)
    except OSError:
        peer.close()
        raise
    return peer, token
