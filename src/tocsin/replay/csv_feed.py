"""A table of readings, played: a CSV file whose first column is the time, and each other one a series.

Times are Unix seconds (also milliseconds, micro- and nanoseconds, by their size) or ISO 8601, where UTC stands in for a
zone that is not named. Readings are in the metric's base unit, or carry a unit ("85 %", "650 MB"). An empty cell is no
reading. Rows must ascend in time, so that no more than one of them is held.
"""

from __future__ import annotations

import csv
import math
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import chain, islice
from operator import sub
from pathlib import Path
from statistics import median
from typing import IO, TYPE_CHECKING, Any, Final

from tocsin.errors import ConfigError, Problem
from tocsin.model import inputs as given
from tocsin.model.metrics import CATALOGUE, describe
from tocsin.model.series_text import parse_series
from tocsin.model.units import RATIO, parse_quantity
from tocsin.replay.moments import Moment, Timeline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tocsin.model.inputs import Input
    from tocsin.model.readings import SeriesKey

VALUE: Final = "value"
_MISSING: Final = frozenset({"", "nan", "null", "none", "na", "n/a"})
# How many rows are looked at to know their pace, and how much of the end of the file to know its last time.
_LOOK_AHEAD: Final = 100
_TAIL_BYTES: Final = 64 * 1024
# Whatever uses more than all of these is given in percent. A program may use more than one core, so it is none of them.
_SHARES: Final = frozenset(
    metric for metric, info in CATALOGUE.items() if info.unit == RATIO and metric.startswith("system.")
)
_MOST_SHARE: Final = 1.5
_SCALES: Final = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))
# The years 1 to 9999, without a day at each end: no calendar goes further.
_FIRST_S: Final = datetime(1, 1, 2, tzinfo=UTC).timestamp()
_LAST_S: Final = datetime(9999, 12, 31, tzinfo=UTC).timestamp()


class CsvFeed:
    """Plays a CSV file.

    Args:
        path: the file; its first line names the columns.
        metric: what a column named `value` is.
        since: gives the beginning, in Unix seconds, when it is told the last time in the file.
    Raises: ConfigError: saying the line, if it cannot be read.
    """

    def __init__(self, path: str | Path, *, metric: str = VALUE, since: Callable[[float], float] | None = None) -> None:
        self._path = Path(path)
        with self._opened() as file:
            self._bytes = max(file.seek(0, 2), 1)
            file.seek(0)
            self._header = self._read_header(file.readline())
            self._since_s = since(self._last_time(file)) if since is not None else -math.inf
        self.keys = self._read_keys(metric)
        self._done_bytes = self._infinite = 0
        self._most = [0.0 for _ in self.keys]  # of what cannot be above 1, among the first rows

    def moments(self, wanted: Callable[[SeriesKey], bool]) -> Iterator[Moment]:
        """See `Feed`."""
        places = [place for place, key in enumerate(self.keys, 1) if wanted(key)]
        ids = tuple(place - 1 for place in places)
        inputs: list[Input] = [given.NewSeries(number, key) for number, key in enumerate(self.keys)]
        with self._opened() as file:
            rows = self._timed(file)
            first = list(islice(rows, _LOOK_AHEAD))
            if not first:
                raise self._wrong(2, "rows", "none, or none so late", "a time and readings in each row")
            self._look_at_shares(first, places)
            timeline, every_s = Timeline(first[0][1]), _pace_s([at_s for _, at_s, _ in first])
            for line, at_s, cells in chain(first, rows):
                inputs.append(given.Sample(ids, self._values(line, cells, places)))
                yield Moment(timeline.at(at_s), inputs, every_s)
                inputs = []

    def share_done(self) -> float:
        """See `Feed`."""
        return min(self._done_bytes / self._bytes, 1.0)

    def remarks(self) -> list[str]:
        """See `Feed`."""
        found = [f"{self._infinite:,} infinite readings were left out"] if self._infinite else []
        found += [
            f"{key} is a share, and goes up to {most:g}: 0.85 stands for 85 %; write '85 %' where percent are meant"
            for key, most in zip(self.keys, self._most, strict=True) if most > _MOST_SHARE
        ]  # fmt: skip
        return found

    def close(self) -> None:
        """See `Feed`; the file is open only while it is played."""

    # -- the file

    @contextmanager
    def _opened(self) -> Iterator[IO[bytes]]:
        try:
            with self._path.open("rb") as file:
                yield file
        except OSError as error:
            raise ConfigError(
                [Problem(str(self._path), "file", f"a file that cannot be read ({error.strerror})", "a CSV file")]
            ) from error

    def _lines(self, file: IO[bytes]) -> Iterator[str]:
        for number, line in enumerate(file, 1):
            self._done_bytes += len(line)
            try:
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise self._wrong(number, "text", f"the byte 0x{line[error.start]:02x}", "UTF-8") from None

    def _read_header(self, line: bytes) -> list[str]:
        text = line.decode("utf-8-sig", "replace").strip()
        self._delimiter = next((sign for sign in ",;\t" if sign in text), ",")
        cells = [cell.strip() for cell in next(csv.reader([text], delimiter=self._delimiter), [])]
        if len(cells) < 2 or _time(cells[0]) is not None:
            expected = "the names of the columns: timestamp, and value or a metric for each"
            raise self._wrong(1, "header", repr(text[:80]), expected, "timestamp,system.cpu.utilization")
        return cells

    def _read_keys(self, metric: str) -> list[SeriesKey]:
        found: list[SeriesKey] = []
        for name in self._header[1:]:
            try:
                key = parse_series(metric if name == VALUE else name)
            except ValueError as error:
                raise self._wrong(1, "header", repr(name), str(error).partition("expected ")[2]) from None
            if key in found:
                raise self._wrong(1, "header", f"a second column {name!r}", "names that differ")
            found.append(key)
        return found

    def _last_time(self, file: IO[bytes]) -> float:
        file.seek(max(self._bytes - _TAIL_BYTES, 0))
        for line in reversed(file.read().decode("utf-8", "replace").splitlines()):
            at_s = _time(line.split(self._delimiter)[0].strip().strip('"'))
            if at_s is not None:
                return at_s
        return -math.inf

    def _timed(self, file: IO[bytes]) -> Iterator[tuple[int, float, list[str]]]:
        """Line, time and cells of each row that counts."""
        reader = csv.reader(self._lines(file), delimiter=self._delimiter)
        rows = self._rows_of(reader)
        next(rows)
        last_s = -math.inf
        for cells in rows:
            if not cells or (len(cells) == 1 and not cells[0].strip()):
                continue
            line, at_s = reader.line_num, _time(cells[0].strip())
            if at_s is None:
                expected = "Unix seconds or ISO 8601"
                raise self._wrong(line, self._header[0], repr(cells[0]), expected, "2026-01-31T22:00:00Z")
            if len(cells) != len(self._header):
                raise self._wrong(line, "row", f"{len(cells)} cells", f"{len(self._header)}, as the header names")
            if at_s < last_s:
                words = "a time not before that of the row above; sort the rows by their time"
                raise self._wrong(line, self._header[0], repr(cells[0]), words)
            last_s = at_s
            if at_s >= self._since_s:
                yield line, at_s, cells

    def _rows_of(self, reader: Any) -> Iterator[list[str]]:
        try:
            yield from reader
        except csv.Error as error:
            raise self._wrong(
                reader.line_num, "row", f"what is no CSV ({error})", "cells with commas between"
            ) from None

    def _look_at_shares(self, rows: list[tuple[int, float, list[str]]], places: list[int]) -> None:
        shares = [place for place in places if self.keys[place - 1].metric in _SHARES]
        for line, _, cells in rows if shares else ():
            for place, value in zip(shares, self._values(line, cells, shares), strict=True):
                self._most[place - 1] = max(self._most[place - 1], value)
        self._infinite = 0  # they come once more

    def _values(self, line: int, cells: list[str], places: list[int]) -> list[float]:
        try:
            values = [float(cells[place]) for place in places]
        except ValueError:
            values = [self._value(line, place, cells[place]) for place in places]
        if math.isfinite(sum(values)):
            return values
        self._infinite += sum(map(math.isinf, values))
        return [value if math.isfinite(value) else math.nan for value in values]

    def _value(self, line: int, place: int, cell: str) -> float:
        text = cell.strip()
        if text.lower() in _MISSING:
            return math.nan
        try:
            quantity = parse_quantity(text)
        except ValueError as error:
            raise self._wrong(line, self._header[place], repr(cell), f"a number or nothing; {error}") from None
        unit = describe(self.keys[place - 1].metric).unit
        if quantity.unit and unit and quantity.unit != unit:
            raise self._wrong(line, self._header[place], repr(cell), f"a number in {unit}, the metric's unit")
        return quantity.value

    def _wrong(self, line: int, key: str, found: str, expected: str, example: str = "") -> ConfigError:
        return ConfigError([Problem(f"{self._path}:{line}", key, found, expected, example)])


def _time(text: str) -> float | None:
    """Unix seconds; None if it is no time."""
    try:
        number = float(text)
        at_s = number / next((scale for size, scale in _SCALES if abs(number) >= size), 1.0)
    except ValueError:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return None
        at_s = (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
    return at_s if _FIRST_S <= at_s <= _LAST_S else None


def _pace_s(times: Iterable[float]) -> float:
    """Seconds between most rows; 1 where there is only one time."""
    listed = list(times)
    steps = [step for step in map(sub, listed[1:], listed) if step > 0]
    return median(steps) if steps else 1.0
