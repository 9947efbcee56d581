"""Connections that are kept open for the next request: a handshake each time would be most of what a notice costs.

A connection is taken out while it is used, so no two threads share one, and a forked child uses none of its parent's.
"""

from __future__ import annotations

import os
import select
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tocsin.clock import Clock

# Shorter than most servers wait; and an address that was looked up is believed for no longer.
IDLE_S: Final = 20.0

Key = tuple[str, str, int]  # scheme, host, port


class SpareConnections:
    """At most one connection to each peer.

    Args:
        clock: tells how long they have been idle.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._begin()

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._spare: dict[Key, tuple[Any, float]] = {}
        self._pid = os.getpid()

    def take(self, key: Key) -> Any | None:
        """A connection that seems to be alive; None: there is none. It is the caller's now."""
        if os.getpid() != self._pid:
            spare = self._spare
            self._begin()  # the lock too: another thread may have had it at the fork
            for sock, _ in spare.values():
                _close(sock)  # of this process's copy only
            return None
        with self._lock:
            sock, idle_since_s = self._spare.pop(key, (None, 0.0))
        if sock is None:
            return None
        if self._clock.now().mono_s - idle_since_s > IDLE_S or _has_something_to_say(sock):
            _close(sock)
            return None
        return sock

    def keep(self, key: Key, sock: Any) -> None:
        """Let the next request have it."""
        with self._lock:
            before, _ = self._spare.pop(key, (None, 0.0))
            self._spare[key] = sock, self._clock.now().mono_s
        if before is not None:
            _close(before)

    def close(self) -> None:
        """Close all; more may be kept afterwards."""
        with self._lock:
            spare, self._spare = self._spare, {}
        for sock, _ in spare.values():
            _close(sock)

    def __del__(self) -> None:
        """Whoever forgets a channel leaves no open connection."""
        with suppress(Exception):  # the interpreter may be ending
            self.close()


def _has_something_to_say(sock: Any) -> bool:
    """Whether it was closed by the peer, or says what nobody asked for."""
    try:
        if hasattr(select, "poll"):  # `select` fails from descriptor 1,024 on
            poll = select.poll()
            poll.register(sock, select.POLLIN)
            return bool(poll.poll(0))
        return bool(select.select([sock], [], [], 0)[0])
    except (OSError, ValueError):
        return True


def _close(sock: Any) -> None:
    with suppress(OSError):
        sock.close()
