"""What may be written: each entry is a named statement and its values, made from the values that travel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

if TYPE_CHECKING:
    from datetime import datetime

    from tocsin.model.alert import PerformanceAlert
    from tocsin.model.inputs import Change
    from tocsin.model.notice import Notice


class Entry(NamedTuple):
    """One statement of queries.sql, with its values in order."""

    statement: str
    values: tuple[Any, ...]


def alert(found: PerformanceAlert, keep: bytes | None) -> Entry:
    """An alert as it stands.

    Args:
        found: the alert.
        keep: what the engine needs to go on with it; None once it has ended.
    """
    return Entry("put_alert", (
        found.id, found.fingerprint, found.rule, found.category.value, int(found.severity), found.component,
        found.state.value, seconds(found.started_at), seconds(found.last_at), _seconds_or_none(found.resolved_at),
        msgspec.json.encode(found), keep,
    ))  # fmt: skip


def transition(change: Change) -> Entry:
    """A step of an alert from one state to another."""
    after = change.alert.state.value
    return Entry("add_transition", (change.alert.id, seconds(change.at), change.before.value, after, change.why))


def notice(made: Notice) -> list[Entry]:
    """A notice that waits for its channel."""
    head = Entry("put_notice", (
        made.id, made.channel, made.kind.value, int(made.severity), seconds(made.created_at),
        msgspec.json.encode(made),
    ))  # fmt: skip
    return [head, *(Entry("put_notice_alert", (one.id, made.id)) for one in made.alerts)]


def delivery(notice_id: str, *, at_unix_s: float, took_s: float, outcome: str, error: str = "") -> Entry:
    """An attempt to hand a notice to its channel."""
    return Entry("add_delivery", (notice_id, at_unix_s, took_s, outcome, error))


def moved(
    notice_id: str, state: str, *, attempts: int, next_unix_s: float | None = None, done_unix_s: float | None = None
) -> Entry:
    """What became of a notice: `waiting` (for another attempt), `delivered`, `dead` or `merged`."""
    return Entry("move_notice", (state, attempts, next_unix_s, done_unix_s, notice_id))


def revived(notice_id: str) -> Entry:
    """A dead notice waits again."""
    return Entry("revive_notice", (notice_id,))


def keepsake(room: str, body: bytes, *, at_unix_s: float) -> Entry:
    """What a room wants to know after a restart."""
    return Entry("put_keepsake", (room, at_unix_s, body))


def layout(layout_id: str, text: bytes) -> Entry:
    """Which series the columns of chunks are of."""
    return Entry("put_layout", (layout_id, text))


def chunk(layout_id: str, *, began_unix_s: float, ended_unix_s: float, readings: int, body: bytes) -> Entry:
    """Readings of some minutes, as they were taken."""
    return Entry("put_chunk", (0, layout_id, began_unix_s, ended_unix_s, readings, body))


def forget(before_unix_s: float) -> list[Entry]:
    """Forget what was over before then."""
    return [
        Entry("forget_alerts", (before_unix_s, before_unix_s)),
        Entry("forget_transitions", (before_unix_s,)),
        Entry("forget_notices", (before_unix_s,)),
        Entry("forget_notice_alerts", ()),
        Entry("forget_deliveries", (before_unix_s,)),
    ]


def seconds(at: datetime) -> float:
    """Unix seconds of an aware time."""
    return at.timestamp()


def _seconds_or_none(at: datetime | None) -> float | None:
    return None if at is None else at.timestamp()
