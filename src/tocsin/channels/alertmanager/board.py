"""The alerts that Alertmanager is to know of, and until when: no thread, no socket, no clock.

Alertmanager keeps alerts in memory and forgets what is not told again, so all that is open is told again each interval
and claims to last for four of them; what is over is told again for a quarter of an hour.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tocsin.channels.alertmanager.payload import annotations_of, digest_labels, labels_of
from tocsin.channels.wording import headline
from tocsin.model.notice import Notice, NoticeKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin.clock import Instant
    from tocsin.model.alert import PerformanceAlert

INTERVALS_AHEAD: Final = 4
RESOLVED_FOR_S: Final = 15 * 60.0
MAX_ENTRIES: Final = 10_000


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One alert as Alertmanager is told of it.

    Attributes:
        labels: what it is known by.
        annotations: what is shown.
        starts_at: UTC.
        ends_at: UTC; None while it is open.
        forget_s: monotonic seconds after which it is told no more; None while it is open.
        version: grows with each change of the board.
    """

    labels: dict[str, str]
    annotations: dict[str, str]
    starts_at: datetime
    ends_at: datetime | None = None
    forget_s: float | None = None
    version: int

    def as_json(self, now: Instant, interval_s: float) -> dict[str, Any]:
        """As `postableAlert` of the API."""
        ends_at = self.ends_at or now.utc + timedelta(seconds=INTERVALS_AHEAD * interval_s)
        return {
            "labels": self.labels,
            "annotations": self.annotations,
            "startsAt": _time(self.starts_at),
            "endsAt": _time(ends_at),
        }


class Board:
    """What is open, and what was lately.

    Args:
        interval_s: seconds between two tellings.
        labels: added to all alerts.

    Attributes:
        version: of the last change.
        forgotten: alerts that found no room.
    """

    def __init__(self, interval_s: float, labels: Mapping[str, str]) -> None:
        self.version = 0
        self.forgotten = 0
        self._interval_s = interval_s
        self._labels = dict(labels)
        self._entries: OrderedDict[tuple[tuple[str, str], ...], Entry] = OrderedDict()
        # An alert that grew worse has other labels; what it was known by before is over then.
        self._known_by: dict[str, tuple[tuple[str, str], ...]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def told(self, notice: Notice, now: Instant) -> int:
        """Take in a notice; the same one again changes nothing that is told. Returns the version it stands in."""
        self.version += 1
        if notice.kind is NoticeKind.DIGEST:
            self._digest(notice, now)
        for alert in notice.alerts:
            self._take(alert, notice, now)
        while len(self._entries) > MAX_ENTRIES:
            self._forget_one()
        return self.version

    def tell(self, now: Instant, *, since: int = 0) -> list[dict[str, Any]]:
        """What changed after a version, as JSON, oldest change first.

        Args:
            now: for the end that open alerts claim.
            since: 0 for everything; what is over for long is forgotten then.
        """
        if not since:
            for key, entry in list(self._entries.items()):
                if entry.forget_s is not None and now.mono_s >= entry.forget_s:
                    del self._entries[key]
        # The last change stands last, so that one new alert among thousands is found at once.
        changed = takewhile(lambda entry: entry.version > since, reversed(self._entries.values()))
        return [entry.as_json(now, self._interval_s) for entry in changed][::-1]

    def _put(self, key: tuple[tuple[str, str], ...], entry: Entry) -> None:
        self._entries[key] = entry
        self._entries.move_to_end(key)

    def _forget_one(self) -> None:
        """Make room: by what is over, or else by what has not changed for the longest time."""
        over = (key for key, entry in self._entries.items() if entry.ends_at is not None)
        del self._entries[next(over, next(iter(self._entries)))]
        self.forgotten += 1

    def _take(self, alert: PerformanceAlert, notice: Notice, now: Instant) -> None:
        labels = labels_of(alert, self._labels)
        key = tuple(sorted(labels.items()))
        name = alert.fingerprint or alert.id
        before = self._known_by.get(name)
        if before is not None and before != key:
            self._end(before, now.utc, now)
        over = notice.kind is NoticeKind.RESOLVED
        if over:
            self._known_by.pop(name, None)
        else:
            self._known_by[name] = key
        # Whatever began later than it ends is refused.
        ends_at = max(alert.resolved_at or now.utc, alert.started_at + timedelta(milliseconds=1)) if over else None
        self._put(key, Entry(
            labels=labels, annotations=annotations_of(alert, notice), starts_at=alert.started_at, ends_at=ends_at,
            forget_s=now.mono_s + RESOLVED_FOR_S if over else None, version=self.version,
        ))  # fmt: skip

    def _end(self, key: tuple[tuple[str, str], ...], at: datetime, now: Instant) -> None:
        entry = self._entries.get(key)
        if entry is not None and entry.ends_at is None:
            ends_at = max(at, entry.starts_at + timedelta(milliseconds=1))
            self._put(key, msgspec.structs.replace(
                entry, ends_at=ends_at, forget_s=now.mono_s + RESOLVED_FOR_S, version=self.version
            ))  # fmt: skip

    def _digest(self, notice: Notice, now: Instant) -> None:
        """What was held back is no state; it is shown for as long as an alert that is not told again."""
        labels = digest_labels(notice, self._labels)
        lasts_s = INTERVALS_AHEAD * self._interval_s
        self._put(tuple(sorted(labels.items())), Entry(
            labels=labels, annotations={"summary": headline(notice)}, starts_at=notice.created_at,
            ends_at=max(notice.created_at, now.utc) + timedelta(seconds=lasts_s), forget_s=now.mono_s + lasts_s,
            version=self.version,
        ))  # fmt: skip


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S.%f}Z"
