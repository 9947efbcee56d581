"""An alert as labels and annotations.

Alertmanager knows an alert by its labels: here they hold what makes an alert the same in Tocsin, and its severity, by
which routes are chosen there. An empty label is no label, and names are those of Prometheus.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tocsin.channels.text import label_name, line, paragraph
from tocsin.channels.wording import MAX_ADVICE, digest_line, facts, headline, lasted, told_because
from tocsin.model.notice import Notice

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin.model.alert import PerformanceAlert

_DIGEST_NAME: Final = "TocsinAlertsHeldBack"


def labels_of(alert: PerformanceAlert, extra: Mapping[str, str]) -> dict[str, str]:
    """The labels of an alert; those of the series that bear a name of ours get `label_` before it."""
    own = {
        "alertname": line(alert.rule or alert.title) or "tocsin",
        "severity": alert.severity.word,
        "category": alert.category.value,
        "component": line(alert.component),
        "source": "" if alert.rule else line(alert.source),
        **{label_name(name): line(value) for name, value in extra.items()},
    }
    found = dict(own)
    for name, value in alert.labels.items():
        free = label_name(name)
        free = f"label_{free}" if free in own else free
        while free in found:
            free += "_"
        found[free] = line(value)
    return {name: value for name, value in found.items() if value}


def annotations_of(alert: PerformanceAlert, notice: Notice) -> dict[str, str]:
    """What people are shown."""
    alone = Notice(
        id=notice.id, channel=notice.channel, kind=notice.kind, severity=alert.severity, created_at=notice.created_at,
        alerts=(alert,),
    )  # fmt: skip
    known = dict(facts(alert))
    found = {
        "summary": headline(alone),
        "description": paragraph(alert.message),
        "value": known.get("value", ""),
        "threshold": known.get("threshold", ""),
        "evidence": _evidence(alert),
        "recommendations": "\n".join(line(advice) for advice in alert.recommendations[:MAX_ADVICE]),
        "runbook_url": line(alert.runbook_url, 1000),
        "owner": line(alert.owner),
        "lasted": lasted(alert),
        "why": told_because(notice),
        "tocsin_id": line(alert.id),
    }
    return {name: value for name, value in found.items() if value}


def digest_labels(notice: Notice, extra: Mapping[str, str]) -> dict[str, str]:
    """The labels under which a digest is shown for a while."""
    worst = digest_line(notice.digest[0]) if notice.digest else line(notice.reason)
    return {
        "alertname": _DIGEST_NAME, "severity": notice.severity.word, "notice": line(notice.id), "worst": worst or "–",
        **{label_name(name): line(value) for name, value in extra.items() if value},
    }  # fmt: skip


def _evidence(alert: PerformanceAlert) -> str:
    parts = ["\n".join([f"{line(proof.title)}:", *map(line, proof.lines)]) for proof in alert.evidence]
    return paragraph("\n".join(parts))
