"""What keeps the journal small: readings become minutes, what is old goes, and of what is too much the oldest.

Alerts that are open, notices that wait and what people ordered are never thrown away. It runs on the journal's thread.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tocsin.journal.entries import forget
from tocsin.journal.history.chunk import Chunk, pack
from tocsin.journal.history.layout import ChunkLayout, Column
from tocsin.journal.history.minutes import MINUTE_S, by_the_minute, parts_of
from tocsin.journal.statements import statements

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

# A chunk of minutes is about an hour. Readings are rolled up once nobody adds to their hour.
HOUR_S: Final = 3600.0
_AT_ONCE: Final = 24
_FREE_PAGES: Final = 64
_MINUTES_MARK: Final = "/m"
_Step = tuple[str, tuple[Any, ...]]


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """How much is kept.

    Attributes:
        raw_s: seconds for which readings are kept as they were taken.
        minutes_s: seconds for which their minutes are.
        alerts_s: seconds for which alerts and notices that are over are.
        size_bytes: of the file, at most.
    """

    raw_s: float = 6 * HOUR_S
    minutes_s: float = 28 * 24 * HOUR_S
    alerts_s: float = 30 * 24 * HOUR_S
    size_bytes: int = 256 * 2**20


def keep_small(connection: sqlite3.Connection, bounds: Bounds, now_unix_s: float) -> bool:
    """Bring the file within its bounds.

    Returns: whether it is within them; else all that is left must not be thrown away.
    Raises: sqlite3.Error: if the disk does not let it be written.
    """
    while _roll_up(connection, now_unix_s - HOUR_S):
        pass
    _in_one(connection, _old(bounds, now_unix_s))
    fits = _throw_away(connection, bounds.size_bytes)
    if _pragma(connection, "freelist_count") > _FREE_PAGES:
        connection.execute("PRAGMA incremental_vacuum").fetchall()
    return fits


def _old(bounds: Bounds, now_unix_s: float) -> list[_Step]:
    known = statements()
    steps = [(known[entry.statement], entry.values) for entry in forget(now_unix_s - bounds.alerts_s)]
    return [
        *steps,
        (known["forget_raw"], (now_unix_s - bounds.raw_s,)),
        (known["forget_minutes"], (now_unix_s - bounds.minutes_s,)),
        (known["forget_layouts"], ()),
    ]


# -- minutes


def _roll_up(connection: sqlite3.Connection, before_unix_s: float) -> bool:
    """Make minutes of the readings of an hour or two. False: there was nothing left to do."""
    known = statements()
    rows = connection.execute(known["unrolled_chunks"], (before_unix_s, _AT_ONCE)).fetchall()
    for (layout, _), alike in groupby(rows, key=lambda row: (row[1], row[2] // HOUR_S)):
        chunks = list(alike)
        steps = list(_minutes(connection, layout, [seq for seq, *_ in chunks]))
        _in_one(connection, [*steps, *((known["mark_rolled"], (seq,)) for seq, *_ in chunks)])
    return len(rows) == _AT_ONCE


def _minutes(connection: sqlite3.Connection, layout_id: str, seqs: Sequence[int]) -> Iterator[_Step]:
    """The statements that write the minutes of these chunks; none, if they cannot be read."""
    known = statements()
    texts = dict(connection.execute(known["layouts"]))
    try:
        layout = ChunkLayout.read(texts[layout_id])
        chunks = [Chunk(connection.execute(known["chunk"], (seq,)).fetchone()[0]) for seq in seqs]
        strips, column = [], 0
        for keys in layout.strips:
            # Column by column: all of an hour at once would be some megabytes of a program that has other things to do.
            width = len(keys)
            times = _joined(chunks, column, 0)
            readings = (_joined(chunks, place, 1) for place in range(column, column + width))
            strips.append(by_the_minute(times, readings, [key.counter for key in keys]))
            column += width
    except (ValueError, KeyError):
        return  # damaged, or of a version that nobody knows: the readings stay as long as they would have
    parts = ChunkLayout(
        [Column(one.key, part) for one in keys for part in parts_of(counter=one.counter)] for keys in layout.strips
    )
    began, ended = min(strip.times[0] for strip in strips), max(strip.times[-1] for strip in strips) + MINUTE_S
    readings_count = sum(len(strip.times) * len(strip.columns) for strip in strips)
    yield known["put_layout"], (layout_id + _MINUTES_MARK, parts.text())
    yield (
        known["put_chunk"],
        (int(MINUTE_S), layout_id + _MINUTES_MARK, began, ended, readings_count, pack(strips, parts.counters)),
    )


def _joined(chunks: Sequence[Chunk], column: int, which: int) -> list[float]:
    """The times (0) or the readings (1) of a column, through all chunks."""
    return [value for chunk in chunks for value in chunk.series(column)[which]]


# -- room


def _throw_away(connection: sqlite3.Connection, size_bytes: int) -> bool:
    """Throw the oldest away until the rest fits: history first, then what is over of alerts and notices."""
    known = statements()
    while _used(connection) > size_bytes:
        chunks = connection.execute(known["count_chunks"]).fetchone()[0]
        if chunks:
            steps = [(known["forget_oldest_chunks"], (chunks // 8 + 1,)), (known["forget_layouts"], ())]
        else:
            row = connection.execute(known["oldest_quarter"]).fetchone()
            if row is None:
                return False
            # What ended at this very moment goes too, or nothing might.
            steps = [(known[one.statement], one.values) for one in forget(row[0] + 1e-3)]
        _in_one(connection, steps)
    return True


def _used(connection: sqlite3.Connection) -> int:
    pages = _pragma(connection, "page_count") - _pragma(connection, "freelist_count")
    return pages * _pragma(connection, "page_size")


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def _in_one(connection: sqlite3.Connection, steps: Sequence[_Step]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement, values in steps:
            connection.execute(statement, values)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
