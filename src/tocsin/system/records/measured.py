"""What was measured, on its way into the journal: some minutes of readings at a time, as one chunk."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from tocsin.journal import entries
from tocsin.journal.history.chunk import Strip, pack
from tocsin.journal.history.layout import ChunkLayout, Column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.clock import Instant
    from tocsin.engine import Engine
    from tocsin.journal.entries import Entry
    from tocsin.model.readings import SeriesKey
    from tocsin.series.tape import Stretch

# A chunk of five minutes is a third larger, for each reading, than one of an hour. What a crash loses is at most this.
CHUNK_S: Final = 300.0


class Measured:
    """Takes the readings of an engine for the journal."""

    def __init__(self) -> None:
        self._run = os.urandom(6).hex()
        self._layouts: dict[tuple[tuple[SeriesKey, ...], ...], str] = {}
        self._due_s = 0.0
        self._begun = False

    def is_due(self, engine: Engine, now: Instant) -> bool:
        """Whether it is time to write; a first chunk waits its full time."""
        if not self._begun:
            self._begun, self._due_s = True, now.mono_s + CHUNK_S
        return now.mono_s >= self._due_s or engine.tape.is_full()

    def take(self, engine: Engine, now: Instant) -> list[Entry]:
        """The entries that write what is new; the engine no longer calls it new."""
        self._begun, self._due_s = True, now.mono_s + CHUNK_S
        stretches = engine.tape.take()
        if not stretches:
            return []
        # The wall clock as it is now: if it was set meanwhile, these readings are told by the new one.
        offset_s = now.utc.timestamp() - now.mono_s
        strips = [Strip([at_s + offset_s for at_s in one.times], one.columns) for one in stretches]
        layout = ChunkLayout([Column(key) for key in one.keys] for one in stretches)
        return [
            *self._layout(stretches, layout),
            entries.chunk(
                self._layout_id(stretches),
                began_unix_s=min(strip.times[0] for strip in strips),
                ended_unix_s=max(strip.times[-1] for strip in strips),
                readings=sum(len(strip.times) * len(strip.columns) for strip in strips),
                body=pack(strips, layout.counters),
            ),
        ]

    def _layout(self, stretches: Sequence[Stretch], layout: ChunkLayout) -> list[Entry]:
        """The entry of a layout that was not written yet."""
        shape = tuple(one.keys for one in stretches)
        if shape in self._layouts:
            return []
        self._layouts[shape] = f"{self._run}-{len(self._layouts)}"
        return [entries.layout(self._layouts[shape], layout.text())]

    def _layout_id(self, stretches: Sequence[Stretch]) -> str:
        return self._layouts[tuple(one.keys for one in stretches)]
