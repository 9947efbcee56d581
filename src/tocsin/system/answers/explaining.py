"""Alerts, notices and silences as plain values, and the whole way of an alert: for the command line and for JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from tocsin import runbooks
from tocsin.model.levels import AlertCondition, ThresholdKind
from tocsin.model.matching import facts_of
from tocsin.model.units import format_value
from tocsin.system.answers.account import alert_as_dict
from tocsin.system.answers.verdicts import verdicts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tocsin.alerts.settings import Route
    from tocsin.journal.reading import JournalReader, NoticeRow
    from tocsin.model.alert import PerformanceAlert
    from tocsin.model.orders import Silence
    from tocsin.model.rule import AlertRule


# Of a group no list needs to name more.
MAX_NAMED: Final = 20


def listed(alert: PerformanceAlert, utc: datetime) -> dict[str, Any]:
    """An alert for a list: of its evidence the first line, and no trace; `utc` says whether a mark still holds."""
    mark = alert.acknowledgement
    plain = alert_as_dict(alert)
    del plain["evidence"]
    return plain | {
        "proof": next((line for proof in alert.evidence for line in proof.lines), ""),
        "rule": alert.rule,
        "source": alert.source,
        "fingerprint": alert.fingerprint,
        "updated_at": alert.last_at.isoformat(),
        "resolved_at": None if alert.resolved_at is None else alert.resolved_at.isoformat(),
        "suppressed": alert.suppressed,
        "held": None if alert.held is None else alert.held.value,
        "acknowledgement": None
        if mark is None
        else {
            "by": mark.by,
            "at": mark.at.isoformat(),
            "comment": mark.comment,
            "holds": alert.is_acknowledged(utc),
            "expires_at": None if mark.expires_at is None else mark.expires_at.isoformat(),
        },
    }


def silence_as_dict(silence: Silence) -> dict[str, Any]:
    """A silence as plain values."""
    return {
        "id": silence.id,
        "matchers": [str(matcher) for matcher in silence.matchers],
        "starts_at": silence.starts_at.isoformat(),
        "ends_at": silence.ends_at.isoformat(),
        "author": silence.author,
        "comment": silence.comment,
    }


def notice_as_dict(row: NoticeRow) -> dict[str, Any]:
    """A notice of the journal as plain values; `digest` holds the members of one, with exact counts."""
    return {
        "id": row.id,
        "channel": row.channel,
        "kind": row.kind,
        "severity": row.notice.severity.word,
        "created_at": _when(row.created_unix_s),
        "state": row.state,
        "attempts": row.attempts,
        "next_at": _when(row.next_unix_s),
        "done_at": _when(row.done_unix_s),
        "alerts": [{"id": alert.id, "title": alert.title} for alert in row.notice.alerts[:MAX_NAMED]],
        "alerts_left_out": max(len(row.notice.alerts) - MAX_NAMED, 0),
        "digest": [
            {
                "id": line.alert_id,
                "title": line.title,
                "severity": line.severity.word,
                "count": line.count,
                "reason": line.reason,
            }
            for line in row.notice.digest
        ],
        "reason": row.notice.reason,
        "error": row.error,
    }


def explanation(
    alert: PerformanceAlert,
    utc: datetime,
    *,
    journal: JournalReader | None = None,
    rule: AlertRule | None = None,
    routes: Iterable[Route] = (),
) -> dict[str, Any]:
    """Why somebody was, or was not, told of an alert.

    Args:
        alert: as it stands.
        utc: the moment.
        journal: knows what was told and what came of it; None: nobody wrote it down.
        rule: the rule that rang, where it is known.
        routes: what the channels are told, where that is known.
    Returns: `alert`, `rule`, `runbook` (the name of ours; empty where there is none, or the rule names another),
        `trace`, `transitions`, `notices` with their `deliveries`, `channels`, and in `verdicts` a sentence for each
        channel that says whether it was told, or why not.
    """
    full = listed(alert, utc) | {
        "evidence": alert_as_dict(alert)["evidence"],
        "recommendations": list(alert.recommendations),
        "runbook_url": alert.runbook_url,
        "owner": alert.owner,
    }
    notices = [] if journal is None else [_told(journal, row) for row in journal.notices(alert.id)]
    transitions = [] if journal is None else journal.transitions(alert.id)
    answer: dict[str, Any] = {
        "alert": full,
        "rule": "" if rule is None else in_words(rule),
        "runbook": alert.rule if alert.rule in runbooks.names() and not alert.runbook_url else "",
        "trace": [{"at": step.at.isoformat(), "what": step.what, "why": step.why} for step in alert.trace],
        "transitions": [
            {"at": _when(at), "before": before, "after": after, "why": why} for at, before, after, why in transitions
        ],
        "notices": notices,
        "journal": journal is not None,
        "channels": [{"channel": route.channel, "why_not": why_not(route, alert)} for route in routes],
    }
    return answer | {"verdicts": verdicts(answer)}


def in_words(rule: AlertRule) -> str:
    """A rule in a line: `system.cpu.utilization greater_than 85 % for 30 s`."""
    bound = "" if rule.condition is AlertCondition.ANOMALOUS else f" {format_value(rule.limit, rule.unit)}"
    adjusts = "" if rule.adjust is ThresholdKind.STATIC else f" ({rule.adjust.value})"
    window = f" ({rule.aggregate} over {rule.window_s:g} s)" if rule.window_s else ""
    lasting = f" for {rule.for_s:g} s" if rule.for_s else ""
    disabled = "" if rule.enabled else "; disabled"
    return f"{rule.metric}{window} {rule.condition.value}{bound}{adjusts}{lasting}, {rule.severity.word}{disabled}"


def why_not(route: Route, alert: PerformanceAlert) -> str:
    """Why a channel is not for an alert at all; empty if it is."""
    if alert.severity < route.severity:
        return f"it is told of {route.severity.word} and worse"
    facts = facts_of(alert)
    for matcher in route.matchers:
        if not matcher.matches(facts):
            return f"it is told where {matcher}, and here it is {facts.get(matcher.name, '')!r}"
    return ""


def _told(journal: JournalReader, row: tuple[str, str, str, float, str, int, float | None]) -> dict[str, Any]:
    notice_id, channel, kind, created, state, attempts, done = row
    deliveries = [
        {"at": _when(at), "took_s": took_s, "outcome": outcome, "error": error}
        for at, took_s, outcome, error in journal.deliveries(notice_id)
    ]
    found = journal.notice(notice_id)
    return {
        "id": notice_id,
        "channel": channel,
        "kind": kind,
        "created_at": _when(created),
        "state": state,
        "attempts": attempts,
        "done_at": _when(done),
        "reason": "" if found is None else found[0].reason,
        "deliveries": deliveries,
    }


def _when(unix_s: float | None) -> str | None:
    return None if unix_s is None else datetime.fromtimestamp(unix_s, UTC).isoformat()
