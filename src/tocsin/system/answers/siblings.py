"""The other processes of a program, which share its state directory: what rings there, and orders that are theirs too.

Workers that were forked, or started by a server such as gunicorn, each watch themselves and write a journal of their
own. Whoever is asked reads those journals, and hands on what is ordered through the control socket.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from tocsin import control
from tocsin.errors import AlertNotFound, ControlError, SilenceNotFound, StoreError, TocsinError
from tocsin.journal.folder import folders
from tocsin.journal.reading import JournalReader
from tocsin.journal.writer import FILE
from tocsin.model.levels import AlertState
from tocsin.system.answers.explaining import explanation, listed
from tocsin.system.lastrun import record
from tocsin.system.lastrun.keeper import EVERY_S, is_alive

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tocsin.system.core import SystemCore

    Answer = Callable[[dict[str, Any]], Any]

Found = TypeVar("Found")
MAX_ALERTS: Final = 500
_ORDER_WITHIN_S: Final = 3.0


class Siblings:
    """The other processes of the program that a system watches.

    Args:
        core: the system.
    """

    def __init__(self, core: SystemCore) -> None:
        self._core = core

    def with_theirs(self, own: Mapping[str, Answer]) -> dict[str, Answer]:
        """The answers of a system, where they are those of its whole program."""
        return {
            **own,
            "alerts": lambda asked: self._alerts(own["alerts"](asked), asked),
            "explain": lambda asked: self._explain(own["explain"], asked),
            "acknowledge": lambda asked: self._acknowledge(own["acknowledge"], asked),
            "silence": lambda asked: self._silence(own["silence"], asked),
            "expire": lambda asked: self._expire(own["silences"], own["expire"], asked),
        }

    def others(self) -> list[tuple[Path, int]]:
        """Their folders and processes."""
        root, own = self._core.config.state_dir, self._core.recorder.folder
        if root is None or own is None:
            return []
        return [
            (folder, pid)
            for folder in folders(root)
            if folder != own and (pid := self._pid_in(folder)) and (folder / FILE).is_file()
        ]

    def written(self) -> tuple[object, ...]:
        """Another value when one of them wrote something."""
        found: list[object] = []
        for folder, pid in self.others():
            for name in (FILE, f"{FILE}-wal"):
                try:
                    found.append((pid, (folder / name).stat().st_mtime_ns))
                except OSError:
                    continue
        return tuple(found)

    # -- what they know

    def _alerts(self, own: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
        utc = self._core.clock.now().utc
        cutoff = utc.timestamp() - float(asked.get("since_s", 86_400.0))
        found = list(own["alerts"])
        for folder, pid in self.others():
            alerts = _read(folder, lambda journal: journal.shown_alerts(since_unix_s=cutoff, limit=MAX_ALERTS))
            found += [listed(one, utc) | {"pid": pid} for one in alerts or () if one.state is not AlertState.PENDING]
        found.sort(key=lambda alert: alert["started_at"], reverse=True)
        return {**own, "alerts": found[:MAX_ALERTS], "left_out": own["left_out"] + max(len(found) - MAX_ALERTS, 0)}

    def _explain(self, own: Answer, asked: dict[str, Any]) -> Any:
        try:
            return own(asked)
        except AlertNotFound:
            for folder, pid in self.others():
                found = _read(folder, lambda journal: self._explained(journal, str(asked["id"])))
                if found is not None:
                    return found | {"pid": pid}
            raise

    def _explained(self, journal: JournalReader, alert_id: str) -> dict[str, Any] | None:
        alert = journal.alert(alert_id)
        return None if alert is None else explanation(alert, self._core.clock.now().utc, journal=journal)

    # -- what they are ordered

    def _acknowledge(self, own: Answer, asked: dict[str, Any]) -> Any:
        try:
            return own(asked)
        except AlertNotFound:
            for folder, pid in self.others():
                if _read(folder, lambda journal: journal.alert(str(asked["id"]))) is not None:
                    return _ask(pid, "acknowledge", asked)
            raise

    def _silence(self, own: Answer, asked: dict[str, Any]) -> dict[str, Any]:
        placed: dict[str, Any] = own(asked)
        return placed | _not_told([_try(pid, "silence", asked) for _, pid in self.others()])

    def _expire(self, silences: Answer, own: Answer, asked: dict[str, Any]) -> dict[str, Any]:
        """End a silence here, and those in the other processes that were ordered with it."""
        known: list[dict[str, Any]] = silences({})["silences"]
        meant = next((one for one in known if one["id"] == asked["id"]), None)
        ended: dict[str, Any] = own(asked)
        if meant is None:
            return ended
        failures = []
        for _, pid in self.others():
            try:
                theirs = _ask(pid, "silences", {})["silences"]
                for one in theirs:
                    if _is_twin(one, meant):
                        _ask(pid, "expire", {"id": one["id"]})
            except SilenceNotFound:
                continue
            except TocsinError as error:
                failures.append(str(error))
        return ended | _not_told(failures)

    def _pid_in(self, folder: Path) -> int:
        """The process that writes there; 0: none does, or it is this one."""
        try:
            last = record.read(folder)
        except record.UnreadableRecord:
            return 0
        if last is None or last.pid == os.getpid():
            return 0
        fresh = self._core.clock.now().utc.timestamp() - last.written_unix_s < 3 * EVERY_S
        # Where a process cannot be told from a later one of its number, a fresh account has to do.
        return last.pid if is_alive(last) or (last.end is None and not last.start_ticks and fresh) else 0


def _is_twin(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return all(one[key] == other[key] for key in ("matchers", "author", "comment"))


def _read(folder: Path, ask: Callable[[JournalReader], Found]) -> Found | None:
    """What a journal answers; None where it cannot be read just now, or has just been taken over."""
    try:
        with closing(JournalReader(folder / FILE)) as journal:
            return ask(journal)
    except (sqlite3.Error, StoreError, msgspec.MsgspecError):
        return None


def _ask(pid: int, command: str, what: Mapping[str, Any]) -> dict[str, Any]:
    reply = control.call(pid, {**what, "command": command}, timeout_s=_ORDER_WITHIN_S)
    if "error" in reply:
        raise ControlError(f"process {pid} refused: {reply['error']}")
    return reply


def _try(pid: int, command: str, what: Mapping[str, Any]) -> str:
    try:
        _ask(pid, command, what)
    except ControlError as error:
        return str(error)
    return ""


def _not_told(failures: list[str]) -> dict[str, Any]:
    words = "; ".join(filter(None, failures))
    return {"not_told": words} if words else {}
