"""Writing a recording: an engine that writes down all that enters it, before it judges it."""

from __future__ import annotations

import os
import sys
import zlib
from array import array
from typing import TYPE_CHECKING, Final

import msgspec

from tocsin.engine import Engine
from tocsin.model.inputs import Sample
from tocsin.replay import entries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from tocsin.alerts.history import AlertHistory
    from tocsin.alerts.settings import AlertSettings, Route
    from tocsin.clock import Instant
    from tocsin.model.alert import PerformanceAlert
    from tocsin.model.inputs import Input, Outcome
    from tocsin.model.rule import AlertRule
    from tocsin.replay.entries import Entry, Recorded

MAX_BYTES: Final = 1 << 30
# What a killed program loses of its recording is at most so much time, or so many bytes before they are compressed.
FLUSH_S: Final = 5.0
FLUSH_BYTES: Final = 1 << 18
_GZIP: Final = 31
# Fast: what is written lies on the way of each step.
_LEVEL: Final = 1


class RunRecord:
    """The file of a recording. Nothing is raised: what cannot be written ends the recording, and is told once.

    A file of this name is kept as `PATH.1`, in the place of an earlier one.

    Args:
        path: the file; made at the first entry.
        report: told why the recording ended.
        max_bytes: of the file.

    Attributes:
        reason: why nothing is written any more; empty while all is well.
    """

    def __init__(self, path: Path, report: Callable[[str], None], *, max_bytes: int = MAX_BYTES) -> None:
        self._path = path
        self._report = report
        self._max_bytes = max_bytes
        self._written = self._pending = 0
        self._flushed_s = 0.0
        self._fd: int | None = None
        self._begun = False
        self._packed = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
        self._encoder = msgspec.msgpack.Encoder()
        self._places: dict[tuple[int, ...], int] = {}
        # To each tuple that comes again and again its place; it is kept, so that no other object takes its identity.
        self._again: dict[int, tuple[tuple[int, ...], int]] = {}
        self._ids = 0
        self.reason = ""

    def step(self, inputs: Sequence[Input], now: Instant) -> None:
        """Write a step."""
        if not self.reason:
            self.write(entries.Step(now, [self._recorded(item) for item in inputs]))
            if now.mono_s >= self._flushed_s + FLUSH_S or self._pending >= FLUSH_BYTES:
                self._flushed_s = now.mono_s
                self._flush(zlib.Z_SYNC_FLUSH)

    def write(self, entry: Entry) -> None:
        """Write an entry."""
        if self.reason:
            return
        try:
            if self._fd is None:
                self._fd = self._opened()
                self._packed = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
            text = self._encoder.encode(entry)
            self._put(self._packed.compress(entries.LENGTH.pack(len(text)) + text))
            self._pending += len(text)
        except (OSError, msgspec.MsgspecError, TypeError) as error:
            self._end(f"{self._path} cannot be written: {error}")

    def close(self) -> None:
        """Let the file be whole, and give it back. What is written later goes on in it."""
        if self._fd is not None:
            self._flush(zlib.Z_FINISH)
        self._give_back()

    def _recorded(self, item: Input) -> Recorded:
        if not isinstance(item, Sample):
            return item
        values = array("d", item.values)
        if sys.byteorder == "big":
            values.byteswap()
        return entries.Readings(self._place(item.series_ids), values.tobytes())

    def _place(self, ids: Sequence[int]) -> int:
        if type(ids) is tuple:
            known = self._again.get(id(ids))
            if known is None:
                known = self._again[id(ids)] = (ids, self._new_ids(list(ids), again=True))
            return known[1]
        numbers = tuple(ids)
        if numbers not in self._places:
            self._places[numbers] = self._new_ids(list(numbers), again=False)
        return self._places[numbers]

    def _new_ids(self, numbers: list[int], *, again: bool) -> int:
        self.write(entries.Ids(numbers, again))
        self._ids += 1
        return self._ids - 1

    def _opened(self) -> int:
        how = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        if not self._begun and self._path.exists():
            self._path.replace(self._path.with_name(self._path.name + ".1"))
        self._begun = True
        # Without a buffer of its own: a forked child would write what is in one a second time.
        return os.open(self._path, how, 0o600)

    def _flush(self, how: int) -> None:
        self._pending = 0
        try:
            self._put(self._packed.flush(how))
        except OSError as error:
            self._end(f"{self._path} cannot be written: {error}")
        if self._written >= self._max_bytes and how != zlib.Z_FINISH and not self.reason:
            self.write(entries.Full())
            self._flush(zlib.Z_FINISH)
            self._end(f"{self._path} has reached {self._max_bytes >> 20} MiB; the rest of the run is not in it")

    def _put(self, packed: bytes) -> None:
        while packed and self._fd is not None:
            count = os.write(self._fd, packed)
            self._written += count
            packed = packed[count:]

    def _end(self, reason: str) -> None:
        self.reason = reason
        self._give_back()
        self._report(f"the recording ends: {reason}")

    def _give_back(self) -> None:
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)


class RecordingEngine(Engine):
    """The engine, with everything that enters it written down.

    Args:
        recording: where to.
        rules, alerts, interval_s, points, history: as of `Engine`.
    """

    def __init__(
        self,
        recording: RunRecord,
        rules: Iterable[AlertRule],
        alerts: AlertSettings,
        *,
        interval_s: float,
        points: int,
        history: AlertHistory,
    ) -> None:
        listed = list(rules)
        super().__init__(listed, alerts, interval_s=interval_s, points=points, history=history)
        self._recording = recording
        recording.write(
            entries.Begin(
                version=entries.VERSION, rules=listed, settings=alerts, interval_s=interval_s,
                points=points,
            )
        )  # fmt: skip

    def step(self, inputs: Sequence[Input], now: Instant) -> Outcome:
        """Write down what happened, and judge it."""
        self._recording.step(inputs, now)
        return super().step(inputs, now)

    def restore(
        self, alerts: Iterable[bytes], telling: bytes | None, now: Instant, learned: bytes | None = None
    ) -> int:
        """Write down where it goes on, and go on there."""
        listed = list(alerts)
        self._recording.write(entries.Restore(listed, telling, now, learned))
        return super().restore(listed, telling, now, learned)

    def remember(self, alerts: Iterable[PerformanceAlert]) -> None:
        """Write down what it is to know, and know it."""
        listed = list(alerts)
        self._recording.write(entries.Remember(listed))
        super().remember(listed)

    def obey(self, alerts: Iterable[bytes], telling: bytes | None) -> None:
        """Write down what was ordered meanwhile, and obey."""
        listed = list(alerts)
        self._recording.write(entries.Obey(listed, telling))
        super().obey(listed, telling)

    def bury(self, alerts: Iterable[bytes], now: Instant) -> int:
        """Write down what ends, and end it."""
        listed = list(alerts)
        self._recording.write(entries.Bury(listed, now))
        return super().bury(listed, now)

    def add_route(self, route: Route) -> None:
        """Write down whom to tell too, and tell them."""
        self._recording.write(entries.AddRoute(route))
        super().add_route(route)

    def reload(self, rules: Iterable[AlertRule], alerts: AlertSettings, now: Instant, *, interval_s: float) -> None:
        """Write down what comes into force, and go by it."""
        listed = list(rules)
        super().reload(listed, alerts, now, interval_s=interval_s)  # what it refuses is not written down
        self._recording.write(entries.Reload(listed, alerts, now, interval_s))
