"""What a detector has learned of its metric, and how that is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from tocsin.rules.detectors.calibrator import Calibrator, calibrator
from tocsin.rules.detectors.course import Course
from tocsin.rules.detectors.episode import Episode
from tocsin.rules.detectors.floats import as_list, as_row
from tocsin.rules.detectors.gauge import Gauge, gauge
from tocsin.rules.detectors.places import Places, places
from tocsin.rules.detectors.season import Season, season

VERSION: Final = 1
_FLOOR: Final = 2.5  # in mean absolute deviations: one normal reading in 43 on each side
_FAR_FLOOR: Final = 1.0  # what swings between two levels never goes far beyond one deviation
# Runs of equal readings are measured in usual runs, whose lengths fall off exponentially where chance makes them.
_RUN_FLOOR: Final = 4.0
_RUN_SCALE: Final = 3.0


@dataclass(slots=True)
class State:
    """All that a detector knows: plain numbers, so that a copy of it goes on exactly as it would have.

    Attributes:
        course: where the metric stands.
        places: where it was before.
        season: what the time of the day and of the week brings.
        episode: the present one, or the last.
        changes: the gauge of the distance from the reading before.
        nears: of the distance from the mean of some 200 readings.
        fars: of the distance from the mean of up to two weeks.
        tides: of the distance of the mean of some 256 readings from that of up to two weeks.
        stays: of the mean of some 12 distances.
        unrests: of how much the readings change.
        seasons: of the distance from the season.
        runs: the calibrator of how many readings in a row are equal.
        readings: how many were taken in.
        at_s: Unix seconds of the last one.
        interval_s: mean seconds between readings.
        now_s: observed seconds; a gap counts as one interval.
        gaps: how many there were in a row, up to the last reading.
        season_readings: how many were compared with the season; 0 until a day is known.
        season_since_s: observed seconds when that began.
        knows_week: whether the season is that of the week, too.
        version: of this layout.
    """

    course: Course
    places: Places
    season: Season
    episode: Episode
    changes: Gauge
    nears: Gauge
    fars: Gauge
    tides: Gauge
    stays: Gauge
    unrests: Gauge
    seasons: Gauge
    runs: Calibrator
    readings: int = 0
    at_s: float = 0.0
    interval_s: float = 0.0
    now_s: float = 0.0
    gaps: int = 0
    season_readings: int = 0
    season_since_s: float = 0.0
    knows_week: bool = False
    version: int = VERSION

    def gauges(self) -> tuple[Gauge, ...]:
        """All of them."""
        return (self.changes, self.nears, self.fars, self.tides, self.stays, self.unrests, self.seasons)

    def set_budget(self, per_s: float) -> None:
        """From now on each gauge may ring so often on each side."""
        for one in (*(side for each in self.gauges() for side in (each.up, each.down)), self.runs):
            if one.budget_per_s != per_s:
                one.budget_per_s = per_s
                one.fit(self.now_s)


def fresh(budget_per_s: float) -> State:
    """The state of a detector that has seen nothing; each of its gauges may ring so often on each side."""
    return State(
        course=Course(),
        places=places(),
        season=season(),
        episode=Episode(),
        changes=gauge(budget_per_s, _FLOOR),
        nears=gauge(budget_per_s, _FLOOR),
        fars=gauge(budget_per_s, _FAR_FLOOR),
        tides=gauge(budget_per_s, _FLOOR),
        stays=gauge(budget_per_s, _FLOOR),
        unrests=gauge(budget_per_s, _FLOOR),
        seasons=gauge(budget_per_s, _FLOOR),
        runs=calibrator(floor=_RUN_FLOOR, scale=_RUN_SCALE, budget_per_s=budget_per_s),
    )


def to_builtins(state: State) -> dict[str, Any]:
    """As plain dicts, lists and numbers, for any encoding that keeps floats."""
    kept: dict[str, Any] = msgspec.to_builtins(state, enc_hook=as_list)
    return kept


def from_builtins(kept: object) -> State:
    """The state again, bit for bit.

    Raises: ValueError: for what is not the state of a detector, or one of another version.
    """
    version = kept.get("version") if isinstance(kept, dict) else None
    if version != VERSION:
        raise ValueError(
            f"detector state: found version {version!r}, expected {VERSION}; start a new detector, it learns again"
        )
    try:
        return msgspec.convert(kept, State, dec_hook=as_row)
    except (msgspec.ValidationError, OverflowError, TypeError) as wrong:
        raise ValueError(f"detector state: {wrong}; start a new detector, it learns again") from wrong
