"""What the journal's tests share: an alert's worth of entries, and a look at what is on disk."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tocsin.clock import SystemClock
from tocsin.journal import Journal
from tocsin.journal.database import connect
from tocsin.journal.entries import Entry, alert, notice, transition
from tocsin.journal.writer import FILE
from tocsin.model.alert import PerformanceAlert
from tocsin.model.inputs import Change
from tocsin.model.levels import AlertSeverity, AlertState
from tocsin.model.notice import Notice, NoticeKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

ENOUGH_S = 20.0
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def entries_of(number: int) -> list[Entry]:
    """An alert that begins to fire, its transition, and the notice of it."""
    at = BEGAN + timedelta(seconds=number)
    firing = PerformanceAlert("Disk full", "99 %", AlertSeverity.WARNING, id=f"a{number}", started_at=at)
    change = Change(firing, AlertState.PENDING, at, "breach lasted long enough")
    told = Notice(
        id=f"n{number}", channel="mail", kind=NoticeKind.FIRING, severity=firing.severity, created_at=at,
        alerts=(firing,),
    )  # fmt: skip
    return [alert(firing, b"keep"), transition(change), *notice(told)]


def open_journal(
    folder: Path,
    *,
    said: list[str] | None = None,
    recall: Callable[[], Iterable[Entry]] = tuple,
    connect: Callable[[Path], sqlite3.Connection] = connect,
) -> Journal:
    report = (lambda _: None) if said is None else said.append
    return Journal(folder, clock=SystemClock(), report=report, recall=recall, connect=connect)


def on_disk(folder: Path, question: str) -> list[Any]:
    """What another process would read."""
    connection = sqlite3.connect(folder / FILE)
    try:
        return [row[0] if len(row) == 1 else row for row in connection.execute(question)]
    finally:
        connection.close()
