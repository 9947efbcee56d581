"""Searching for what holds the survivors of a leak, off the stepping thread and once for each."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from tocsin.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tocsin.model.memory import LeakSite, Retention

# After this an alert is told without knowing the holder; it is looked for all the same.
PATIENCE_S: Final = 10.0
SURVIVORS: Final = 32
MAX_SITES: Final = 200
MAX_WAITING: Final = 20


class HolderSearch:
    """Looks for the holders of each site that is confirmed, one after another, on a thread that ends when idle.

    Args:
        done: called, on that thread, when something was found.
        find: from a site to what holds its survivors; by default a scan of the heap.
    """

    def __init__(self, done: Callable[[], None], find: Callable[[LeakSite], Retention | None] | None = None) -> None:
        self._done = done
        self._find = find or scan
        self._began_s: dict[str, float] = {}
        self._over: set[str] = set()
        self._found: deque[tuple[str, Retention]] = deque()
        self._worker: Worker[LeakSite] = Worker("tocsin-holders", self._look, capacity=MAX_WAITING)

    def begin(self, sites: Iterable[LeakSite], now_s: float) -> None:
        """Look for the holders of the sites for which that was not done yet."""
        for site in sites:
            if site.key in self._began_s or len(self._began_s) >= MAX_SITES:
                continue
            self._began_s[site.key] = now_s
            if not site.stack_numbers or not self._worker.post(site):
                self._over.add(site.key)

    def is_over(self, site: LeakSite, now_s: float) -> bool:
        """Whether there is nothing to wait for: it was found, or looked for long enough."""
        began_s = self._began_s.get(site.key)
        return began_s is None or site.key in self._over or now_s - began_s >= PATIENCE_S

    def results(self) -> Iterable[tuple[str, Retention]]:
        """What was found since the last call, by the key of the site."""
        while self._found:
            yield self._found.popleft()

    def _look(self, site: LeakSite) -> None:
        try:
            found = self._find(site)
            if found is not None:
                self._found.append((site.key, found))
        finally:
            self._over.add(site.key)
            self._done()


def scan(site: LeakSite) -> Retention | None:
    """Scan the heap for what holds some survivors of a site; None where there is no hook to tell them."""
    from tocsin.memory import hook  # noqa: PLC0415 - only where something leaks
    from tocsin.memory.retention import find_holders  # noqa: PLC0415 - as above

    module, _ = hook.load()
    if module is None:
        return None
    blocks: list[int] = []
    for number in site.stack_numbers:
        blocks += [address for address, *_ in module.survivors(number, SURVIVORS - len(blocks))]
        if len(blocks) >= SURVIVORS:
            break
    return find_holders(blocks) if blocks else None
