"""What people order: silences, maintenance windows, and which alerts inhibit which."""

from __future__ import annotations

from datetime import datetime

import msgspec

from tocsin.model.matching import Matcher
from tocsin.model.schedule import Recurrence


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """For a time, nobody is told of the alerts that match.

    Attributes:
        id: unique.
        matchers: all of them must match; at least one.
        starts_at: aware.
        ends_at: aware; behind `starts_at`.
        author: who ordered it.
        comment: why.
    Raises: ValueError: if it matches everything, has no zone or ends before it begins.
    """

    id: str
    matchers: tuple[Matcher, ...]
    starts_at: datetime
    ends_at: datetime
    author: str = ""
    comment: str = ""

    def __post_init__(self) -> None:
        if not self.matchers:
            raise ValueError("a silence without matchers would hold back every alert; name at least one")
        _check_span(self.starts_at, self.ends_at)

    def covers(self, utc: datetime) -> bool:
        """Whether it is in force."""
        return self.starts_at <= utc < self.ends_at


class PlacedSilence(Silence, frozen=True, kw_only=True):
    """A silence that has just been ordered, and what became of the order.

    Attributes:
        open_alerts: how many open alerts it matches; 0: none, so there may be a slip in its matchers.
        durable: whether it is on disk.
        reason: why not.
    """

    open_alerts: int = 0
    durable: bool = False
    reason: str = ""


class Maintenance(msgspec.Struct, frozen=True, kw_only=True):
    """A window in which work is expected to make noise: once, or again and again.

    Attributes:
        name: unique.
        matchers: which alerts are held back; none: all.
        starts_at: for a window that comes once: its begin, aware.
        ends_at: its end.
        recurrence: for one that comes again.
        comment: what is done in it.
    Raises: ValueError: if it is neither of the two, or both.
    """

    name: str
    matchers: tuple[Matcher, ...] = ()
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    recurrence: Recurrence | None = None
    comment: str = ""

    def __post_init__(self) -> None:
        once = self.starts_at is not None and self.ends_at is not None
        if once == (self.recurrence is not None) or (self.starts_at is None) != (self.ends_at is None):
            raise ValueError("a maintenance window has either a begin and an end, or a recurrence")
        if self.starts_at is not None and self.ends_at is not None:
            _check_span(self.starts_at, self.ends_at)

    def ends(self, utc: datetime) -> datetime | None:
        """When the window that is open at `utc` ends; None while none is open."""
        if self.recurrence is not None:
            return self.recurrence.open_until(utc)
        if self.starts_at is None or self.ends_at is None or not self.starts_at <= utc < self.ends_at:
            return None
        return self.ends_at


class Inhibition(msgspec.Struct, frozen=True, kw_only=True):
    """While one alert fires, others are only its effects.

    Attributes:
        source: matches the cause; at least one matcher.
        target: matches its effects; at least one matcher.
        equal: names (facts or labels) that must have the same value in both.
    Raises: ValueError: if source or target match everything.
    """

    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.source or not self.target:
            raise ValueError("an inhibition names a source and a target, each with at least one matcher")


def _check_span(starts_at: datetime, ends_at: datetime) -> None:
    if starts_at.tzinfo is None or ends_at.tzinfo is None:
        raise ValueError("a time without a zone; write 2026-01-31T22:00:00Z")
    if ends_at <= starts_at:
        raise ValueError(f"it ends at {ends_at.isoformat()}, before it begins at {starts_at.isoformat()}")
