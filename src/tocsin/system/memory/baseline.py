"""What the heap was like once the program had warmed up, and what it has gained since, by site."""

from __future__ import annotations

from collections import defaultdict
from math import sqrt
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tocsin.library import short_path
from tocsin.memory.places import own_frame
from tocsin.model.alert import Evidence
from tocsin.model.memory import Frame
from tocsin.model.units import format_value

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tocsin.model.memory import HeapSnapshot, HeapStack

# Until then a program loads what it needs: what it has then is no growth.
WARM_UP_S: Final = 120.0
MAX_SITES: Final = 100
MAX_LINES: Final = 6
KIND: Final = "heap_difference"
_TWO_SIDED_95: Final = 1.959964
_UNKNOWN: Final = Frame("", 0, "code that is not known")


class SiteGain(NamedTuple):
    """What one line of the program's own has gained.

    Attributes:
        site: the line; of code that is not known without a file.
        before_bytes: estimated bytes alive then.
        now_bytes: estimated bytes alive now.
        low_bytes: lower end of the 95 % interval of what it gained.
        high_bytes: its upper end.
        samples: sampled blocks alive now.
    """

    site: Frame
    before_bytes: float
    now_bytes: float
    low_bytes: float
    high_bytes: float
    samples: int

    @property
    def gained_bytes(self) -> float:
        """What it gained; below zero: it lost."""
        return self.now_bytes - self.before_bytes


class Difference(NamedTuple):
    """Two heaps of one program, side by side.

    Attributes:
        before_s: when the first was seen, in monotonic seconds.
        now_s: when the second was.
        warm: whether the program had warmed up by then.
        sites: those that gained or lost most, the largest gain first.
        sites_left_out: how many more there are.
        before_bytes: estimated bytes alive then, in all.
        now_bytes: estimated bytes alive now, in all.
    """

    before_s: float
    now_s: float
    warm: bool
    sites: tuple[SiteGain, ...]
    sites_left_out: int
    before_bytes: float
    now_bytes: float


class _Held(NamedTuple):
    """What one stack held."""

    site: Frame
    live_bytes: float
    variance: float


class Baseline:
    """Keeps the heap as it was after the warm-up; until then, as it was at the first look."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self._stacks: dict[int, _Held] = {}
        self._first_s: float | None = None
        self._at_s = 0.0
        self._live_bytes = 0.0
        self._warm = False

    def consider(self, snapshot: HeapSnapshot) -> None:
        """One more look at the heap. Nearly free, but for the two that are kept."""
        if self._warm or snapshot.live_bytes is None:
            return
        if self._first_s is None:
            self._first_s = snapshot.at_s
        elif snapshot.at_s - self._first_s < WARM_UP_S:
            return
        else:
            self._warm = True
        self._at_s, self._live_bytes = snapshot.at_s, snapshot.live_bytes
        self._stacks = {
            stack.number: _Held(_site_of(stack), stack.live_bytes, stack.live_variance)
            for stack in snapshot.stacks
            if stack.samples
        }

    def difference(self, snapshot: HeapSnapshot) -> Difference | None:
        """What was gained until a later snapshot; None: there is no earlier one to compare it with."""
        if self._first_s is None or snapshot.live_bytes is None or snapshot.at_s <= self._at_s:
            return None
        sums: dict[Frame, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0, 0.0])
        for held in self._stacks.values():
            sum_ = sums[held.site]
            sum_[0] += held.live_bytes
            sum_[2] += held.variance
        for stack in snapshot.stacks:
            if stack.samples:
                known = self._stacks.get(stack.number)
                sum_ = sums[known.site if known is not None else _site_of(stack)]
                sum_[1] += stack.live_bytes
                sum_[2] += stack.live_variance
                sum_[3] += stack.samples
        gains = [_gain(site, *sum_) for site, sum_ in sums.items()]
        gains.sort(key=lambda one: -abs(one.gained_bytes))
        shown = sorted(gains[:MAX_SITES], key=lambda one: -one.gained_bytes)
        return Difference(
            self._at_s, snapshot.at_s, self._warm, tuple(shown), len(gains) - len(shown), self._live_bytes,
            snapshot.live_bytes,
        )  # fmt: skip


def _gain(site: Frame, before: float, now: float, variance: float, samples: float) -> SiteGain:
    # As if the two estimates had nothing in common, though many samples are in both: rather too wide than too narrow.
    reach = _TWO_SIDED_95 * sqrt(variance)
    return SiteGain(site, before, now, now - before - reach, now - before + reach, int(samples))


def _site_of(stack: HeapStack) -> Frame:
    return own_frame(stack.frames) or _UNKNOWN


def as_document(difference: Difference) -> dict[str, Any]:
    """A difference as an artifact has it."""
    return {
        "from_s": difference.before_s,
        "to_s": difference.now_s,
        "warm": difference.warm,
        "before_bytes": round(difference.before_bytes),
        "now_bytes": round(difference.now_bytes),
        "sites": [
            {
                "file": one.site.file, "line": one.site.line, "function": one.site.function,
                "before_bytes": round(one.before_bytes), "now_bytes": round(one.now_bytes),
                "gained_bytes": round(one.gained_bytes), "low_bytes": round(one.low_bytes),
                "high_bytes": round(one.high_bytes), "samples": one.samples,
            }
            for one in difference.sites
        ],
        "sites_left_out": difference.sites_left_out,
    }  # fmt: skip


def evidence_of(difference: Difference) -> Evidence | None:
    """The sites that gained most, for the alert itself; None: none did."""
    gained = [one for one in difference.sites if one.gained_bytes > 0]
    sure = [one for one in gained if one.low_bytes > 0]
    shown = (sure or gained)[:MAX_LINES]
    if not shown:
        return None
    span = format_value(difference.now_s - difference.before_s, "s")
    when = f"since it had warmed up {span} ago" if difference.warm else f"since the first look {span} ago"
    total = _signed(difference.now_bytes - difference.before_bytes)
    return Evidence(KIND, f"the heap {when}: {total}, by line", tuple(_lines(shown)))


def _lines(gains: Iterable[SiteGain]) -> Iterable[str]:
    for one in gains:
        place = f"{short_path(one.site.file)}:{one.site.line} in {one.site.function}" if one.site.file else (
            one.site.function
        )  # fmt: skip
        low, high = _signed(one.low_bytes), _signed(one.high_bytes)
        yield f"{place}: {_signed(one.gained_bytes)} ({low} to {high}), now {format_value(one.now_bytes, 'By')}"


def _signed(n_bytes: float) -> str:
    return f"{'-' if n_bytes < 0 else '+'}{format_value(abs(n_bytes), 'By')}"
