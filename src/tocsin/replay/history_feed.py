"""The metric history of a journal, played again."""

from __future__ import annotations

import math
import sqlite3
from typing import TYPE_CHECKING

from tocsin.errors import StoreError
from tocsin.journal.history.rows import together
from tocsin.journal.reading import JournalReader
from tocsin.journal.writer import FILE
from tocsin.model import inputs as given
from tocsin.replay.moments import Moment, Timeline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tocsin.journal.history.rows import Extent, Row
    from tocsin.model.inputs import Input
    from tocsin.model.readings import SeriesKey


class HistoryFeed:
    """Plays what the journal in a state directory has of the metrics.

    Args:
        state_dir: the folder; a program may be writing in it.
        minute_value: what stands for a minute where no readings are kept any more: its `mean`, `min` or `max`.
        since: gives the beginning, in Unix seconds, when it is told the end of the history.
    Raises: StoreError: if there is no journal, or no history in it.
    """

    def __init__(
        self, state_dir: Path, *, minute_value: str = "mean", since: Callable[[float], float] | None = None
    ) -> None:
        self._state_dir = state_dir
        self._journal = JournalReader(state_dir / FILE)
        self._rows = self._journal.history_rows(minute_value=minute_value)
        found = self._rows.extent()
        if found is None:
            self._journal.close()
            raise StoreError(f"{state_dir}: nothing was measured yet; readings are written every five minutes")
        self._extent: Extent = found
        self._minute_value = minute_value
        self._since_s = max(found.began_unix_s, since(found.ended_unix_s) if since is not None else -math.inf)
        self._at_s = self._since_s
        self._readings = self._minutes = 0

    def moments(self, wanted: Callable[[SeriesKey], bool]) -> Iterator[Moment]:
        """See `Feed`."""
        try:
            yield from self._moments(wanted)
        except sqlite3.Error as error:
            raise StoreError(f"{self._state_dir / FILE}: cannot be read: {error}") from error

    def _moments(self, wanted: Callable[[SeriesKey], bool]) -> Iterator[Moment]:
        numbers: dict[SeriesKey, int] = {key: number for number, key in enumerate(self._rows.keys())}
        chosen = frozenset(key for key in numbers if wanted(key))
        timeline = Timeline(self._since_s)
        inputs: list[Input] = [given.NewSeries(number, key) for key, number in numbers.items()]
        # The very same tuple for the same series each time: so the engine knows what comes together.
        ids: dict[tuple[SeriesKey, ...], tuple[int, ...]] = {}
        every_s = 1.0
        rows = self._rows.rows(chosen, since_unix_s=self._since_s, until_unix_s=self._extent.ended_unix_s)
        for group in together(rows):
            at_s = self._at_s = group[0].at_unix_s
            for row in _once(group):
                if row.keys not in ids:
                    ids[row.keys] = tuple(numbers[key] for key in row.keys)
                inputs.append(given.Sample(ids[row.keys], list(row.values)))
                self._readings += not row.is_minute
                self._minutes += row.is_minute
            every_s = self._rows.pace_s() or every_s
            yield Moment(timeline.at(at_s), inputs, every_s)
            inputs = []
        if inputs:  # nobody looks at anything that is here: that is to be seen too
            for at_s in (self._since_s, self._extent.ended_unix_s):
                yield Moment(timeline.at(at_s), inputs, every_s)
                inputs = []

    def share_done(self) -> float:
        """See `Feed`."""
        span_s = self._extent.ended_unix_s - self._since_s
        return min((self._at_s - self._since_s) / span_s, 1.0) if span_s > 0 else 1.0

    def remarks(self) -> list[str]:
        """See `Feed`."""
        found = []
        if self._minutes:
            share = self._minutes / (self._minutes + self._readings)
            found.append(
                f"an approximation: {self._minutes:,} rows ({share:.0%}) stand for a minute each, by its "
                f"{self._minute_value}, since older readings are not kept; what lasted less than a minute, or lay "
                "between two readings, is not seen there"
            )
        if self._readings:
            found.append("readings are as the journal keeps them: gauges to one part in 4096, times to a millisecond")
        if self._rows.damaged:
            found.append(f"{self._rows.damaged} chunks of the history are damaged, and were left out")
        return found

    def close(self) -> None:
        """See `Feed`."""
        self._journal.close()


def _once(group: Sequence[Row]) -> Sequence[Row]:
    """At the time where minutes end and readings begin, a series has both: the reading counts."""
    if len(group) == 1 or not any(row.is_minute for row in group):
        return group
    read = {key for row in group if not row.is_minute for key in row.keys}
    return [
        row if not row.is_minute else row._replace(
            values=tuple(math.nan if key in read else value for key, value in zip(row.keys, row.values, strict=True))
        )
        for row in group
    ]  # fmt: skip
