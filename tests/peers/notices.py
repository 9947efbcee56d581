"""Notices that tests tell: ordinary ones, and some with what nobody should obey."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from tocsin import AlertCategory, AlertSeverity, Notice, PerformanceAlert
from tocsin.model.alert import Acknowledgement, Evidence, TraceStep
from tocsin.model.levels import AlertState
from tocsin.model.notice import DigestLine, NoticeKind

AT = datetime(2026, 1, 1, 10, 0, 0, tzinfo=UTC)
ALERT = PerformanceAlert(
    "memory-high",
    "Memory is 91 %, beyond 85 %",
    AlertSeverity.CRITICAL,
    AlertCategory.MEMORY_THRESHOLD,
    id="a1",
    fingerprint="f00dcafe",
    rule="memory-high",
    source="memory-high",
    value=0.91,
    threshold=0.85,
    unit="1",
    component="orders",
    labels={"host": "db-1"},
    count=3,
    started_at=AT,
    owner="team-orders",
    evidence=(Evidence("stack", "the threads are in", ("MainThread: app.py:3 in run", "worker: work.py:9 in loop")),),
    recommendations=("See which process holds the memory", "Stop what is not needed"),
    runbook_url="https://example.org/memory",
    trace=(TraceStep(AT, "firing", "91 % is above 85 %"),),
)
OVER = msgspec.structs.replace(
    ALERT,
    value=0.8,
    resolved_at=AT + timedelta(seconds=90),
    updated_at=AT + timedelta(seconds=90),
    state=AlertState.RESOLVED,
)
SEEN = msgspec.structs.replace(ALERT, acknowledgement=Acknowledgement("jo", AT, "on it"))
EVENT = PerformanceAlert(
    "Payment refused", "code 402", AlertSeverity.WARNING, id="e1", fingerprint="e1f", source="checkout", started_at=AT
)


def a_notice(*alerts: PerformanceAlert, kind: NoticeKind = NoticeKind.FIRING, **changes: Any) -> Notice:
    alerts = alerts or (ALERT,)
    made = Notice(
        id="pager-20260101T100000-1", channel="pager", kind=kind,
        severity=max(alert.severity for alert in alerts), created_at=AT, alerts=alerts, reason="it began to fire",
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


FIRING = a_notice(ALERT)
RESOLVED = a_notice(OVER, kind=NoticeKind.RESOLVED, id="pager-20260101T100130-2", reason="91 % fell below 83.3 %")
GROUP = a_notice(ALERT, EVENT, id="pager-20260101T100000-3")
DIGEST = Notice(
    id="pager-20260101T100100-7",
    channel="pager",
    kind=NoticeKind.DIGEST,
    severity=AlertSeverity.WARNING,
    created_at=AT,
    reason="1234571 occurrences were held back",
    digest=(
        DigestLine("1", "Queue full", "orders", AlertSeverity.WARNING, 1_234_567, "suppression"),
        DigestLine("", "3 other alerts", "", AlertSeverity.INFO, 4, ""),
    ),
)

HOSTILE = {
    "crlf": "Subject\r\nBcc: everybody@example.com\r\n\r\nbody\n.\n",
    "ansi": "\x1b[31mred\x1b[0m \x9b2J",
    "osc": "\x1b]8;;https://evil.example\x07link\x1b]8;;\x07 \x1b]0;title\x1b\\",
    "bidi": "abc \u202e\u2066fed\u2069\u202c \u200f",
    "html": "<script>alert(1)</script><img src=x onerror=alert(1)> \"' & </title></pre>",
    "link": "javascript:alert(1)",
    "slack": "<!channel> <!here> <@U012345> <https://evil.example|good> @channel ``` *x*",
    "nul": "a\x00b",
    "surrogate": "a\ud800b\udfff",
    "separators": "a\u2028b\u2029c\x0bd\x0ce\x85f",
    "template": "{value} ${HOME} %s $(id) `id` {{ 7*7 }}",
    "long": "m" * 1_000_000,
    "long escapes": "\u202e" * 1_000_000,
    "long markup": "<&>" * 400_000,
}


def hostile(text: str) -> Notice:
    """A notice with a text everywhere where a text can stand."""
    proof = Evidence(text, text, (text, text))
    alert = PerformanceAlert(
        text, text, AlertSeverity.CRITICAL, id="h1", fingerprint="h1f", source=text, component=text, owner=text,
        labels={"host": text, text[:200]: "value"}, recommendations=(text,), evidence=(proof, proof), runbook_url=text,
        unit="By", value=7e8, threshold=6e8, started_at=AT, trace=(TraceStep(AT, text, text),),
        acknowledgement=None,
    )  # fmt: skip
    return a_notice(alert, id="pager-h-1", reason=text)
