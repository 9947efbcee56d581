"""What a notice says, in the words that several channels share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tocsin.channels.text import line
from tocsin.model.notice import Notice, NoticeKind
from tocsin.model.units import format_value

if TYPE_CHECKING:
    from datetime import datetime

    from tocsin.model.alert import PerformanceAlert
    from tocsin.model.notice import DigestLine

HEADLINE_CHARS: Final = 120
# Of a large group the first are shown and the rest are counted: nobody reads on.
MAX_ALERTS: Final = 20
MAX_ADVICE: Final = 10
MAX_LABELS: Final = 16
# What a few attempts take is no delay worth a word.
LATE_AFTER_S: Final = 60.0
_TITLE_CHARS: Final = 80
# What a label of one of these names would pass for.
_OWN_NAMES: Final = frozenset({
    "value", "threshold", "component", "source", "owner", "occurrences", "message", "lasted", "acknowledged",
    "what to do", "runbook", "why", "alert", "notice", "began", "over", "id",
})  # fmt: skip


def kind_of(alert: PerformanceAlert) -> NoticeKind:
    """What is said of an alert that comes without a notice."""
    return NoticeKind.RESOLVED if alert.resolved_at is not None else NoticeKind.FIRING


def notice_of(alert: PerformanceAlert, channel: str) -> Notice:
    """A notice about one alert, for channels whose `send_alert` is called by hand."""
    kind = kind_of(alert)
    return Notice(
        id=f"{alert.id}-{kind.value}-{int(alert.severity)}", channel=channel, kind=kind, severity=alert.severity,
        created_at=alert.last_at, alerts=(alert,),
    )  # fmt: skip


def headline(notice: Notice) -> str:
    """One short line that tells most: for subjects, summaries and notifications."""
    if notice.kind is NoticeKind.DIGEST:
        return line(f"[DIGEST] {line(notice.reason or 'alerts were held back')}", HEADLINE_CHARS)
    word = "RESOLVED" if notice.kind is NoticeKind.RESOLVED else notice.severity.name
    if len(notice.alerts) == 1:
        return line(f"[{word}] {_one(notice.alerts[0])}", HEADLINE_CHARS)
    titles = ", ".join(line(alert.title, _TITLE_CHARS) for alert in notice.alerts[:5])
    return line(f"[{word}] {len(notice.alerts)} alerts: {titles}", HEADLINE_CHARS)


def _one(alert: PerformanceAlert) -> str:
    text = line(alert.title, _TITLE_CHARS)
    if alert.value is not None and alert.threshold is not None:
        text += f": {value_of(alert)}, threshold {format_value(alert.threshold, alert.unit)}"
    where = alert.component or ("" if alert.rule else alert.source)
    return f"{text} ({line(where, _TITLE_CHARS)})" if where else text


def facts(alert: PerformanceAlert) -> list[tuple[str, str]]:
    """What is known of an alert beside its message, as names and texts; each a line, and inert."""
    found: list[tuple[str, str]] = []
    if alert.value is not None and alert.threshold is not None:
        found.append(("value", value_of(alert)))
        found.append(("threshold", format_value(alert.threshold, alert.unit)))
    if alert.component:
        found.append(("component", line(alert.component)))
    for name, value in list(alert.labels.items())[:MAX_LABELS]:
        known = line(name, 60)
        found.append((f"label {known}" if known in _OWN_NAMES else known, line(value)))
    if not alert.rule and alert.source:
        found.append(("source", line(alert.source)))
    if alert.owner:
        found.append(("owner", line(alert.owner)))
    if alert.count > 1:
        found.append(("occurrences", str(alert.count)))
    return found


def value_of(alert: PerformanceAlert) -> str:
    """The value as a person reads it. Of an alert that is over it is not the one that its message tells of."""
    return format_value(alert.value, alert.unit) + ("" if alert.resolved_at is None else " at the end")


def times(alert: PerformanceAlert) -> list[tuple[str, str]]:
    """When it began and, for one that is over, when that was and how long it lasted."""
    found = [("began", stamp(alert.started_at))]
    if alert.resolved_at is not None:
        found.append(("over", f"{stamp(alert.resolved_at)}, after {lasted(alert)}"))
    return found


def lasted(alert: PerformanceAlert) -> str:
    """How long an alert was; empty while it is open."""
    if alert.resolved_at is None:
        return ""
    return format_value((alert.resolved_at - alert.started_at).total_seconds(), "s")


def digest_line(found: DigestLine) -> str:
    """One line of a digest: how many of what, and why they were held back."""
    why = f" ({line(found.reason, 60)})" if found.reason else ""
    return f"{found.count} × {line(found.title, _TITLE_CHARS)}{why}"


def told_because(notice: Notice) -> str:
    """Why there is this notice, as a sentence; empty when that was not recorded."""
    if not notice.reason or notice.kind is NoticeKind.DIGEST:
        return ""
    return f"You were told because: {line(notice.reason)}."


def late(notice: Notice, now: datetime | None) -> str:
    """A remark for a notice that comes late, since its receiver or this program was down; else empty.

    Args:
        notice: what is told.
        now: UTC; None: nobody asks.
    """
    late_s = (now - notice.created_at).total_seconds() if now is not None else 0.0
    if late_s < LATE_AFTER_S:
        return ""
    return f"This comes {format_value(late_s, 's')} late: it was to be told at {stamp(notice.created_at)}."


def left_out(notice: Notice) -> str:
    """A remark for groups of which not all is shown; empty where all is."""
    beyond = len(notice.alerts) - MAX_ALERTS
    return f"… and {beyond} more alerts" if beyond > 0 else ""


def stamp(at: datetime) -> str:
    """A moment, in UTC, to the second."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
