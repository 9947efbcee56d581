"""Reading the journal: what an earlier run left, and what the command line asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from tocsin.journal.database import connect, connect_to_read
from tocsin.journal.history.reading import HistoryReader
from tocsin.journal.history.rows import HistoryRows
from tocsin.journal.statements import statements
from tocsin.model.alert import PerformanceAlert
from tocsin.model.notice import Notice
from tocsin.model.rule import AlertRule

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

TELLING = "telling"
RULES = "rules"
LEARNED = "learned"
_ALERT = msgspec.json.Decoder(PerformanceAlert)
_NOTICE = msgspec.json.Decoder(Notice)
_RULES = msgspec.json.Decoder(list[AlertRule])


class Left(msgspec.Struct, frozen=True):
    """What an earlier run left.

    Attributes:
        alerts: what was kept of each alert that is open.
        telling: what was remembered of who was told; None: nothing.
        notices: those that have reached nobody yet, the most urgent first; each with how often it was tried, and when
            it is to be tried again (Unix seconds; None: at once).
        ended: the last alerts that ended, oldest first.
        learned: what rules had learned of their series; None: nothing.
    """

    alerts: list[bytes] = []
    telling: bytes | None = None
    notices: list[tuple[Notice, int, float | None]] = []
    ended: list[PerformanceAlert] = []
    learned: bytes | None = None


def read_left(path: Path, *, ended: int = 100) -> Left:
    """Read what an earlier run left; nothing, if there was none.

    Args:
        path: the journal's file; whoever asks owns its folder.
        ended: how many of the alerts that ended.
    Raises: StoreError, sqlite3.Error, OSError: if the file cannot be read.
    """
    if not path.exists():
        return Left()
    # To write, since a log of the run before may have to be taken in; the journal's own thread looks for damage.
    connection = connect(path, check=False)
    try:
        run, known = connection.execute, statements()
        rows = [run(known["keepsake"], (room,)).fetchone() for room in (TELLING, LEARNED)]
        telling, learned = (None if row is None else row[1] for row in rows)
        closed = [_ALERT.decode(body) for (body,) in run(known["ended_alerts"], (ended,))]
        return Left(
            [keep for _, keep in run(known["open_alerts"])],
            telling,
            list(_notices(connection)),
            closed[::-1],
            learned,
        )
    finally:
        connection.close()


class NoticeRow(NamedTuple):
    """A notice as the journal has it; times are Unix seconds.

    Attributes:
        state: `waiting`, `delivered`, `dead` or `merged`.
        next_unix_s: when it is tried again.
        done_unix_s: when it came to its end.
        notice: as it was made.
        error: what went wrong last.
    """

    id: str
    channel: str
    kind: str
    severity: int
    created_unix_s: float
    state: str
    attempts: int
    next_unix_s: float | None
    done_unix_s: float | None
    notice: Notice
    error: str


class JournalReader:
    """Answers questions on a journal that somebody else may be writing.

    Args:
        path: the file.

    Raises: StoreError: if there is none, or it is newer or broken.
    """

    def __init__(self, path: Path) -> None:
        self._connection = connect_to_read(path)

    def close(self) -> None:
        """Give the file back."""
        self._connection.close()

    def alerts(self, *, since_unix_s: float = 0.0, limit: int = 1000) -> list[PerformanceAlert]:
        """The alerts that began since then, newest first."""
        return [_ALERT.decode(body) for (body,) in self._ask("recent_alerts", since_unix_s, limit)]

    def shown_alerts(self, *, since_unix_s: float, limit: int = 1000) -> list[PerformanceAlert]:
        """The alerts that are open, and those that changed since then; newest first."""
        return [_ALERT.decode(body) for (body,) in self._ask("shown_alerts", since_unix_s, limit)]

    def all_alerts(self) -> Iterator[PerformanceAlert]:
        """Every alert that is remembered, oldest first, one at a time."""
        return (_ALERT.decode(body) for (body,) in self._ask("alerts_in_order"))

    def kept_alert(self, alert_id: str) -> tuple[PerformanceAlert, bytes | None] | None:
        """An alert, and what was kept of it if it is open."""
        row = next(self._ask("kept_alert", alert_id), None)
        return None if row is None else (_ALERT.decode(row[0]), row[1])

    def telling(self) -> bytes | None:
        """What was remembered of who was told, and of what people ordered."""
        row = next(self._ask("keepsake", TELLING), None)
        return None if row is None else row[1]

    def rules(self) -> tuple[float, list[AlertRule]] | None:
        """The rules that were in force last, and when they were written down (Unix seconds); None: not known."""
        row = next(self._ask("keepsake", RULES), None)
        return None if row is None else (row[0], _RULES.decode(row[1]))

    def recent_notices(self, *, state: str = "", limit: int = 100) -> list[NoticeRow]:
        """The last notices, newest first; of one state, if one is given."""
        rows = self._ask("recent_notices", state, state, limit)
        return [NoticeRow._make((*row[:9], _NOTICE.decode(row[9]), row[10] or "")) for row in rows]

    def notice(self, notice_id: str) -> tuple[Notice, str] | None:
        """The notice of this id, and its state."""
        row = next(self._ask("notice", notice_id), None)
        return None if row is None else (_NOTICE.decode(row[0]), row[1])

    def alert(self, alert_id: str) -> PerformanceAlert | None:
        """The alert of this id."""
        row = next(self._ask("alert", alert_id), None)
        return None if row is None else _ALERT.decode(row[0])

    def transitions(self, alert_id: str) -> list[tuple[float, str, str, str]]:
        """What happened to an alert: when (Unix seconds), from which state, to which, and why; oldest first."""
        return list(self._ask("transitions_of", alert_id))

    def notices(self, alert_id: str) -> list[tuple[str, str, str, float, str, int, float | None]]:
        """What was told of an alert: id, channel, kind, made at, state, attempts, done at; oldest first."""
        return list(self._ask("notices_of", alert_id))

    def deliveries(self, notice_id: str) -> list[tuple[float, float, str, str]]:
        """The attempts to hand over a notice: when, seconds it took, outcome, error; oldest first."""
        return list(self._ask("deliveries_of", notice_id))

    @property
    def history(self) -> HistoryReader:
        """What was measured."""
        return HistoryReader(self._connection)

    def history_rows(self, *, minute_value: str = "mean") -> HistoryRows:
        """What was measured, from its beginning to its end."""
        return HistoryRows(self._connection, minute_value=minute_value)

    def _ask(self, name: str, *values: object) -> Iterator[Any]:
        return iter(self._connection.execute(statements()[name], values))


def _notices(connection: sqlite3.Connection) -> Iterator[tuple[Notice, int, float | None]]:
    for body, attempts, next_unix_s in connection.execute(statements()["waiting_notices"]):
        yield _NOTICE.decode(body), attempts, next_unix_s
