"""From a snapshot to what a person wants to know of it: who holds how much."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, Final, NamedTuple

from tocsin.memory.components import UNKNOWN, Components
from tocsin.memory.places import own_frame
from tocsin.model.memory import MemoryUse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tocsin.model.memory import HeapSnapshot, HeapStack

MOST_LINES: Final = 50
"""Call sites and components in a report; the largest are there."""
_TWO_SIDED_95: Final = 1.96
_MB: Final = 1e6


class Attribution:
    """Whom a stack belongs to, looked up once for each stack.

    Args:
        components: modules by component; see `Components`.
    """

    def __init__(self, components: Mapping[str, Sequence[str]] | None = None) -> None:
        self._components = Components(components)
        self._known: dict[int, tuple[str, str]] = {}

    def forget(self) -> None:
        """Stacks are to be numbered anew."""
        self._known.clear()

    def site(self, stack: HeapStack) -> str:
        """`file:line in function` of the frame that is named."""
        return self._of(stack)[0]

    def component(self, stack: HeapStack) -> str:
        """The part of the program."""
        return self._of(stack)[1]

    def _of(self, stack: HeapStack) -> tuple[str, str]:
        found = self._known.get(stack.number)
        if found is None:
            own = own_frame(stack.frames)
            found = (UNKNOWN if own is None else str(own), self._components.of(stack.frames))
            self._known[stack.number] = found
        return found


def uses(
    stacks: Iterable[HeapStack], name_of: Callable[[HeapStack], str], *, most: int = MOST_LINES
) -> tuple[MemoryUse, ...]:
    """What lives, summed by a name, largest first."""
    sums: dict[str, tuple[float, float, int]] = {}
    for stack in stacks:
        if stack.samples:
            name = name_of(stack)
            live, variance, samples = sums.get(name, (0.0, 0.0, 0))
            sums[name] = live + stack.live_bytes, variance + stack.live_variance, samples + stack.samples
    largest = sorted(sums.items(), key=lambda item: (-item[1][0], item[0]))[:most]
    return tuple(_use(name, *sum_) for name, sum_ in largest)


def _use(name: str, live_bytes: float, variance: float, samples: int) -> MemoryUse:
    low, high = interval_mb(live_bytes, variance)
    return MemoryUse(name=name, live_mb=live_bytes / _MB, live_low_mb=low, live_high_mb=high, samples=samples)


def interval_mb(live_bytes: float, variance: float) -> tuple[float, float]:
    """The 95 % interval of an estimate, in MB, by the normal approximation; nothing lives less than zero."""
    reach = _TWO_SIDED_95 * sqrt(variance)
    return max(live_bytes - reach, 0.0) / _MB, (live_bytes + reach) / _MB


class Live(NamedTuple):
    """The total that lives with its 95 % interval, and what of the resident memory it leaves open; None: unknown."""

    live_mb: float | None = None
    low_mb: float | None = None
    high_mb: float | None = None
    untracked_mb: float | None = None


def live_of(snapshot: HeapSnapshot) -> Live:
    """What lives in total."""
    live_bytes, variance, rss = snapshot.live_bytes, snapshot.live_variance, snapshot.rss_bytes
    if live_bytes is None or variance is None:
        return Live()
    untracked = None if rss is None else max(rss - live_bytes, 0.0)
    return Live(live_bytes / _MB, *interval_mb(live_bytes, variance), mb(untracked))


def mb(n_bytes: float | None) -> float | None:
    """MB of bytes; None of None."""
    return None if n_bytes is None else n_bytes / _MB
