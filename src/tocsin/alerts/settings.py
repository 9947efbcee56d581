"""What the room of alerts may be told to do differently."""

from __future__ import annotations

import msgspec

from tocsin.model.levels import AlertSeverity


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """What one channel is to be told.

    Attributes:
        channel: its name.
        severity: this and worse.
        keeps_state: whether the receiver keeps open alerts, and so wants to know when an event is over.
        notices_per_minute: how many firing notices it gets a minute; the rest end in a digest. Critical ones pass.
    """

    channel: str
    severity: AlertSeverity = AlertSeverity.INFO
    keeps_state: bool = False
    notices_per_minute: float = 30.0


class AlertSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How alerts live and who hears of them.

    Attributes:
        routes: one for each channel.
        suppress_after: occurrences of one source and level that are told within the window.
        suppress_window_s: seconds of that window; it starts at the first occurrence and is not extended.
        event_ttl_s: seconds without recurrence after which an event is over.
        no_data_ttl_s: seconds without readings after which a firing alert ends, since its series is gone.
        max_open: open alerts at most; further events are gathered in one.
        max_closed: ended alerts that are remembered.
        history_size: occurrences that are remembered.
    """

    routes: tuple[Route, ...] = ()
    suppress_after: int = 3
    suppress_window_s: float = 60.0
    event_ttl_s: float = 300.0
    no_data_ttl_s: float = 300.0
    max_open: int = 1000
    max_closed: int = 200
    history_size: int = 100
