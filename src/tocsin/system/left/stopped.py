"""The journal that a program left: read at any time, and written only while no program has it."""

from __future__ import annotations

import math
import os
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from tocsin.alerts.left_orders import acknowledged, silences_of, with_silence, without_silence
from tocsin.artifacts import ArtifactStore
from tocsin.artifacts.document import decode as decode_artifact
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
from tocsin.system.answers.alerts import bounded, dead_notice
from tocsin.system.answers.artifacts import listed as listed_artifacts
from tocsin.system.answers.explaining import explanation, listed, notice_as_dict, silence_as_dict
from tocsin.system.answers.rules import left_rules
from tocsin.system.doors.orders import new_silence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tocsin.clock import Clock
    from tocsin.model.alert import PerformanceAlert
    from tocsin.model.readings import SeriesKey
    from tocsin.model.rule import AlertRule

MAX_ALERTS = 1000
# The last readings of a program are looked for in so many seconds before its rules were written down last, and since.
LAST_READINGS_S = 900.0


class Stopped:
    """Answers from a state directory, those of its guests included.

    Args:
        root: the state directory.
        clock: tells what is over.

    Attributes:
        root: as given.
        folders: those that hold a journal; the owner's is the first.

    Raises: StoreError: if there is no journal in it.
    """

    def __init__(self, root: Path, clock: Clock | None = None) -> None:
        self.root = root
        self._clock = clock or SystemClock()
        self.folders = [folder for folder in folders(root) if (folder / FILE).is_file()]
        if not self.folders:
            raise StoreError(f"{root}: there is no journal here; name the folder that holds {FILE}")

    def __str__(self) -> str:
        return os.fspath(self.root)

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
        return {"alert": listed(marked, utc), "durable": True, "reason": ""}

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

    def expire(self, silence_id: str) -> dict[str, Any]:
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
        return {"durable": True, "reason": ""}

    def explain(self, alert_id: str) -> dict[str, Any]:
        with reading(self._folder_of_alert(alert_id)) as journal:
            alert = journal.alert(alert_id)
            if alert is None:
                raise AlertNotFound(alert_id)
            return explanation(alert, self._clock.now().utc, journal=journal)

    def rules(self) -> list[dict[str, Any]]:
        for folder in self.folders:  # the owner's before those of its guests, which judge by the same
            with reading(folder) as journal:
                found = _rules_of(journal)
            if found:
                return found
        raise StoreError(f"{self.root}: which rules were in force is not written here")

    def deliveries(self, *, state: str, limit: int) -> list[dict[str, Any]]:
        rows = self._all(lambda journal: journal.recent_notices(state=state, limit=limit))
        rows.sort(key=lambda row: row.created_unix_s, reverse=True)
        return [notice_as_dict(row) for row in rows[:limit]]

    def replay(self, notice_id: str) -> dict[str, Any]:
        for folder in self.folders:
            with reading(folder) as journal:
                found = journal.notice(notice_id)
            if found is not None:
                notice = dead_notice(found, notice_id)
                with amending(folder) as journal:
                    journal.write([entries.revived(notice_id)])
                return {"id": notice.id, "channel": notice.channel}
        raise NoticeNotFound(notice_id)

    def artifacts(self) -> list[dict[str, Any]]:
        return listed_artifacts(ArtifactStore(self.root))

    def artifact(self, artifact_id: str) -> dict[str, Any]:
        return decode_artifact(ArtifactStore(self.root).read(artifact_id))

    def whole(self) -> Iterator[tuple[PerformanceAlert, list[tuple[float, str, str, str]]]]:
        """Every alert with its transitions, oldest first in each journal."""
        for folder in self.folders:
            with reading(folder) as journal:
                for alert in journal.all_alerts():
                    yield alert, journal.transitions(alert.id)

    def _amend_all(self, amend: Callable[[Amending], None]) -> None:
        """Write into each journal; a guest that runs is asked by itself, and left alone here."""
        for folder in self.folders:
            try:
                with amending(folder) as journal, _decoded(folder):
                    amend(journal)
            except FolderInUse:
                if folder == self.root:
                    raise

    def _folder_of_alert(self, alert_id: str) -> Path:
        for folder in self.folders:
            with reading(folder) as journal:
                if journal.alert(alert_id) is not None:
                    return folder
        raise AlertNotFound(alert_id)

    def _all(self, ask: Any) -> list[Any]:
        """What every journal answers, together."""
        found: list[Any] = []
        for folder in self.folders:
            with reading(folder) as journal:
                found += ask(journal)
        return found


def _rules_of(journal: JournalReader) -> list[dict[str, Any]]:
    """The rules that a program left, with its open alerts and its last readings."""
    kept = journal.rules()
    if kept is None:
        return []
    at_unix_s, rules = kept
    shown = journal.shown_alerts(since_unix_s=math.inf, limit=MAX_ALERTS)
    alerts = [one for one in shown if one.rule and one.state is AlertState.FIRING]
    history = journal.history
    keys = [key for key in history.keys() if any(_watches(rule, key) for rule in rules)]  # noqa: SIM118 - no mapping
    found = history.points(keys, since_unix_s=at_unix_s - LAST_READINGS_S, until_unix_s=math.inf)
    latest = {
        rule.name: [
            {"labels": dict(key.labels), "value": points[-1].value}
            for key, points in found.items()
            if points and rule.aggregate == "last" and _watches(rule, key)
        ]
        for rule in rules
    }
    return left_rules(rules, alerts, latest)


def _watches(rule: AlertRule, key: SeriesKey) -> bool:
    return key.metric == rule.metric and rule.labels.items() <= dict(key.labels).items()


def _after(clock: Clock, seconds: float) -> Any:
    return clock.now().plus(seconds).utc


@contextmanager
def reading(folder: Path) -> Iterator[JournalReader]:
    """The journal of a folder, open for as long as it is asked.

    Raises: StoreError: if there is none, or it cannot be read.
    """
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
