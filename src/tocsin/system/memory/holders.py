"""Searching for what holds the survivors of leaks, off the stepping thread and once for each leak."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

from tocsin.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tocsin.model.memory import LeakSite, Retention

    Sites = tuple[LeakSite, ...]

# After this an alert is told without knowing the holder; it is looked for all the same.
PATIENCE_S: Final = 12.0
SURVIVORS: Final = 32
MAX_SITES: Final = 200
MAX_WAITING: Final = 20


class HolderSearch:
    """Looks for the holders of each site that is confirmed, on a thread that ends when idle.

    Args:
        done: called, on that thread, when a search is over.
        find: from sites to what holds their survivors, by the key of the site; by default a scan of the heap.
    """

    def __init__(
        self, done: Callable[[], None], find: Callable[[Sequence[LeakSite]], Mapping[str, Retention]] | None = None
    ) -> None:
        self._done = done
        self._find = find or scan
        self._began_s: dict[str, float] = {}
        self._over: set[str] = set()
        self._found: deque[tuple[str, Retention]] = deque()
        self._worker: Worker[Sites] = Worker("tocsin-holders", self._look, capacity=MAX_WAITING)

    def begin(self, sites: Iterable[LeakSite], now_s: float) -> None:
        """Look for the holders of the sites for which that was not done yet, of all in one search."""
        fresh = tuple(site for site in sites if site.key not in self._began_s)[: MAX_SITES - len(self._began_s)]
        self._began_s |= {site.key: now_s for site in fresh}
        asked = tuple(site for site in fresh if site.stack_numbers)
        self._over |= {site.key for site in fresh if not site.stack_numbers}
        if asked and not self._worker.post(asked):
            self._over |= {site.key for site in asked}

    def is_over(self, site: LeakSite, now_s: float) -> bool:
        """Whether there is nothing to wait for: it was found, or looked for long enough."""
        began_s = self._began_s.get(site.key)
        return began_s is None or site.key in self._over or now_s - began_s >= PATIENCE_S

    def forget(self) -> None:
        """Look for all anew: another start of the profiler has other stacks."""
        self._began_s, self._over = {}, set()

    def wait(self) -> bool:
        """Wait until all searches are over. False: they are not, after as long as a search may take."""
        return self._worker.flush(PATIENCE_S)

    def results(self) -> Iterable[tuple[str, Retention]]:
        """What was found since the last call, by the key of the site."""
        while self._found:
            yield self._found.popleft()

    def _look(self, sites: Sites) -> None:
        try:
            self._found += self._find(sites).items()
        finally:
            self._over |= {site.key for site in sites}
            self._done()


def load_scan() -> tuple[Callable[[], tuple[Any, str]], Callable[..., Mapping[int, Retention]]]:
    """What a scan needs: the function that gives the hook, and the one that looks for holders."""
    from tocsin.memory.hook import load  # noqa: PLC0415 - whoever only emits needs it not
    from tocsin.memory.retention import find_holders  # noqa: PLC0415 - as above

    return load, find_holders


def scan(sites: Sequence[LeakSite]) -> dict[str, Retention]:
    """Scan the heap for what holds some survivors of each site; empty where there is no hook to tell them."""
    load, find_holders = load_scan()
    module, _ = load()
    if module is None:
        return {}
    survivors: dict[int, list[int]] = {}
    for place, site in enumerate(sites):
        blocks = survivors[place] = []
        for number in site.stack_numbers:
            blocks += [address for address, *_ in module.survivors(number, SURVIVORS - len(blocks))]
            if len(blocks) >= SURVIVORS:
                break
    found = find_holders(survivors)
    return {sites[place].key: retention for place, retention in found.items()}
