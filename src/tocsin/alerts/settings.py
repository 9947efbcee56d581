"""What the room of alerts may be told to do differently."""

from __future__ import annotations

import msgspec

from tocsin.model.action import ActionLimits
from tocsin.model.levels import AlertSeverity
from tocsin.model.matching import Matcher
from tocsin.model.orders import Inhibition, Maintenance
from tocsin.model.schedule import Recurrence


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """What one channel is to be told.

    Attributes:
        channel: its name.
        severity: this and worse.
        keeps_state: whether the receiver keeps open alerts, and so wants to know when an event is over.
        notices_per_minute: how many firing notices it gets a minute; the rest end in a digest. Critical ones pass.
        matchers: only alerts that match all of these.
        hours: only in these windows; what still fires when one opens is told then. Critical alerts do not wait.
        group_by: names of facts or labels; alerts that agree in all of them share a notice. None: one notice an alert.
        group_wait_s: how long the first alert of a group waits for others. Critical ones do not wait.
        group_interval_s: seconds between two notices of a group.
        repeat_s: seconds after which an alert that still fires, and that nobody takes care of, is told again; 0: never.
        escalate_to: the channel that is told when nobody acknowledges; told whatever its own filters say.
        escalate_after_s: after so many seconds.
        fallback: the channel that is told what this one cannot be told.
    """

    channel: str
    severity: AlertSeverity = AlertSeverity.INFO
    keeps_state: bool = False
    notices_per_minute: float = 30.0
    matchers: tuple[Matcher, ...] = ()
    hours: Recurrence | None = None
    group_by: tuple[str, ...] | None = None
    group_wait_s: float = 10.0
    group_interval_s: float = 60.0
    repeat_s: float = 4 * 3600.0
    escalate_to: str = ""
    escalate_after_s: float = 900.0
    fallback: str = ""


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
        storm_after: new alerts a minute that are told one by one; of more, one summary and a digest. 0: no limit.
        maintenance: windows in which alerts are held back.
        inhibitions: which alerts are only effects of which.
        inhibition_wait_s: how long a possible effect waits for its cause, so that it does not matter which comes first.
        actions: how often one action of one rule may run.
        false_alarms_per_week: that all rules which learn may cost together, where nothing is wrong.
    """

    routes: tuple[Route, ...] = ()
    suppress_after: int = 3
    suppress_window_s: float = 60.0
    event_ttl_s: float = 300.0
    no_data_ttl_s: float = 300.0
    max_open: int = 1000
    max_closed: int = 200
    history_size: int = 100
    storm_after: int = 60
    maintenance: tuple[Maintenance, ...] = ()
    inhibitions: tuple[Inhibition, ...] = ()
    inhibition_wait_s: float = 5.0
    actions: ActionLimits = ActionLimits()
    false_alarms_per_week: float = 1.0
