"""Readings in compact notation, one after the other: `0+10x5 _x3 90x20`.

As Prometheus' own rule tests write them: `3` is one reading, `3x5` that reading and five more of it, `3+2x5` a reading
and five more that each rise by 2 (`3-2x5`: fall). `_` is no reading, `_x3` are three times none. Beside that, `!` is a
sensor that fails, and a number may carry its unit: `600MB+10MBx5`.
"""

from __future__ import annotations

import math
import re
from itertools import repeat
from typing import TYPE_CHECKING, Final

from tocsin.model.metrics import describe
from tocsin.model.units import parse_quantity

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_READINGS: Final = 1_000_000
FAILED: Final = math.inf
"""Stands for a sensor that fails; no reading is infinite."""
NOTHING: Final = math.nan

_NUMBER: Final = r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
# No unit has an x in it, so the x of a repetition ends it.
_UNIT: Final = r"[A-WYZa-wyz%\u00b5\u03bc][A-WYZa-wyz%\u00b5\u03bc/]*"
_TOKEN: Final = re.compile(
    rf"(?P<start>[+-]?{_NUMBER})(?P<unit>{_UNIT})?"
    rf"(?:(?P<sign>[+-])(?P<step>{_NUMBER})(?P<step_unit>{_UNIT})?)?(?:x(?P<times>\d+))?"
)
_MARK: Final = re.compile(r"(?P<mark>[_!])(?:x(?P<times>\d+))?")
_EXPECTED: Final = "readings such as 0+10x5 _x3 90x20"
_NEEDS_UNIT: Final = {"By": "600MB", "s": "50ms", "By/s": "5MB/s"}


def parse_readings(text: str, metric: str) -> list[float]:
    """Read readings of a metric.

    Args:
        text: in compact notation.
        metric: says what a number without unit is: percent of a ratio, as it stands where the metric has no unit.
    Returns: in the metric's base unit; NOTHING where there is none, FAILED where the sensor fails.
    Raises: ValueError: saying which word is wrong, and what was expected.
    """
    readings: list[float] = []
    for word in text.split():
        readings.extend(_expanded(word, metric))
        if len(readings) > MAX_READINGS:
            raise ValueError(f"found more than {MAX_READINGS:,} readings, expected fewer")
    if not readings:
        raise ValueError(f"found no readings, expected {_EXPECTED}")
    return readings


def read_quantity(number: str, unit: str, metric: str, *, is_step: bool = False) -> float:
    """A number and its unit, which may be empty, in the metric's base unit.

    Args:
        number: as it is written.
        unit: as well.
        metric: says what is meant without a unit.
        is_step: whether it is the difference of two readings, of which the first says what is meant.
    Raises: ValueError: saying what was expected.
    """
    base = describe(metric).unit
    if not unit:
        return _bare(float(number), base, metric, is_step=is_step)
    quantity = parse_quantity(f"{number} {unit}")
    if base and quantity.unit != base:
        raise ValueError(f"found {number}{unit}, expected a number in {base}, since {metric} is")
    return quantity.value


def _bare(number: float, base: str, metric: str, *, is_step: bool) -> float:
    """A number without unit, as a threshold of a rule means it; refused where a guess could be wrong."""
    if number == 0 or (base != "1" and base not in _NEEDS_UNIT):
        return number
    if base in _NEEDS_UNIT:
        raise ValueError(f"found {number:g}, expected its unit too, as in {_NEEDS_UNIT[base]}, since {metric} has one")
    if abs(number) <= 1 and not is_step:
        raise ValueError(f"found {number:g}, expected a percentage: write {number * 100:g} or {number:g}%")
    return number / 100


def _expanded(word: str, metric: str) -> Iterator[float]:
    mark = _MARK.fullmatch(word)
    if mark is not None:
        value = NOTHING if mark["mark"] == "_" else FAILED
        return repeat(value, _bounded(mark["times"] or "1"))
    found = _TOKEN.fullmatch(word)
    if found is None or (found["step"] is not None and found["times"] is None):
        raise ValueError(f"found {word!r}, expected {_EXPECTED}")
    unit = found["unit"] or found["step_unit"] or ""
    start, step = read_quantity(found["start"], unit, metric), 0.0
    if found["step"] is not None:
        step = read_quantity(found["step"], found["step_unit"] or unit, metric, is_step=True)
        step = -step if found["sign"] == "-" else step
    return (start + step * number for number in range(_bounded(found["times"] or "0") + 1))


def _bounded(times: str) -> int:
    if len(times) > 7 or int(times) > MAX_READINGS:
        raise ValueError(f"found x{times}, expected at most {MAX_READINGS:,} readings")
    return int(times)
