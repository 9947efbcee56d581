"""The heap hook is one for the whole process; profilers share it.

The first lease starts it and the last one that is given back stops it. In between nobody starts it anew, which would
empty its tables under the others, so all see what lives since the first start.

Threads: leases may be taken and given back by any. Fork: the hook goes on in a child, and so do its leases.
"""

from __future__ import annotations

import sys
from typing import Final, NamedTuple, Protocol

from tocsin.memory import hook_lock
from tocsin.memory.process import rss_bytes


class HeapModule(Protocol):
    """What the profiler asks of the C extension; see _heap.pyi."""

    def start(self, interval: float = ..., max_samples: int = ...) -> None: ...
    def stop(self) -> None: ...
    def mark(self) -> int: ...
    def snapshot(self) -> list[tuple[int, float, float, int, int, float, bytes]]: ...
    def frames(self, stack: int) -> tuple[tuple[str, int, str], ...]: ...
    def state(self) -> dict[str, float]: ...
    def small_blocks(self) -> tuple[float, float, float, float]: ...
    def malloc_free(self) -> tuple[int, int] | None: ...
    def arena_bytes(self) -> int: ...


class Beginning(NamedTuple):
    """How things stood when the hook was started: what is older is invisible to it.

    Attributes:
        rss_bytes: resident memory.
        arena_bytes: held by pymalloc.
        python_blocks: handed out by pymalloc.
        malloc_free_bytes: kept by malloc although nobody used it.
        interval_bytes: mean bytes between two samples, as the first profiler wanted it.
    """

    rss_bytes: int | None
    arena_bytes: int | None
    python_blocks: int | None
    malloc_free_bytes: int | None
    interval_bytes: float


NOTHING_KNOWN: Final = Beginning(None, None, None, None, 0.0)


class Lease:
    """The right to read the hook until it is given back.

    Attributes:
        module: the hook.
        beginning: how things stood when it was started.
        epoch: the first that began under this lease.
        shared: whether the hook ran already.
    """

    def __init__(self, hook: SharedHook) -> None:
        self.module = hook.module
        self.beginning = NOTHING_KNOWN
        self.shared = False
        self.epoch = 0
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
        with hook_lock.lock:
            # It is among the leases before anything is decided: a garbage collection in here may give others back.
            lease = Lease(self)
            self._leases.add(lease)
            if self._beginning is None:
                self._start(lease, interval_bytes, max_samples)
            else:
                lease.beginning, lease.shared, lease.epoch = self._beginning, True, self.module.mark()
            return lease

    def _start(self, lease: Lease, interval_bytes: float, max_samples: int) -> None:
        try:
            self.module.start(interval_bytes, max_samples)
        except BaseException:
            self._leases.discard(lease)
            raise
        kept = self.module.malloc_free()
        lease.beginning = self._beginning = Beginning(
            rss_bytes=rss_bytes(),
            arena_bytes=arena_bytes(self.module),
            python_blocks=python_blocks(),
            malloc_free_bytes=None if kept is None else kept[0],
            interval_bytes=interval_bytes,
        )

    def give_back(self, lease: Lease) -> None:
        """See `Lease.give_back`."""
        with hook_lock.lock:
            if lease not in self._leases:
                return
            self._leases.remove(lease)
            if not self._leases:
                self._beginning = None
                self.module.stop()


def shared_hook(module: HeapModule) -> SharedHook:
    """The one that all profilers of this module share."""
    return _hooks.setdefault(id(module), SharedHook(module))


def arena_bytes(module: HeapModule) -> int | None:
    """What pymalloc holds; None where that is not known."""
    held = module.arena_bytes()
    return held if held >= 0 else None


def python_blocks() -> int | None:
    """Blocks that pymalloc has handed out; None where that is not known (PyPy, PYTHONMALLOC=malloc)."""
    count: int = getattr(sys, "getallocatedblocks", int)()
    return count or None


_hooks: dict[int, SharedHook] = {}  # by the module's identity, which is kept by being in here
