"""Faults in series where nothing else is wrong, each 1.5 times as large as what the clean series reaches in a month."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from statistics import mean, median
from typing import TYPE_CHECKING, Final, NamedTuple

from benchmarks.benign_series import DAY_S, KINDS, series

if TYPE_CHECKING:
    from collections.abc import Callable

STEP_S: Final = 60.0
FACTOR: Final = 1.5
_DAY: Final = int(DAY_S / STEP_S)


class Clean(NamedTuple):
    """What a kind reaches in a month by itself."""

    highest: float
    lowest: float
    middle: float
    mean: float
    spread: float
    longest_run: int


class Fault(NamedTuple):
    """A fault: the values from its first reading on, and the reasons that name it."""

    values: list[float]
    reasons: frozenset[str]


def clean_month(kind: str) -> Clean:
    values = series(kind, "month", STEP_S, 30 * _DAY)
    longest = run = 1
    for before, after in pairwise(values):
        run = run + 1 if before == after else 1
        longest = max(longest, run)
    middle = median(values)
    changes = [abs(after - before) for before, after in pairwise(values)]
    return Clean(max(values), min(values), middle, mean(values), median(changes), longest)


def _top(clean: Clean) -> float:
    return clean.middle + FACTOR * (clean.highest - clean.middle)


def spike(values: list[float], clean: Clean) -> Fault | None:
    top = _top(clean)
    return Fault([top, top, *values[2:10]], frozenset({"residual"}))


def shift(values: list[float], clean: Clean) -> Fault | None:
    by = _top(clean) - median(values[:60])
    return Fault([value + by for value in values[: _DAY // 4]], frozenset({"shift"}))


def drop(values: list[float], clean: Clean) -> Fault | None:
    if clean.lowest == clean.middle:
        return None  # it cannot fall below what is usual
    bottom = clean.middle - FACTOR * (clean.middle - clean.lowest)
    return Fault([bottom] * 10 + values[10:20], frozenset({"drop"}))


def stuck(values: list[float], clean: Clean) -> Fault | None:
    return Fault([values[0]] * max(int(FACTOR * clean.longest_run) + 1, 30), frozenset({"noise"}))


def lost_season(values: list[float], clean: Clean) -> Fault | None:
    rng = Random(1)
    return Fault([clean.mean + rng.gauss(0.0, clean.spread) for _ in values[:_DAY]], frozenset({"season"}))


def drift(values: list[float], clean: Clean) -> Fault | None:
    by = _top(clean) - median(values[:_DAY])
    risen = [value + by * at / _DAY for at, value in enumerate(values[:_DAY])]
    return Fault(risen + [value + by for value in values[_DAY : _DAY + 120]], frozenset({"level"}))


FAULTS: dict[str, Callable[[list[float], Clean], Fault | None]] = {
    "spike": spike,
    "shift": shift,
    "drop": drop,
    "stuck": stuck,
    "lost_season": lost_season,
    "drift": drift,
}
SEASONAL: Final = ("daily", "weekly")


def cases() -> list[tuple[str, str]]:
    """Every fault in every kind that can have it."""
    return [(kind, fault) for kind in KINDS for fault in FAULTS if fault != "lost_season" or kind in SEASONAL]
