"""What is to be told, and the answers that the doors give."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from tocsin.model.alert import PerformanceAlert
from tocsin.model.levels import AlertSeverity

TEST_LABEL: Final = "tocsin.test"
"""An event with this label is for the channel that it names, or for every one, whatever their filters say."""
EVERY_CHANNEL: Final = "*"


class NoticeKind(StrEnum):
    """What a notice says."""

    FIRING = "firing"
    RESOLVED = "resolved"
    DIGEST = "digest"


class DigestLine(msgspec.Struct, frozen=True):
    """How many occurrences of one alert were held back, and why."""

    alert_id: str
    title: str
    source: str
    severity: AlertSeverity
    count: int
    reason: str


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be told about one or more alerts, to one channel.

    Attributes:
        id: stable across retries, so that receivers can leave duplicates out.
        channel: the channel's name.
        kind: firing, resolved, or a digest of what was held back.
        severity: the worst of its alerts; decides the order of delivery.
        alerts: as they stood when the notice was made.
        digest: for a digest, exact counts.
        reason: why it is sent.
        created_at: UTC.
    """

    id: str
    channel: str
    kind: NoticeKind
    severity: AlertSeverity
    created_at: datetime
    alerts: tuple[PerformanceAlert, ...] = ()
    digest: tuple[DigestLine, ...] = ()
    reason: str = ""


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a direct check found.

    Attributes:
        triggered: whether the value is beyond the threshold.
        suppressed: whether nobody was told of it now.
        value: in `unit`; None where there was nothing to measure.
        threshold: in `unit`.
        unit: `%` or `ms`, as the configuration speaks.
        reason: why it is suppressed or not triggered; empty when there is nothing to explain.
        alert: the alert it belongs to, when triggered.
    """

    triggered: bool
    suppressed: bool
    value: float | None
    threshold: float
    unit: str
    reason: str = ""
    alert: PerformanceAlert | None = None


class Receipt(msgspec.Struct, frozen=True):
    """What became of an emit.

    Attributes:
        durable: whether the event is on disk and survives a power cut.
        reason: why not durable, or why refused.
        id: the alert's id, where it is known already.
        accepted: whether the event was taken at all.
    """

    durable: bool
    reason: str = ""
    id: str = ""
    accepted: bool = True
