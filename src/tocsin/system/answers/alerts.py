"""What the command line asks of a running program about its alerts, and what it orders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec

from tocsin.errors import AlertNotFound, NoticeNotFound, StoreError
from tocsin.model.levels import AlertState
from tocsin.system.answers.explaining import explanation, listed, notice_as_dict, silence_as_dict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from tocsin.model.alert import PerformanceAlert
    from tocsin.model.notice import Notice
    from tocsin.system.core import SystemCore
    from tocsin.system.doors.orders import Orders

# What a reply holds at most, well below what the control socket takes.
MAX_ALERTS: Final = 500
MAX_NOTICES: Final = 500
# Before the journal is asked, what was just decided has to be in it.
SYNC_S: Final = 2.0


# What the document of the API says of a value; what is wrong is told in words by whoever takes it.
_Lasting = Annotated[float, msgspec.Meta(extra_json_schema={"exclusiveMinimum": 0, "maximum": 366 * 86_400})]
_Matcher = Annotated[str, msgspec.Meta(extra_json_schema={"examples": ["component=db"], "minLength": 3})]
_Matchers = Annotated[list[_Matcher], msgspec.Meta(extra_json_schema={"minItems": 1})]


class Since(msgspec.Struct):
    """What changed in so many seconds, and what is open."""

    since_s: float = 86_400.0


class Mark(msgspec.Struct):
    """Take care of an alert."""

    id: str
    by: str = ""
    comment: str = ""
    for_s: _Lasting | None = None


class Hush(msgspec.Struct):
    """Silence what matches."""

    matchers: _Matchers
    for_s: _Lasting
    author: str = ""
    comment: str = ""


class Matching(msgspec.Struct):
    """What would be silenced."""

    matchers: _Matchers


class Which(msgspec.Struct):
    """One thing by its id."""

    id: str


class Told(msgspec.Struct):
    """The last notices, of one state or of any."""

    state: str = ""
    limit: int = 50


class Try(msgspec.Struct):
    """Test one channel, or every one."""

    channel: str = ""


def answers_on_alerts(system: Orders, core: SystemCore) -> Mapping[str, Callable[[dict[str, Any]], Any]]:
    """The commands on alerts, each a function from request to reply.

    Args:
        system: takes the orders.
        core: its parts.
    """
    answers = _Answers(system, core)
    table: dict[str, tuple[Any, Callable[[Any], dict[str, Any]]]] = {
        "alerts": (Since, answers.alerts),
        "acknowledge": (Mark, answers.acknowledge),
        "silence": (Hush, answers.silence),
        "silences": (Since, answers.silences),
        "preview": (Matching, answers.preview),
        "expire": (Which, answers.expire),
        "explain": (Which, answers.explain),
        "deliveries": (Told, answers.deliveries),
        "replay": (Which, answers.replay),
        "test": (Try, answers.test),
    }
    return {command: _typed(kind, answer) for command, (kind, answer) in table.items()}


def _typed(kind: Any, answer: Callable[[Any], dict[str, Any]]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda request: answer(msgspec.convert(request, type=kind))


class _Answers:
    def __init__(self, system: Orders, core: SystemCore) -> None:
        self._system = system
        self._core = core

    def alerts(self, asked: Since) -> dict[str, Any]:
        cutoff = self._utc().timestamp() - asked.since_s
        with self._core.recorder.reading(SYNC_S) as journal:
            known = {} if journal is None else {
                alert.id: alert for alert in journal.shown_alerts(since_unix_s=cutoff, limit=MAX_ALERTS)
            }  # fmt: skip
        book = self._core.engine.book
        known |= {alert.id: alert for alert in book.recent()}  # as fresh as can be
        shown = [alert for alert in known.values() if self._is_open(alert) or alert.last_at.timestamp() >= cutoff]
        # What fires on paper only, since nobody could go on with it, is not shown as if it did.
        shown = [alert for alert in shown if alert.state is AlertState.RESOLVED or self._is_open(alert)]
        shown.sort(key=lambda alert: alert.started_at, reverse=True)
        return bounded(shown, self._utc())

    def acknowledge(self, asked: Mark) -> dict[str, Any]:
        alert, reason = self._system._acknowledge(asked.id, asked.by, asked.comment, asked.for_s)  # noqa: SLF001 - a part of it
        return {"alert": listed(alert, self._utc()), "durable": not reason, "reason": reason}

    def silence(self, asked: Hush) -> dict[str, Any]:
        matched = self._system.preview(*asked.matchers)
        placed = self._system.silence(*asked.matchers, for_s=asked.for_s, author=asked.author, comment=asked.comment)
        return {
            "silence": silence_as_dict(placed),
            **bounded(matched, self._utc()),
            "durable": placed.durable,
            "reason": placed.reason,
        }

    def silences(self, _: Since) -> dict[str, Any]:
        return {"silences": [silence_as_dict(one) for one in self._system.silences()]}

    def preview(self, asked: Matching) -> dict[str, Any]:
        return bounded(self._system.preview(*asked.matchers), self._utc())

    def expire(self, asked: Which) -> dict[str, Any]:
        reason = self._system._expire_silence(asked.id)  # noqa: SLF001 - as above
        return {"durable": not reason, "reason": reason}

    def explain(self, asked: Which) -> dict[str, Any]:
        with self._core.recorder.reading(SYNC_S) as journal:
            alert: PerformanceAlert | None = self._core.engine.book.find(asked.id)
            if alert is None and journal is not None:
                alert = journal.alert(asked.id)
            if alert is None:
                raise AlertNotFound(asked.id)
            rule = self._core.rules.get(alert.rule)
            return explanation(alert, self._utc(), journal=journal, rule=rule, routes=self._core.telling.routes)

    def deliveries(self, asked: Told) -> dict[str, Any]:
        with self._core.recorder.reading(SYNC_S) as journal:
            if journal is None:
                raise StoreError(self._no_journal())
            rows = journal.recent_notices(state=asked.state, limit=min(max(asked.limit, 1), MAX_NOTICES))
        return {"notices": [notice_as_dict(row) for row in rows]}

    def replay(self, asked: Which) -> dict[str, Any]:
        with self._core.recorder.reading(SYNC_S) as journal:
            if journal is None:
                raise StoreError(self._no_journal())
            notice = dead_notice(journal.notice(asked.id), asked.id)
        from tocsin.journal import entries  # noqa: PLC0415 - it loads SQLite

        self._core.recorder.post([entries.revived(notice.id)])
        self._core.telling.delivery.hand_over([notice])
        return {"id": notice.id, "channel": notice.channel}

    def test(self, asked: Try) -> dict[str, Any]:
        return {"channels": self._system.try_channels(asked.channel)}

    def _utc(self) -> datetime:
        return self._core.clock.now().utc

    def _is_open(self, alert: PerformanceAlert) -> bool:
        return self._core.engine.book.episode(alert.id) is not None

    def _no_journal(self) -> str:
        why = self._core.recorder.reason or "nothing was written down yet"
        return f"what was delivered is not known: {why}"


def bounded(alerts: Sequence[PerformanceAlert], utc: datetime) -> dict[str, Any]:
    """Alerts for a list, the first of them only where there are very many, and how many are left out."""
    shown = [listed(alert, utc) for alert in alerts[:MAX_ALERTS]]
    return {"alerts": shown, "left_out": len(alerts) - len(shown)}


def dead_notice(found: tuple[Notice, str] | None, notice_id: str) -> Notice:
    """The notice, if it may be sent again.

    Raises:
        NoticeNotFound: if there is none of this id.
        StoreError: if it is not dead.
    """
    if found is None:
        raise NoticeNotFound(notice_id)
    notice, state = found
    if state != "dead":
        raise StoreError(f"notice {notice_id} is {state}; only one that is dead, and so was given up, is sent again")
    return notice
