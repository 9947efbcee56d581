"""A stretch of the history as it lies on disk: strips of readings that share their times, compressed together.

A chunk is the byte 1 for its version, and compressed by zlib (all little-endian): the number of strips (2 bytes), and
for each strip its rows and columns (4 bytes each), the bytes of its times and of each column (4 bytes each), the times
and the columns. Times are milliseconds since 1970, as a column of whole numbers. Which series the columns are of stands
outside, in a layout that chunks share.
"""

from __future__ import annotations

import struct
import zlib
from array import array
from typing import TYPE_CHECKING, Final, NamedTuple

from tocsin.journal.history.columns import decode, encode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

VERSION: Final = 1
# Beyond this zlib spends twice the time for a hundredth of the bytes.
_LEVEL: Final = 6
_COUNT: Final = struct.Struct("<H")
_HEAD: Final = struct.Struct("<II")
_SIZE: Final = struct.Struct("<I")
# What is read may be damaged: nothing is made of it that would not fit into memory.
_MAX_PLAIN: Final = 1 << 28


class Strip(NamedTuple):
    """Readings that were taken together.

    Attributes:
        times: of the rows, in seconds, ascending.
        columns: for each series a reading a row; NaN where there is none.
    """

    times: Sequence[float]
    columns: Sequence[Sequence[float]]


def pack(strips: Iterable[Strip], counters: Sequence[bool]) -> bytes:
    """A chunk of these strips.

    Args:
        strips: of one row or more each; times in Unix seconds.
        counters: for each column of each strip in turn, whether it is a counter.
    """
    kinds = iter(counters)
    parts: list[bytes] = []
    count = 0
    for strip in strips:
        count += 1
        texts = [encode([float(round(at_s * 1000)) for at_s in strip.times], counter=True)]
        texts += [encode(column, counter=next(kinds)) for column in strip.columns]
        parts.append(_HEAD.pack(len(strip.times), len(strip.columns)))
        parts += [_SIZE.pack(len(text)) for text in texts]
        parts += texts
    return bytes((VERSION,)) + zlib.compress(b"".join((_COUNT.pack(count), *parts)), _LEVEL)


class Chunk:
    """A chunk that is read: its columns are decoded as they are asked for.

    Args:
        data: as `pack` gave it.
    Raises: ValueError: if it is none.
    """

    def __init__(self, data: bytes) -> None:
        if not data or data[0] != VERSION:
            raise ValueError(f"a chunk of version {data[:1].hex() or 'none'}; this Tocsin knows {VERSION}")
        try:
            inflater = zlib.decompressobj()
            self._plain = inflater.decompress(data[1:], _MAX_PLAIN)
            if not inflater.eof:
                raise ValueError("it is cut short, or too large")
            self._strips = list(self._find_strips())
            self._known_times: dict[int, array[float]] = {}
        except (zlib.error, struct.error) as error:
            raise ValueError(f"no chunk: {error}") from error

    def __len__(self) -> int:
        """Columns, of all strips."""
        return sum(len(places) - 1 for _, places in self._strips)

    def series(self, column: int) -> tuple[array[float], array[float]]:
        """The times, in Unix seconds, and the readings of one column, counted through all strips.

        Raises: ValueError: if they are damaged.
        """
        left = column
        for rows, places in self._strips:
            if left < len(places) - 1:
                return self._times(rows, places[0]), decode(self._text(places[1 + left]), rows)
            left -= len(places) - 1
        raise ValueError(f"there is no column {column} in this chunk")

    def strips(self) -> Iterator[Strip]:
        """All of it."""
        for rows, places in self._strips:
            yield Strip(self._times(rows, places[0]), [decode(self._text(place), rows) for place in places[1:]])

    def _times(self, rows: int, place: tuple[int, int]) -> array[float]:
        """Those of a strip, which all of its columns share; nobody who is given them changes them."""
        found = self._known_times.get(place[0])
        if found is None:
            found = array("d", [at_ms / 1000.0 for at_ms in decode(self._text(place), rows)])
            self._known_times[place[0]] = found
        return found

    def _text(self, place: tuple[int, int]) -> bytes:
        return self._plain[place[0] : place[1]]

    def _find_strips(self) -> Iterator[tuple[int, list[tuple[int, int]]]]:
        """For each strip its rows, and where its times and columns stand."""
        at = _COUNT.size
        for _ in range(_COUNT.unpack_from(self._plain)[0]):
            rows, columns = _HEAD.unpack_from(self._plain, at)
            at += _HEAD.size
            sizes = struct.unpack_from(f"<{columns + 1}I", self._plain, at)
            at += _SIZE.size * len(sizes)
            places = []
            for size in sizes:
                places.append((at, at + size))
                at += size
            if at > len(self._plain):
                raise ValueError("it is cut short")
            yield rows, places
