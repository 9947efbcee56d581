"""A notice as a JSON document, for programs: webhook, file and command hand over the same.

The form is version 1; `docs/schemas/notice-1.json` describes it. Texts are inert and bounded; keys are never left out.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tocsin.channels.text import line, paragraph

if TYPE_CHECKING:
    from datetime import datetime

    from tocsin.model.alert import PerformanceAlert
    from tocsin.model.notice import Notice

VERSION: Final = 1
MAX_ALERTS: Final = 100
_MAX_TRACE: Final = 20
_MAX_ADVICE: Final = 20


def encode(document: dict[str, Any]) -> bytes:
    """A document as UTF-8 JSON, on one line."""
    return msgspec.json.encode(document)


def document(notice: Notice) -> dict[str, Any]:
    """What a program is told of a notice; the same for each attempt to deliver it."""
    return {
        "version": VERSION,
        "id": line(notice.id),
        "kind": notice.kind.value,
        "severity": notice.severity.word,
        "reason": line(notice.reason),
        "created_at": _time(notice.created_at),
        "alerts": [_alert(alert) for alert in notice.alerts[:MAX_ALERTS]],
        "alerts_left_out": max(len(notice.alerts) - MAX_ALERTS, 0),
        "digest": [
            {
                "alert_id": line(found.alert_id), "title": line(found.title), "source": line(found.source),
                "severity": found.severity.word, "count": found.count, "reason": line(found.reason),
            }
            for found in notice.digest
        ],
    }  # fmt: skip


def _alert(alert: PerformanceAlert) -> dict[str, Any]:
    return {
        "id": line(alert.id),
        "fingerprint": line(alert.fingerprint),
        "title": line(alert.title),
        "message": paragraph(alert.message),
        "severity": alert.severity.word,
        "category": alert.category.value,
        "state": alert.state.value,
        "rule": line(alert.rule),
        "source": line(alert.source),
        "component": line(alert.component),
        "owner": line(alert.owner),
        "value": _number(alert.value),
        "threshold": _number(alert.threshold),
        "unit": line(alert.unit),
        "labels": {line(name): line(value) for name, value in alert.labels.items()},
        "count": alert.count,
        "started_at": _time(alert.started_at),
        "updated_at": _time(alert.last_at),
        "resolved_at": _time(alert.resolved_at),
        "recommendations": [line(advice) for advice in alert.recommendations[:_MAX_ADVICE]],
        "evidence": [
            {"kind": line(proof.kind), "title": line(proof.title), "lines": [line(one) for one in proof.lines]}
            for proof in alert.evidence
        ],
        "runbook_url": line(alert.runbook_url),
        "trace": [
            {"at": _time(step.at), "what": line(step.what), "why": line(step.why)} for step in alert.trace[-_MAX_TRACE:]
        ],
    }


def _time(at: datetime | None) -> str | None:
    return None if at is None else f"{at:%Y-%m-%dT%H:%M:%S.%f}Z"


def _number(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value
