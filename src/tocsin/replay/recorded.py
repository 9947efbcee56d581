"""A recorded run, played again: by the rules that were in force, or by others."""

from __future__ import annotations

import gzip
import sys
import zlib
from array import array
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from tocsin.engine import Engine
from tocsin.errors import StoreError
from tocsin.model import inputs as given
from tocsin.replay import entries
from tocsin.replay.entries import Entry
from tocsin.replay.moments import Moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tocsin.alerts.decisions import Observer
    from tocsin.clock import Instant
    from tocsin.model.inputs import Input, Outcome
    from tocsin.model.readings import SeriesKey
    from tocsin.replay.entries import Recorded

# What speaks of rules that others take the place of, or of single alerts, which are others then too.
_OF_ITS_RULES: Final = (
    given.AddRule, given.RemoveRule, given.SwitchRule, given.Acknowledge, given.EvidenceFound, given.ActionDone,
    given.Check, given.ClearHistory,
)  # fmt: skip


class RecordedRun:
    """A recording, read from its beginning.

    Args:
        path: the file.
    Raises: StoreError: if it is not there, or is no recording.

    Attributes:
        cut: why it ends before the run did; empty where it does not.
        left_out: orders on rules and on single alerts that `moments` has left out.
        was_open: how many alerts were open when the run began, which `moments` has left out.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self.cut = ""
        self.left_out = self.was_open = 0
        self._share = 0.0
        try:
            self._bytes = max(self._path.stat().st_size, 1)
            first = next(self._entries(), None)
        except OSError as error:
            raise StoreError(f"{path}: there is no recording here: {error.strerror}") from error
        if not isinstance(first, entries.Begin):
            raise StoreError(f"{path}: is no recording of a run, or none that got further than its first line")
        if first.version != entries.VERSION:
            raise StoreError(f"{path}: a recording of version {first.version}; this Tocsin knows {entries.VERSION}")
        self.begin = first

    def outcomes(self, *, observe: Observer | None = None) -> Iterator[tuple[Instant, Outcome]]:
        """What each step of the run led to, worked out once more: the same, bit for bit, as when it ran."""
        begin = self.begin
        engine = Engine(begin.rules, begin.settings, interval_s=begin.interval_s, points=begin.points, observe=observe)
        for entry, ids in self._known():
            match entry:
                case entries.Step():
                    yield entry.now, engine.step(_inputs(entry.inputs, ids), entry.now)
                case entries.Restore():
                    engine.restore(entry.alerts, entry.telling, entry.now, entry.learned)
                case entries.Remember():
                    engine.remember(entry.alerts)
                case entries.Obey():
                    engine.obey(entry.alerts, entry.telling)
                case entries.Bury():
                    engine.bury(entry.alerts, entry.now)
                case entries.AddRoute():
                    engine.add_route(entry.route)
                case entries.Reload():
                    engine.reload(entry.rules, entry.settings, entry.now, interval_s=entry.interval_s)

    def moments(self, wanted: Callable[[SeriesKey], bool]) -> Iterator[Moment]:
        """See `Feed`: for other rules than those of the run. What was ordered of its rules and alerts is left out."""
        del wanted  # events and checks may bring series in at any time
        learned: tuple[bytes, Instant] | None = None
        is_first = True
        for entry, ids in self._known():
            if isinstance(entry, entries.Restore) and is_first:
                self.was_open += len(entry.alerts)
                learned = None if entry.learned is None else (entry.learned, entry.now)
            elif isinstance(entry, entries.Step):
                kept = [item for item in entry.inputs if not isinstance(item, _OF_ITS_RULES)]
                self.left_out += len(entry.inputs) - len(kept)
                yield Moment(entry.now, _inputs(kept, ids), self.begin.interval_s, learned)
                learned, is_first = None, False

    def share_done(self) -> float:
        """See `Feed`."""
        return self._share

    def remarks(self) -> list[str]:
        """See `Feed`."""
        found = [f"the recording ends before the run did: {self.cut}"] if self.cut else []
        if self.was_open:
            found.append(f"alerts that were open when the run began were left out ({self.was_open} of them)")
        if self.left_out:
            found.append(
                f"{self.left_out:,} inputs that speak of the run's own rules and alerts (acknowledgements, checks, "
                "evidence, rules that came and went) were left out"
            )
        return found

    def close(self) -> None:
        """See `Feed`; the file is open only while it is played."""

    def _known(self) -> Iterator[tuple[Entry, list[Sequence[int]]]]:
        """Each entry, with the series that samples name by their place."""
        ids: list[Sequence[int]] = []
        for entry in self._entries():
            if isinstance(entry, entries.Ids):
                ids.append(tuple(entry.numbers) if entry.again else entry.numbers)
            elif isinstance(entry, entries.Full):
                self.cut = "it had reached its bound"
            else:
                yield entry, ids

    def _entries(self) -> Iterator[Entry]:
        decoder = msgspec.msgpack.Decoder(Entry)
        with self._path.open("rb") as raw, gzip.open(raw, "rb") as file:
            try:
                while (text := _next(file)) is not None:
                    self._share = raw.tell() / self._bytes
                    yield decoder.decode(text)
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                self.cut = f"the program was killed, or the file is damaged ({error})"
            except msgspec.MsgspecError as error:
                raise StoreError(f"{self._path}: damaged, or written by another version of Tocsin: {error}") from error


def _next(file: gzip.GzipFile) -> bytes | None:
    """The next entry; None at the end."""
    head = file.read(entries.LENGTH.size)
    if not head:
        return None
    if len(head) < entries.LENGTH.size:
        raise EOFError("it ends within an entry")
    [length] = entries.LENGTH.unpack(head)
    if length > entries.MAX_ENTRY_BYTES:
        raise zlib.error(f"an entry of {length} bytes")
    text = file.read(length)
    if len(text) < length:
        raise EOFError("it ends within an entry")
    return text


def _inputs(recorded: Sequence[Recorded], ids: Sequence[Sequence[int]]) -> list[Input]:
    return [_sample(item, ids) if isinstance(item, entries.Readings) else item for item in recorded]


def _sample(readings: entries.Readings, ids: Sequence[Sequence[int]]) -> given.Sample:
    values = array("d", readings.values)
    if sys.byteorder == "big":
        values.byteswap()
    return given.Sample(ids[readings.ids], values.tolist())
