"""Quantities with units: "85 %", "700 MB", "512 MiB", "50 ms", "5 MB/s", "50 MB/hour".

Inside, values are in the base units of OpenTelemetry: a ratio is 0 to 1 (`1`), sizes are bytes (`By`), times are
seconds (`s`), rates are bytes a second (`By/s`). MB is 10^6 bytes and MiB 2^20, everywhere.
"""

from __future__ import annotations

import math
import re
from typing import Final, NamedTuple

_SIZES: Final = {
    "b": 1, "by": 1, "byte": 1, "bytes": 1,
    "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12,
    "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40,
}  # fmt: skip
# Each time unit as (numerator, denominator): dividing keeps "50 ms" the float nearest to 0.05.
_TIMES: Final = {
    "ns": (1, 10**9), "us": (1, 10**6), "ms": (1, 1000),
    "\u00b5s": (1, 10**6), "\u03bcs": (1, 10**6),  # the micro sign, and the Greek letter that looks the same
    "s": (1, 1), "sec": (1, 1), "second": (1, 1), "seconds": (1, 1),
    "m": (60, 1), "min": (60, 1), "minute": (60, 1), "minutes": (60, 1),
    "h": (3600, 1), "hour": (3600, 1), "hours": (3600, 1),
    "d": (86400, 1), "day": (86400, 1), "days": (86400, 1),
}  # fmt: skip

_QUANTITY: Final = re.compile(r"\s*([+-]?(?:\d+(?:[_ ]\d+)*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([^\d\s].*?)?\s*\Z")

# No quantity is longer; and a text of a million digits must not keep the parser busy.
_MAX_CHARS: Final = 80

RATIO: Final = "1"
BYTES: Final = "By"
SECONDS: Final = "s"
BYTES_PER_SECOND: Final = "By/s"


class Quantity(NamedTuple):
    """A number in a base unit.

    Attributes:
        value: the number, in `unit`.
        unit: `1` (ratio), `By`, `s`, `By/s`, or empty when the text named no unit.
    """

    value: float
    unit: str


def parse_quantity(text: str) -> Quantity:
    """Read a number with a unit.

    Args:
        text: as a person writes it, such as "85 %" or "5 MB/s"; case and spaces do not matter.
    Returns: the quantity in its base unit.
    Raises: ValueError: if it is no number, or the unit is unknown; the message says which.
    """
    if len(text) > _MAX_CHARS:
        raise ValueError(f"'{text[:20]}…' is too long for a number with a unit")
    match = _QUANTITY.match(text)
    if match is None:
        raise ValueError(f"{text!r} is not a number with a unit")
    quantity = _scale(float(match[1].replace("_", "").replace(" ", "")), match[2] or "", text)
    if not math.isfinite(quantity.value):
        raise ValueError(f"{text!r} is not a finite number")
    return quantity


def _scale(number: float, unit: str, text: str) -> Quantity:
    word = unit.lower().strip()
    if not word:
        return Quantity(number, "")
    if word in {"%", "percent"}:
        return Quantity(number / 100, RATIO)
    if word in _SIZES:
        return Quantity(number * _SIZES[word], BYTES)
    if word in _TIMES:
        over, under = _TIMES[word]
        return Quantity(number * over / under, SECONDS)
    size, slash, time = (part.strip() for part in word.partition("/"))
    if slash and size in _SIZES and time in _TIMES:
        over, under = _TIMES[time]
        return Quantity(number * _SIZES[size] * under / over, BYTES_PER_SECOND)
    raise ValueError(f"{text!r} has the unknown unit {unit!r}")


def format_value(value: float | None, unit: str) -> str:
    """Write a value in base units as a person reads it: `0.853, "1"` is "85.3 %", `7e8, "By"` is "700 MB"."""
    if value is None or math.isnan(value):
        return "no data"
    if unit == RATIO:
        return f"{_short(value * 100)} %"
    if unit == BYTES:
        return _with_prefix(value, "B")
    if unit == BYTES_PER_SECOND:
        return _with_prefix(value, "B") + "/s"
    if unit == SECONDS:
        return _format_seconds(value)
    name, slash, per = unit.partition("/")
    tail = name if name and not name.startswith("{") else ""
    return " ".join(filter(None, [_short(value), tail])) + (slash + per)


def _with_prefix(value: float, unit: str) -> str:
    for factor, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= factor:
            return f"{_short(value / factor)} {prefix}{unit}"
    return f"{_short(value)} {unit}"


def _format_seconds(value: float) -> str:
    size = abs(value)
    if size >= 7200:
        return f"{_short(value / 3600)} h"
    if size >= 120:
        return f"{_short(value / 60)} min"
    if size >= 1 or size == 0:
        return f"{_short(value)} s"
    if size >= 1e-3:
        return f"{_short(value * 1e3)} ms"
    return f"{_short(value * 1e6)} µs"


def _short(value: float) -> str:
    """Three significant digits, no exponent for everyday sizes, no trailing zeros."""
    if not math.isfinite(value):
        return str(value)
    size = abs(value)
    digits = 0 if size >= 100 else 1 if size >= 10 else 2
    if size and (size < 1 or size >= 1e15):
        return f"{value:.3g}"
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
