"""The program's end: a daemon thread that answers."""

from __future__ import annotations

import atexit
import contextlib
import os
import socket
import struct
import sys
import threading
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

import msgspec

from tocsin.clock import Wakeup
from tocsin.control.client import sweep
from tocsin.control.folder import SUFFIX, UNIX, control_folder, file_safe, unlink
from tocsin.control.line import MAX_REPLY_BYTES, MAX_REQUEST_BYTES, TIME_LIMIT_S, Deadline, receive, send
from tocsin.errors import ControlError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Handler = Callable[[dict[str, Any]], dict[str, Any]]

# sun_path holds 104 bytes on macOS and 108 on Linux, the closing zero included.
_MAX_PATH_BYTES: Final = 103
_RETRY_ACCEPT_S: Final = 1.0
_KNOCK_S: Final = 0.2

_live: WeakSet[ControlServer] = WeakSet()


class _Running:
    """What a server has while it runs, in one piece, so that a fork or a stop drops all of it at once."""

    def __init__(self, path: Path, listener: socket.socket, token: str) -> None:
        self.path, self.listener, self.token = path, listener, token
        self.stopped = Wakeup()
        self.thread: threading.Thread | None = None
        self.pid = os.getpid()
        self._identity = _identity(listener)

    def is_ours(self) -> bool:
        """Whether the descriptor is still the listener's: a daemon closes all, and uses their numbers anew."""
        return _identity(self.listener) == self._identity

    def close(self) -> None:
        """Give the descriptor back, or leave it to whoever has it now."""
        if self.is_ours():
            self.listener.close()
        else:
            self.listener.detach()


class ControlServer:
    """Answers the command line from a daemon thread of its own.

    After a fork the child knows nothing of the parent's socket; it may call `start` for one of its own.

    Args:
        name: the program's name.
        handler: turns a request into a reply; what it raises becomes `{"error": …}`. It runs on the server's thread.
    """

    def __init__(self, name: str, handler: Handler) -> None:
        self.name = file_safe(name)
        self._handler = handler
        self._running: _Running | None = None

    @property
    def path(self) -> Path | None:
        """The socket, or the file with the port and the token; None while not started."""
        return None if self._running is None else self._running.path

    def start(self) -> Path:
        """Begin to answer; twice is fine.

        Returns: the socket, or the file with the port and the token.
        Raises: ControlError: if there is no private folder, or no socket can be made in it.
        """
        self.forget_the_parents()
        if self._running is not None:
            return self._running.path
        folder = control_folder()
        sweep(folder)
        path = folder / _file_name(self.name, folder)
        try:
            listener, token = _listen(path)
        except OSError as error:
            raise ControlError(f"cannot listen on {path}: {error.strerror or error}") from error
        running = _Running(path, listener, token)
        running.thread = threading.Thread(target=self._serve, args=(running,), name="tocsin-control", daemon=True)
        self._running = running
        _live.add(self)
        running.thread.start()
        return path

    def stop(self, timeout_s: float = TIME_LIMIT_S) -> None:
        """End: remove the socket and wait for the thread, at most `timeout_s` seconds. Never raises; twice is fine."""
        running, self._running = self._running, None
        if running is None:
            return
        running.stopped.set()
        if running.is_ours():
            _knock(running.listener, running.path)
        unlink(running.path)
        if running.thread is not None and running.thread is not threading.current_thread():
            running.thread.join(timeout_s if running.is_ours() else 0.0)
        running.close()

    def forget_the_parents(self) -> None:
        """In a forked child: be a server that was never started, and leave the file alone, which is the parent's.

        What the child itself has started stays: another fork hook may have done so before this one is called.
        """
        running = self._running
        if running is not None and running.pid != os.getpid():
            self._running = None
            running.close()

    def _serve(self, running: _Running) -> None:
        pause_s = 0.0
        while not running.stopped.wait(pause_s) and running.is_ours():
            try:
                peer, _ = running.listener.accept()
            except OSError:
                # Without a free descriptor accept fails at once, again and again: do not spin on it.
                pause_s = _RETRY_ACCEPT_S
                continue
            pause_s = 0.0
            with peer:
                self._answer(peer, running.token)

    def _answer(self, peer: socket.socket, token: str) -> None:
        """One request, one reply. Nothing that a peer does may end the thread."""
        try:
            reply = self._reply_to(peer, token)
            if reply is not None:
                send(peer, _encode(reply), Deadline())
        except Exception:  # noqa: BLE001 - the loop edge; mostly the peer went away or was too slow, and it knows
            return

    def _reply_to(self, peer: socket.socket, token: str) -> dict[str, Any] | None:
        uid = _peer_uid(peer)
        if uid is not None and uid not in {0, os.geteuid()}:
            return {"error": f"user {uid} may not ask this program; it belongs to user {os.geteuid()}"}
        try:
            line = receive(peer, MAX_REQUEST_BYTES, Deadline())
        except ControlError as error:
            return {"error": f"the request was refused: {error}"}
        if not line:
            return None  # somebody only looked whether we live
        try:
            request = msgspec.json.decode(line, type=dict[str, Any])
        except msgspec.MsgspecError as error:
            return {"error": f"the request is not a JSON object on one line: {error}"}
        if token and not _is_same(str(request.pop("token", "")), token):
            return {"error": "the token is wrong"}
        try:
            return self._handler(request)
        except Exception as error:  # noqa: BLE001 - the handler's fault is the client's answer, not the host's
            return {"error": f"{type(error).__name__}: {error}"}


def _file_name(name: str, folder: Path) -> str:
    """The socket's file name, its program's name shortened where the path would be too long for a socket."""
    tail = f"-{os.getpid()}{SUFFIX}"
    room = _MAX_PATH_BYTES - len(os.fsencode(folder)) - len(tail) - 1
    if UNIX and room < 1:
        raise ControlError(
            f"the path {folder} is too long for a Unix socket ({_MAX_PATH_BYTES} bytes in all); "
            "set XDG_RUNTIME_DIR or TMPDIR to a shorter one"
        )
    return (name[:room] if UNIX else name) + tail


def _listen(path: Path) -> tuple[socket.socket, str]:
    """Listen at `path`. It appears complete: whoever sees the file can connect."""
    if not UNIX:
        return _listen_on_loopback(path)
    fresh = path.with_name(f".{os.getpid()}")  # shorter than the name itself, so it fits as well
    unlink(fresh)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(os.fspath(fresh))
        fresh.chmod(0o600)
        listener.listen(8)
        fresh.replace(path)
    except OSError:
        listener.close()
        unlink(fresh)
        raise
    return listener, ""


def _listen_on_loopback(path: Path) -> tuple[socket.socket, str]:
    token = os.urandom(32).hex()
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.bind(("127.0.0.1", 0))
        listener.listen(8)
        unlink(path)
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(msgspec.json.encode({"port": listener.getsockname()[1], "token": token}))
    except OSError:
        listener.close()
        raise
    return listener, token


def _is_same(found: str, token: str) -> bool:
    import hmac  # noqa: PLC0415 - only where there is a token

    # In constant time, so that nobody can guess it piece by piece.
    return hmac.compare_digest(found.encode("utf-8", "replace"), token.encode())


def _identity(listener: socket.socket) -> tuple[int, int] | None:
    """What tells one open socket from another; None where a socket is no file descriptor."""
    try:
        found = os.fstat(listener.fileno())
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _knock(listener: socket.socket, path: Path) -> None:
    """Wake a thread out of `accept`: closing the listener alone does not everywhere."""
    with contextlib.suppress(OSError), socket.socket(listener.family, socket.SOCK_STREAM) as visitor:
        visitor.settimeout(_KNOCK_S)
        visitor.connect(listener.getsockname() if listener.family == socket.AF_INET else str(path))
    with contextlib.suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)  # where the file is gone and nobody can knock


def _peer_uid(peer: socket.socket) -> int | None:
    """The user at the other end; None where the system does not tell, and the folder's rights alone must do."""
    uid: int | None = None
    if peer.family == socket.AF_INET:
        return None  # the token decides
    if sys.platform == "linux":
        size = struct.calcsize("3i")
        _pid, uid, _gid = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    elif sys.platform == "darwin":
        # struct xucred of <sys/ucred.h>: version, uid, …; asked at level SOL_LOCAL (0) as LOCAL_PEERCRED (1).
        _version, uid = struct.unpack_from("=II", peer.getsockopt(0, 1, 76))
    return uid


def _encode(reply: dict[str, Any]) -> bytes:
    try:
        line = msgspec.json.encode(reply, enc_hook=str) + b"\n"
    except (TypeError, ValueError) as error:
        return msgspec.json.encode({"error": f"the reply cannot be written as JSON: {error}"}) + b"\n"
    if len(line) > MAX_REPLY_BYTES:
        return msgspec.json.encode({"error": f"the reply has {len(line)} bytes, more than {MAX_REPLY_BYTES}"}) + b"\n"
    return line


def _after_fork_in_child() -> None:
    for server in tuple(_live):
        server.forget_the_parents()


def _remove_all() -> None:
    """At exit only the files go; the threads are daemons and are left behind."""
    for server in tuple(_live):
        if server.path is not None:
            unlink(server.path)


atexit.register(_remove_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
