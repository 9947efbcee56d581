"""One line each way, within limits of size and time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tocsin.clock import SystemClock
from tocsin.errors import ControlError

if TYPE_CHECKING:
    import socket

    from tocsin.clock import Clock

MAX_REQUEST_BYTES: Final = 64 * 1024
MAX_REPLY_BYTES: Final = 4 * 1024 * 1024
TIME_LIMIT_S: Final = 2.0


class Deadline:
    """What is left of a time limit.

    Args:
        limit_s: seconds from now.
        clock: tells the time.
    """

    def __init__(self, limit_s: float = TIME_LIMIT_S, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._end_s = self._clock.now().mono_s + limit_s

    def left_s(self) -> float:
        """Seconds that are left.

        Raises: TimeoutError: if none are.
        """
        left_s = self._end_s - self._clock.now().mono_s
        if left_s <= 0:
            raise TimeoutError("the time limit is over")
        return left_s


def send(peer: socket.socket, line: bytes, deadline: Deadline) -> None:
    """Write a line; raises OSError when the peer is gone or too slow."""
    peer.settimeout(deadline.left_s())
    peer.sendall(line)


def receive(peer: socket.socket, limit_bytes: int, deadline: Deadline) -> bytes:
    """Read up to the end of the line, or of the stream. The limit is for the whole line: dripping gains no time.

    Raises:
        ControlError: if the line is longer than `limit_bytes`.
        OSError: if the peer is gone or too slow.
    """
    line = bytearray()
    while not line.endswith(b"\n"):
        peer.settimeout(deadline.left_s())
        part = peer.recv(65536)
        if not part:
            break
        line += part
        if len(line) > limit_bytes:
            raise ControlError(f"a line of more than {limit_bytes} bytes")
    return bytes(line)
