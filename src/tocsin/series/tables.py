"""Which series share a table, and which of them are singled out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.series.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.series.memory import Series


class Tables:
    """The table of each set of series, found by the very object that holds their numbers.

    Series that somebody looks at reading by reading are singled out: they have a memory of their own.

    Args:
        points: rows that each table keeps.
        series: the series by their numbers.
    """

    def __init__(self, points: int, series: dict[int, Series]) -> None:
        self._points = points
        self._series = series
        self._tables: dict[int, Table] = {}
        self._single: dict[int, list[tuple[int, int, Callable[[float, float], None]]]] = {}

    def of(self, ids: tuple[int, ...], now_s: float) -> Table:
        """The table of these series, a new one at first."""
        table = self._tables.get(id(ids))
        if table is None:  # the table holds `ids`, so no other object takes its place while it is here
            self._drop_stale(now_s)
            table = self._tables[id(ids)] = Table(ids, self._points)
            for column, number in enumerate(ids):
                self._series[number].join(table, column)
            self._sort_out(table)
        return table

    def single(self, table: Table) -> list[tuple[int, int, Callable[[float, float], None]]]:
        """Column, number and memory of each series of a table that is singled out."""
        return self._single[id(table.ids)]

    def all(self) -> list[Table]:
        """Those that are here now."""
        return list(self._tables.values())

    def single_out(self) -> None:
        """Some series were singled out: from now on they are remembered one by one."""
        for table in self._tables.values():
            self._sort_out(table)

    def _sort_out(self, table: Table) -> None:
        self._single[id(table.ids)] = [
            (column, number, self._series[number].push)
            for column, number in enumerate(table.ids)
            if self._series[number].is_single
        ]

    def _drop_stale(self, now_s: float) -> None:
        for key, table in list(self._tables.items()):
            if table.is_stale(now_s):
                del self._tables[key], self._single[key]
                for number in table.ids:
                    self._series[number].leave(table)
