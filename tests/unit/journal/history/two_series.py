"""Two series, a gauge and a counter, as the chunks of these tests have them."""

from __future__ import annotations

from tocsin.journal.history.layout import ChunkLayout, Column
from tocsin.model.readings import SeriesKey

NOW_S = 1_764_000_000.0 // 3600 * 3600
GAUGE = SeriesKey("app.level")
COUNTER = SeriesKey("system.context_switches")
LAYOUT = ChunkLayout([[Column(GAUGE), Column(COUNTER)]])
