"""The journal that a program left: read at any time, and written only while no program has it."""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from tocsin.alerts.left_orders import acknowledged, silences_of, with_silence, without_silence
from tocsin.clock import SystemClock
from tocsin.errors import AlertNotFound, NoticeNotFound, SilenceNotFound, StoreError
from tocsin.journal import entries
from tocsin.journal.amending import Amending, amending
from tocsin.journal.folder import FolderInUse, folders
from tocsin.journal.reading import TELLING, JournalReader
from tocsin.journal.writer import FILE
from tocsin.model.alert import Acknowledgement
from tocsin.model.inputs import Change
from tocsin.model.levels import AlertState
from tocsin.model.matching import all_match, facts_of, parse_matcher
from tocsin.system.alert_answers import bounded, dead_notice
from tocsin.system.explaining import explanation, listed, notice_as_dict, silence_as_dict
from tocsin.system.orders import new_silence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tocsin.clock import Clock
    from tocsin.model.alert import PerformanceAlert

MAX_ALERTS = 1000


class Stopped:
    """Answers from a state directory, those of its guests included.

    Args:
        root: the state directory.
        clock: tells what is over.
    Raises: StoreError: if there is no journal in it.
    """

    def __init__(self, root: Path, clock: Clock | None = None) -> None:
        self._root = root
        self._clock = clock or SystemClock()
        self._folders = [folder for folder in folders(root) if (folder / FILE).is_file()]
        if not self._folders:
            raise StoreError(f"{root}: there is no journal here; name the folder that holds {FILE}")

    def __str__(self) -> str:
        return os.fspath(self._root)

    def alerts(self, since_s: float) -> dict[str, Any]:
        cutoff = self._clock.now().utc.timestamp() - since_s
        found = self._all(lambda journal: journal.shown_alerts(since_unix_s=cutoff, limit=MAX_ALERTS))
        return bounded(sorted(found, key=lambda alert: alert.started_at, reverse=True), self._clock.now().utc)

    def preview(self, matchers: Sequence[str]) -> dict[str, Any]:
        wanted = [parse_matcher(text) for text in matchers]
        utc = self._clock.now().utc
        found = self._all(lambda journal: journal.shown_alerts(since_unix_s=utc.timestamp(), limit=MAX_ALERTS))
        firing = [alert for alert in found if alert.state is AlertState.FIRING]
        return bounded([alert for alert in firing if all_match(wanted, facts_of(alert))], utc)

    def acknowledge(self, alert_id: str, *, by: str, comment: str, for_s: float | None) -> dict[str, Any]:
        folder = self._folder_of_alert(alert_id)
        utc = self._clock.now().utc
        with amending(folder) as journal, _decoded(folder):
            found = journal.kept_alert(alert_id)
            if found is None:
                raise AlertNotFound(alert_id)
            alert, kept = found
            expires = None if for_s is None else _after(self._clock, for_s)
            mark = Acknowledgement(by, utc, comment, alert.severity, expires)
            marked, kept = acknowledged(alert, kept, mark)
            if marked is not alert:
                step = entries.transition(Change(marked, alert.state, utc, "acknowledged"))
                journal.write([step, entries.alert(marked, kept)])
        return listed(marked, utc)

    def silence(self, matchers: Sequence[str], *, for_s: float, by: str, comment: str) -> dict[str, Any]:
        utc = self._clock.now().utc
        silence = new_silence(tuple(matchers), for_s=for_s, now=utc, author=by, comment=comment)

        def add(journal: Amending) -> None:
            telling = with_silence(journal.telling(), silence)
            journal.write([entries.keepsake(TELLING, telling, at_unix_s=utc.timestamp())])

        self._amend_all(add)
        return {"silence": silence_as_dict(silence), **self.preview(matchers), "durable": True, "reason": ""}

    def silences(self) -> list[dict[str, Any]]:
        utc = self._clock.now().utc
        found = {one.id: one for one in self._all(lambda journal: silences_of(journal.telling(), utc))}
        return [silence_as_dict(one) for one in sorted(found.values(), key=lambda one: one.ends_at)]

    def expire(self, silence_id: str) -> None:
        at_unix_s = self._clock.now().utc.timestamp()
        known = False

        def take_away(journal: Amending) -> None:
            nonlocal known
            telling = without_silence(journal.telling(), silence_id)
            if telling is not None:
                journal.write([entries.keepsake(TELLING, telling, at_unix_s=at_unix_s)])
                known = True

        self._amend_all(take_away)
        if not known:
            raise SilenceNotFound(silence_id)

    def explain(self, alert_id: str) -> dict[str, Any]:
        with _reading(self._folder_of_alert(alert_id)) as journal:
            alert = journal.alert(alert_id)
            if alert is None:
                raise AlertNotFound(alert_id)
            return explanation(alert, self._clock.now().utc, journal=journal)

    def deliveries(self, *, state: str, limit: int) -> list[dict[str, Any]]:
        rows = self._all(lambda journal: journal.recent_notices(state=state, limit=limit))
        rows.sort(key=lambda row: row.created_unix_s, reverse=True)
        return [notice_as_dict(row) for row in rows[:limit]]

    def replay(self, notice_id: str) -> dict[str, Any]:
        for folder in self._folders:
            with _reading(folder) as journal:
                found = journal.notice(notice_id)
            if found is not None:
                notice = dead_notice(found, notice_id)
                with amending(folder) as journal:
                    journal.write([entries.revived(notice_id)])
                return {"id": notice.id, "channel": notice.channel}
        raise NoticeNotFound(notice_id)

    def whole(self) -> Iterator[tuple[PerformanceAlert, list[tuple[float, str, str, str]]]]:
        """Every alert with its transitions, oldest first in each journal."""
        for folder in self._folders:
            with _reading(folder) as journal:
                for alert in journal.all_alerts():
                    yield alert, journal.transitions(alert.id)

    def _amend_all(self, amend: Callable[[Amending], None]) -> None:
        """Write into each journal; a guest that runs is asked by itself, and left alone here."""
        for folder in self._folders:
            try:
                with amending(folder) as journal, _decoded(folder):
                    amend(journal)
            except FolderInUse:
                if folder == self._root:
                    raise

    def _folder_of_alert(self, alert_id: str) -> Path:
        for folder in self._folders:
            with _reading(folder) as journal:
                if journal.alert(alert_id) is not None:
                    return folder
        raise AlertNotFound(alert_id)

    def _all(self, ask: Any) -> list[Any]:
        """What every journal answers, together."""
        found: list[Any] = []
        for folder in self._folders:
            with _reading(folder) as journal:
                found += ask(journal)
        return found


def _after(clock: Clock, seconds: float) -> Any:
    return clock.now().plus(seconds).utc


@contextmanager
def _reading(folder: Path) -> Iterator[JournalReader]:
    try:
        journal = JournalReader(folder / FILE)
        try:
            with _decoded(folder):
                yield journal
        finally:
            journal.close()
    except sqlite3.Error as error:
        raise StoreError(f"{folder / FILE}: cannot be read: {error}") from error


@contextmanager
def _decoded(folder: Path) -> Iterator[None]:
    """What another version wrote, or a hand, is told as such."""
    try:
        yield
    except msgspec.MsgspecError as error:
        raise StoreError(f"{folder / FILE}: written by another version of Tocsin: {error}") from error
