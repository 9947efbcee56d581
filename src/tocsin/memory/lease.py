"""The heap hook is one for the whole process; profilers share it.

The first lease starts it and the last one that is given back stops it. In between nobody starts it anew, which would
empty its tables under the others, so all see what lives since the first start.

Threads: leases may be taken and given back by any. Fork: the hook goes on in a child, and so do its leases.
"""

from __future__ import annotations

import os
import sys
import threading
from functools import cache
from typing import NamedTuple, Protocol

from tocsin.memory.process import rss_bytes


class HeapModule(Protocol):
    """What the profiler asks of the C extension; see _heap.pyi."""

    def start(self, interval: float = ..., max_samples: int = ...) -> None: ...  # noqa: D102
    def stop(self) -> None: ...  # noqa: D102
    def mark(self) -> int: ...  # noqa: D102
    def snapshot(self) -> list[tuple[int, float, float, int, int, float, bytes]]: ...  # noqa: D102
    def frames(self, stack: int) -> tuple[tuple[str, int, str], ...]: ...  # noqa: D102
    def state(self) -> dict[str, float]: ...  # noqa: D102
    def small_blocks(self) -> tuple[float, float, float]: ...  # noqa: D102
    def arena_bytes(self) -> int: ...  # noqa: D102


class Beginning(NamedTuple):
    """How things stood when the hook was started: what is older is invisible to it.

    Attributes:
        rss_bytes: resident memory.
        arena_bytes: held by pymalloc.
        python_blocks: handed out by pymalloc.
        interval_bytes: mean bytes between two samples, as the first profiler wanted it.
    """

    rss_bytes: int | None
    arena_bytes: int | None
    python_blocks: int | None
    interval_bytes: float


class Lease:
    """The right to read the hook until it is given back.

    Attributes:
        module: the hook.
        beginning: how things stood when it was started.
        epoch: the first that began under this lease.
        shared: whether the hook ran already.
    """

    def __init__(self, hook: SharedHook, beginning: Beginning, *, shared: bool) -> None:
        self.module = hook.module
        self.beginning = beginning
        self.shared = shared
        self.epoch = self.module.mark() if shared else 0
        self._hook = hook

    def give_back(self) -> None:
        """Read no more; twice is fine."""
        self._hook.give_back(self)


class SharedHook:
    """The hook and who reads it. There is one for each module, by `shared_hook`."""

    def __init__(self, module: HeapModule) -> None:
        self.module = module
        self._leases: set[Lease] = set()
        self._beginning: Beginning | None = None

    def take(self, interval_bytes: float, max_samples: int) -> Lease:
        """A lease; the numbers count if it is the only one.

        Raises: RuntimeError: if the hook refuses, with its reason.
        """
        with _lock:
            beginning = self._beginning
            shared = beginning is not None
            if beginning is None:
                self.module.start(interval_bytes, max_samples)
                beginning = self._beginning = Beginning(
                    rss_bytes(), arena_bytes(self.module), python_blocks(), interval_bytes
                )
            lease = Lease(self, beginning, shared=shared)
            self._leases.add(lease)
            return lease

    def give_back(self, lease: Lease) -> None:
        """See `Lease.give_back`."""
        with _lock:
            if lease not in self._leases:
                return
            self._leases.remove(lease)
            if not self._leases:
                self._beginning = None
                self.module.stop()


@cache
def shared_hook(module: HeapModule) -> SharedHook:
    """The one that all profilers of this module share."""
    return SharedHook(module)


def arena_bytes(module: HeapModule) -> int | None:
    """What pymalloc holds; None where that is not known."""
    held = module.arena_bytes()
    return held if held >= 0 else None


def python_blocks() -> int | None:
    """Blocks that pymalloc has handed out; None where that is not known (PyPy, PYTHONMALLOC=malloc)."""
    count: int = getattr(sys, "getallocatedblocks", int)()
    return count or None


_lock = threading.RLock()


def _forget_the_parents_lock() -> None:
    global _lock  # noqa: PLW0603 - a thread that the child does not have may hold it
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_the_parents_lock)
