"""What series have remembered since they were asked last; for the history."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterator

    from tocsin.model.readings import SeriesKey
    from tocsin.series.memory import Series
    from tocsin.series.table import Table
    from tocsin.series.tables import Tables


class Stretch(NamedTuple):
    """Readings that were taken together.

    Attributes:
        keys: of the series.
        times: of the rows, in monotonic seconds.
        columns: for each series a reading a row; NaN where there is none.
    """

    keys: tuple[SeriesKey, ...]
    times: array[float]
    columns: list[array[float]]


class Tape:
    """Hands over each reading once.

    Args:
        tables: where series share their memory.
        series: all series, by their numbers.
        points: readings that are surely kept.
    """

    def __init__(self, tables: Tables, series: dict[int, Series], points: int) -> None:
        self._tables = tables
        self._series = series
        self._points = points
        # To each table the row where the next taking begins. The table itself is kept, so that no other has its place.
        self._begun: dict[int, tuple[Table, int]] = {}
        self._taken_s: dict[int, float] = {}

    def is_full(self) -> bool:
        """Whether readings would be lost if they were not taken soon."""
        return any(table.rows() - self._row_of(table) >= self._points for table in self._tables.all())

    def take(self) -> list[Stretch]:
        """What is new, and no longer new afterwards."""
        return [*self._from_tables(), *self._from_series()]

    def _row_of(self, table: Table) -> int:
        return self._begun.get(id(table), (table, 0))[1]

    def _from_tables(self) -> Iterator[Stretch]:
        begun = {}
        for table in self._tables.all():
            times, columns = table.since(self._row_of(table))
            begun[id(table)] = (table, table.rows())
            if times:
                yield Stretch(tuple(self._series[number].key for number in table.ids), times, columns)
        self._begun = begun

    def _from_series(self) -> Iterator[Stretch]:
        """Those that are in no table; series with the same times are taken together."""
        tabled = {number for table in self._tables.all() for number in table.ids}
        together: dict[bytes, tuple[array[float], list[SeriesKey], list[array[float]]]] = {}
        for number, series in self._series.items():
            if number in tabled:
                continue
            times, values = series.own_since(self._taken_s.get(number, float("-inf")))
            if times:
                self._taken_s[number] = times[-1]
                _, keys, columns = together.setdefault(times.tobytes(), (times, [], []))
                keys.append(series.key)
                columns.append(values)
        for times, keys, columns in together.values():
            yield Stretch(tuple(keys), times, columns)
