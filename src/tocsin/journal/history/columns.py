"""One series' readings as few bytes.

A column is a byte for its kind, and what that kind needs. All is little-endian, and numbers of several bytes are laid
out plane by plane (all first bytes, then all second ones), since that is what a general compressor, which comes behind,
makes small.

| kind      | what it holds                                                                     | exact            |
|-----------|-----------------------------------------------------------------------------------|------------------|
| CONSTANT  | one double                                                                        | yes              |
| INTEGERS  | decimal places, bytes a step, divisor of the steps, first value, steps             | yes              |
| ROUGH     | floats of 32 bits with 11 bits of mantissa                                         | to 1 part in 4096|
| DOUBLES   | doubles                                                                            | yes              |

With HOLES set in the kind, a bit for each place says whether there is a reading; the kind then holds only those that
are there. Gauges that are no whole numbers of some decimal place are kept roughly: what is noise in a measurement is
dear to keep and nobody's business. Counters are kept to a millionth: what counts of them is the difference.

Nearly every loop over readings is one of the interpreter's own, in C; a long integer serves as a row of registers.
"""

from __future__ import annotations

import math
import struct
import sys
from array import array
from itertools import accumulate
from operator import sub
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

CONSTANT, INTEGERS, ROUGH, DOUBLES = range(4)
HOLES: Final = 0x80

_INTEGERS: Final = struct.Struct("<BBqq")
_CODES: Final = {1: "b", 2: "h", 4: "i", 8: "q"}
_LIMITS: Final = {1: 1 << 7, 2: 1 << 15, 4: 1 << 31, 8: 1 << 63}
_MAX_WHOLE: Final = 2.0**53
_MAX_DECIMALS: Final = 3
_FINEST_DECIMALS: Final = 6
# Of the 23 bits of a float's mantissa these are dropped; half of what they may hold is added before, to round.
_DROPPED: Final = 12
_MIN_ROUGH, _MAX_ROUGH = 1e-30, 1e38
_BIG_ENDIAN: Final = sys.byteorder == "big"


def encode(values: Sequence[float], *, counter: bool) -> bytes:
    """A column of these readings; NaN where there is none.

    Args:
        values: one or more; no infinity.
        counter: whether differences are what counts of them.
    """
    first = values[0]
    if values.count(first) == len(values):
        return bytes((CONSTANT,)) + struct.pack("<d", first)
    present = [value for value in values if value == value]  # noqa: PLR0124 - NaN alone differs from itself
    if not present:
        return bytes((CONSTANT,)) + struct.pack("<d", math.nan)
    if len(present) == len(values):
        kind, body = _encode_present(present, counter=counter)
        return bytes((kind,)) + body
    bits = sum(1 << place for place, value in enumerate(values) if value == value)  # noqa: PLR0124 - as above
    kind, body = _encode_present(present, counter=counter)
    return bytes((kind | HOLES,)) + bits.to_bytes(-(-len(values) // 8), "little") + body


def decode(data: bytes, count: int) -> array[float]:
    """The readings of a column.

    Args:
        data: as `encode` gave it.
        count: how many places there are.
    Raises: ValueError: if it is no such column.
    """
    try:
        kind, at = data[0] & ~HOLES, 1
        if not data[0] & HOLES:
            return _decode_present(kind, data[at:], count)
        at += -(-count // 8)
        bits = int.from_bytes(data[1:at], "little")
        present = iter(_decode_present(kind, data[at:], bits.bit_count()))
        return array("d", [next(present) if bits >> place & 1 else math.nan for place in range(count)])
    except (IndexError, struct.error, StopIteration, KeyError) as error:
        raise ValueError(f"no column of {count} readings: {error!r}") from error


# -- kinds


def _encode_present(values: list[float], *, counter: bool) -> tuple[int, bytes]:
    largest = max(map(abs, values))
    for decimals in range(_MAX_DECIMALS + 1):
        whole = _as_whole(values, decimals, largest)
        if whole is not None:
            return INTEGERS, _steps(whole, decimals)
    if counter and largest * 10.0**_FINEST_DECIMALS < _MAX_WHOLE:
        scale = 10.0**_FINEST_DECIMALS
        return INTEGERS, _steps([round(value * scale) for value in values], _FINEST_DECIMALS)
    smallest = min((abs(value) for value in values if value), default=1.0)
    if counter or largest > _MAX_ROUGH or smallest < _MIN_ROUGH:
        return DOUBLES, _planes(_raw("d", values), 8)
    return ROUGH, _planes(_rounded(_raw("f", values), len(values)), 4)


def _decode_present(kind: int, data: bytes, count: int) -> array[float]:
    if kind == CONSTANT:
        return array("d", struct.unpack_from("<d", data) * count)
    if kind == INTEGERS:
        return _from_steps(data, count)
    width, code = (4, "f") if kind == ROUGH else (8, "d")
    if kind not in {ROUGH, DOUBLES} or len(data) != width * count:
        raise ValueError(f"no column of {count} readings: kind {kind}, {len(data)} bytes")
    found: array[float] = array(code, _unplaned(data, width))
    if _BIG_ENDIAN:
        found.byteswap()
    return found if code == "d" else array("d", found)


def _as_whole(values: list[float], decimals: int, largest: float) -> list[int] | None:
    """The readings as whole numbers of a decimal place, if they are; None if they are not."""
    scale = 10.0**decimals
    if largest * scale >= _MAX_WHOLE:
        return None
    if not decimals:
        return list(map(int, values)) if all(map(float.is_integer, values)) else None
    whole = [round(value * scale) for value in values]
    return whole if [number / scale for number in whole] == values else None


def _steps(whole: list[int], decimals: int) -> bytes:
    steps = list(map(sub, whole[1:], whole))
    divisor = math.gcd(*steps) or 1
    if divisor > 1:
        steps = [step // divisor for step in steps]
    largest = max(map(abs, steps), default=0)
    width = next(width for width, limit in _LIMITS.items() if largest < limit)
    return _INTEGERS.pack(decimals, width, divisor, whole[0]) + _planes(_raw(_CODES[width], steps), width)


def _from_steps(data: bytes, count: int) -> array[float]:
    decimals, width, divisor, first = _INTEGERS.unpack_from(data)
    steps = array(_CODES[width], _unplaned(data[_INTEGERS.size :], width))
    if len(steps) != count - 1:
        raise ValueError(f"no column of {count} readings: {len(steps)} steps")
    if _BIG_ENDIAN:
        steps.byteswap()
    whole = accumulate((step * divisor for step in steps), initial=first)
    if not decimals:
        return array("d", whole)
    scale = 10.0**decimals
    return array("d", [number / scale for number in whole])


# -- bytes


def _raw(code: str, values: Sequence[float]) -> bytes:
    packed = array(code, values)
    if _BIG_ENDIAN:
        packed.byteswap()
    return packed.tobytes()


def _planes(raw: bytes, width: int) -> bytes:
    return b"".join(raw[place::width] for place in range(width))


def _unplaned(planes: bytes, width: int) -> bytes:
    if len(planes) % width:
        raise ValueError(f"{len(planes)} bytes are no numbers of {width}")
    raw, each = bytearray(len(planes)), len(planes) // width
    for place in range(width):
        raw[place::width] = planes[place * each : (place + 1) * each]
    return bytes(raw)


def _rounded(raw: bytes, count: int) -> bytes:
    """Floats of 32 bits, rounded to what is kept of their mantissa."""
    lanes = ((1 << 32 * count) - 1) // 0xFFFFFFFF  # a 1 in each lane
    row = int.from_bytes(raw, "little") + lanes * (1 << _DROPPED - 1)
    return (row & lanes * (0xFFFFFFFF >> _DROPPED << _DROPPED)).to_bytes(len(raw), "little")
