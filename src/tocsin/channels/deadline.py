"""One deadline for a whole exchange, however many small reads and writes it is made of.

A socket's own timeout begins anew with each read, so a peer that sends a byte a second is never too slow. These sockets
ask the deadline before each step, and count what they have read.
"""

from __future__ import annotations

import socket
import ssl
import threading
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.clock import Clock

T = TypeVar("T")
# What a peer may send in one exchange, its headers included; nobody has more to say that we would read.
MAX_READ_BYTES: Final = 128 * 1024


class Late(TimeoutError):
    """The deadline has passed."""


class TooMuch(OSError):
    """The peer sends more than anybody reads."""


class Deadline:
    """The end of an exchange.

    Args:
        clock: tells the time.
        seconds: from now.
    """

    def __init__(self, clock: Clock, seconds: float) -> None:
        self.seconds = seconds
        self._clock = clock
        self._end_s = clock.now().mono_s + seconds

    def left_s(self) -> float:
        """Seconds that are left; more than 0. Raises Late."""
        left_s = self._end_s - self._clock.now().mono_s
        if left_s <= 0:
            raise Late(f"not done within {self.seconds:g} s")
        return left_s


class _Watched:
    """What a socket keeps to obey a deadline."""

    deadline: Deadline | None = None
    left_bytes: int = MAX_READ_BYTES

    def before_read(self, wanted: int) -> int:
        """How many bytes may be read."""
        if self.left_bytes <= 0:
            raise TooMuch(f"more than {MAX_READ_BYTES // 1024} KiB in one answer")
        return min(wanted, self.left_bytes)


class DeadlineSocket(_Watched, socket.socket):
    """A plain socket with a deadline."""

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """Read, as `socket.recv_into`. Raises Late, TooMuch."""
        wanted = self.before_read(nbytes or memoryview(buffer).nbytes)
        _limit(self)
        found = super().recv_into(buffer, wanted, flags)
        self.left_bytes -= found
        return found

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Write all; the interpreter counts one timeout for the whole of it. Raises Late."""
        _limit(self)
        super().sendall(data, flags)


class DeadlineTLSSocket(_Watched, ssl.SSLSocket):
    """A TLS socket with a deadline."""

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        """Read, as `ssl.SSLSocket.recv_into`. Raises Late, TooMuch."""
        wanted = self.before_read(nbytes or memoryview(buffer).nbytes)
        _limit(self)
        found = super().recv_into(buffer, wanted, flags)
        self.left_bytes -= found
        return found

    def send(self, data: Any, flags: int = 0) -> int:
        """Write some; `sendall` is made of these. Raises Late."""
        _limit(self)
        return super().send(data, flags)


def _limit(sock: DeadlineSocket | DeadlineTLSSocket) -> None:
    if sock.deadline is not None:
        sock.settimeout(sock.deadline.left_s())


def secured(sock: DeadlineSocket, context: ssl.SSLContext, host: str, deadline: Deadline) -> DeadlineTLSSocket:
    """Begin TLS on a connected socket, and check that the certificate is valid and `host`'s.

    Raises: OSError: `ssl.SSLError` if it is not, and what else may go wrong; Late.
    """
    context.sslsocket_class = DeadlineTLSSocket
    tls = context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
    assert isinstance(tls, DeadlineTLSSocket)  # noqa: S101 - the context was told two lines above
    tls.deadline = deadline
    try:
        tls.settimeout(deadline.left_s())
        tls.do_handshake()  # the interpreter counts one timeout for the whole of it
    except BaseException:
        tls.close()
        raise
    return tls


def watch_again(sock: DeadlineSocket | DeadlineTLSSocket, deadline: Deadline) -> None:
    """Let a connected socket obey another deadline, for another exchange."""
    sock.deadline, sock.left_bytes = deadline, MAX_READ_BYTES


def has_heard(sock: DeadlineSocket | DeadlineTLSSocket) -> bool:
    """Whether anything was read in this exchange."""
    return sock.left_bytes < MAX_READ_BYTES


def within(deadline: Deadline, work: Callable[[], T], *, name: str) -> T:
    """Do work that knows no deadline, on a thread that is left behind when it is late.

    Args:
        deadline: what is waited for at most, in real time.
        work: whose result, or error, is handed on.
        name: of the thread.
    Raises: Late: the work goes on, and nobody looks at what comes of it.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            errors.append(error)

    thread = threading.Thread(target=run, name=name, daemon=True)
    try:
        thread.start()
    except RuntimeError:
        return work()  # no thread is to be had: late is better than never
    thread.join(deadline.left_s())
    if errors:
        raise errors[0]
    if not results:
        raise Late(f"not done within {deadline.seconds:g} s")
    return results[0]
