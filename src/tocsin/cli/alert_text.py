"""An alert in a line or two, for the terminal; of a running program's answer, or of a system of our own."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tocsin.channels.text import visible
from tocsin.model.levels import AlertSeverity, read_level

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin.clock import Instant
    from tocsin.model.alert import PerformanceAlert

_AGES: Final = ((86400, "d"), (3600, "h"), (60, "min"))


class OpenAlert(NamedTuple):
    """What the terminal shows of an open alert; texts are inert."""

    severity: AlertSeverity
    title: str
    message: str
    age: str
    id: str
    remarks: tuple[str, ...]

    def head(self) -> str:
        """The first line: how bad, what, since when, and what else there is to know."""
        return f"{self.severity.name:<8} {self.title}  ({', '.join([f'for {self.age}', *self.remarks])})"


def of_alert(alert: PerformanceAlert, now: Instant) -> OpenAlert:
    """An alert of a system in this process."""
    by = None if alert.acknowledgement is None else alert.acknowledgement.by
    remarks = _remarks(str(alert.state), alert.count, by, alert.component)
    age_s = (now.utc - alert.started_at).total_seconds()
    return OpenAlert(alert.severity, visible(alert.title), visible(alert.message), age(age_s), alert.id, remarks)


def of_status(alert: Mapping[str, Any], now: Instant) -> OpenAlert:
    """An alert as a running program described it."""
    started_at = moment_of(alert.get("started_at"))
    severity, _ = read_level(alert.get("severity"))
    remarks = _remarks(
        str(alert.get("state", "")), alert.get("count"), alert.get("acknowledged_by"), alert.get("component")
    )
    return OpenAlert(
        severity,
        visible(str(alert.get("title", ""))),
        visible(str(alert.get("message", ""))),
        "?" if started_at is None else age((now.utc - started_at).total_seconds()),
        visible(str(alert.get("id", ""))),
        remarks,
    )


def age(seconds: float) -> str:
    """How long something lasts: `42 s`, `3 min`, `5 h`, `2 d`."""
    for size, unit in _AGES:
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def _remarks(state: str, count: object, acknowledged_by: object, component: object) -> tuple[str, ...]:
    remarks = []
    if state == "pending":
        remarks.append("pending")
    if isinstance(count, int) and count > 1:
        remarks.append(f"{count} times")
    if component:
        remarks.append(f"in {visible(str(component))}")
    if acknowledged_by is not None:
        remarks.append(f"acknowledged by {visible(str(acknowledged_by)) or 'somebody'}")
    return tuple(remarks)


def moment_of(text: object) -> datetime | None:
    """An aware moment as a running program wrote it; None for anything else."""
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None
