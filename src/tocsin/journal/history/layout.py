"""Which series the columns of a chunk are of: written once for all chunks that have the same."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Self

import msgspec

from tocsin.model.metrics import describe
from tocsin.model.readings import SeriesKey, canonical_labels

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

RAW = ""


class Column(NamedTuple):
    """One column.

    Attributes:
        key: the series.
        part: what of it: a reading as it was taken (empty), or the mean, min, max or last of a minute.
    """

    key: SeriesKey
    part: str = RAW

    @property
    def counter(self) -> bool:
        """Whether differences are what counts of it."""
        return describe(self.key.metric).kind == "counter"


class ColumnText(msgspec.Struct, frozen=True, array_like=True):
    """A column as it is written."""

    metric: str
    labels: dict[str, str]
    part: str


class LayoutText(msgspec.Struct, frozen=True):
    """A layout as it is written: how many columns each strip has, and the columns of all."""

    widths: list[int]
    columns: list[ColumnText]


class ChunkLayout:
    """The columns of a chunk.

    Args:
        strips: those of each strip in turn.
    """

    def __init__(self, strips: Iterable[Iterable[Column]]) -> None:
        self.strips = tuple(tuple(strip) for strip in strips)
        self.columns = tuple(column for strip in self.strips for column in strip)

    @classmethod
    def read(cls, body: bytes) -> Self:
        """From its text.

        Raises: ValueError: if it is none.
        """
        text = msgspec.json.decode(body, type=LayoutText)
        columns = iter(Column(SeriesKey(one.metric, canonical_labels(one.labels)), one.part) for one in text.columns)
        return cls([next(columns) for _ in range(width)] for width in text.widths)

    def text(self) -> bytes:
        """As it is written."""
        columns = [ColumnText(key.metric, dict(key.labels), part) for key, part in self.columns]
        return msgspec.json.encode(LayoutText([len(strip) for strip in self.strips], columns))

    @cached_property
    def counters(self) -> Sequence[bool]:
        """Which columns are of counters."""
        return [column.counter for column in self.columns]
