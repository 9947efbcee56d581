"""What stands in the recording of a run: everything that ever entered its engine, in order, as it entered.

A recording is gzip; inside stands one entry behind the other: its length in four bytes (little-endian), and msgpack.
"""

from __future__ import annotations

import struct
from typing import Final

import msgspec

from tocsin.alerts.settings import AlertSettings, Route
from tocsin.clock import Instant
from tocsin.model import inputs as given
from tocsin.model.alert import PerformanceAlert
from tocsin.model.rule import AlertRule

VERSION: Final = 1
LENGTH: Final = struct.Struct("<I")
# What is read may be damaged: nothing is made of it that would not fit into memory.
MAX_ENTRY_BYTES: Final = 1 << 28


class Begin(msgspec.Struct, frozen=True, kw_only=True, tag="begin"):
    """An engine was made."""

    version: int
    rules: list[AlertRule]
    settings: AlertSettings
    interval_s: float
    points: int


class Restore(msgspec.Struct, frozen=True, tag="restore"):
    """It went on where another one stopped."""

    alerts: list[bytes]
    telling: bytes | None
    now: Instant
    learned: bytes | None = None


class Remember(msgspec.Struct, frozen=True, tag="remember"):
    """It was told of alerts that had ended."""

    alerts: list[PerformanceAlert]


class Obey(msgspec.Struct, frozen=True, tag="obey"):
    """It took in orders that were written while it stood still."""

    alerts: list[bytes]
    telling: bytes | None


class Bury(msgspec.Struct, frozen=True, tag="bury"):
    """It ended the alerts of a process that is gone."""

    alerts: list[bytes]
    now: Instant


class AddRoute(msgspec.Struct, frozen=True, tag="add_route"):
    """One more channel was to be told."""

    route: Route


class Reload(msgspec.Struct, frozen=True, tag="reload"):
    """Another configuration came into force."""

    rules: list[AlertRule]
    settings: AlertSettings
    now: Instant
    interval_s: float


class Ids(msgspec.Struct, frozen=True, tag="ids"):
    """Series that came together; later samples name their place in the order of these entries.

    Attributes:
        numbers: of the series.
        again: whether they came as one and the same object each time, which is how an engine knows a table.
    """

    numbers: list[int]
    again: bool


class Readings(msgspec.Struct, frozen=True, tag="readings"):
    """A sample, as doubles: JSON and msgpack alike would keep them, but this is a quarter of the work."""

    ids: int
    values: bytes


Recorded = (
    Readings
    | given.NewSeries
    | given.SeriesFailed
    | given.SeriesEnded
    | given.Event
    | given.Check
    | given.JudgeNow
    | given.Acknowledge
    | given.PutSilence
    | given.ExpireSilence
    | given.PutMaintenance
    | given.Resolve
    | given.AddRule
    | given.RemoveRule
    | given.SwitchRule
    | given.EvidenceFound
    | given.ActionDone
    | given.ClearHistory
    | given.TellAll
    | given.Cut
)


class Step(msgspec.Struct, frozen=True, tag="step"):
    """It stepped."""

    now: Instant
    inputs: list[Recorded]


class Full(msgspec.Struct, frozen=True, tag="full"):
    """Here the recording ends, though the run went on: it had reached its bound."""


Entry = Begin | Restore | Remember | Obey | Bury | AddRoute | Reload | Ids | Step | Full
