"""The journal at work in a system: each step is written down, and a start goes on where the last run stopped."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol

from tocsin.errors import StoreError
from tocsin.journal import Journal, entries
from tocsin.journal.adoption import read_orphan
from tocsin.journal.folder import StateFolder, claim
from tocsin.journal.reading import TELLING, JournalReader, Left, read_left
from tocsin.journal.writer import FILE, Ticket
from tocsin.model.levels import AlertState
from tocsin.system.reporting import complain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from tocsin.clock import Clock, Instant
    from tocsin.engine import Engine
    from tocsin.journal.entries import Entry
    from tocsin.model.alert import PerformanceAlert
    from tocsin.model.inputs import Outcome
    from tocsin.model.notice import Notice

# What changes with time alone (how long a breach has lasted, windows of suppression) is written so often.
CHECKPOINT_S: Final = 5.0
# How often it is looked for processes that are gone, and how long it is waited for the disk to take what they left.
ADOPT_S: Final = 60.0
ADOPT_WITHIN_S: Final = 1.0
# What a receiver asked for before the wall clock was set back is not waited for longer than this.
MAX_WAIT_S: Final = 3600.0
CLOSED: Final = "the journal is closed"
# What is over is forgotten after a month, looked for every hour.
KEEP_S: Final = 30 * 86_400.0
SWEEP_S: Final = 3600.0


class Reach(Protocol):
    """How the journal reaches channels when a system goes on where another stopped."""

    def resume(self, notice: Notice, *, attempts: int, wait_s: float) -> None:
        """Deliver what an earlier run could not; not before `wait_s` seconds."""
        ...

    def remind(self, channel: str, alerts: Sequence[PerformanceAlert]) -> None:
        """Tell a channel which of the alerts that it was told of still fire."""
        ...


class Recorder:
    """Keeps the journal of one system in a state directory; see `Recording`.

    Args:
        root: the state directory.
        clock: tells the pauses after a failure of the disk.
        reach: takes what an earlier run left for channels.
    """

    def __init__(self, root: Path, clock: Clock, reach: Reach) -> None:
        self._root = root
        self._clock = clock
        self._reach = reach
        self._folder: StateFolder | None = None
        self._journal: Journal | None = None
        self._engine: Engine | None = None
        self._begun = False
        self._changed = False
        self._refused = ""
        self._checkpoint_s = 0.0
        self._sweep_s = self._adopt_s = 0.0
        self._orders = 0

    @property
    def reason(self) -> str:
        """Why nothing is durable; empty while all is well."""
        return self._refused or (self._journal.reason if self._journal is not None else "")

    def owns_host(self) -> bool:
        """Whether this process is the one of its state directory that watches the host."""
        return self._folder is None or self._folder.is_owner

    def begin(self, engine: Engine, now: Instant) -> None:
        """Own the state directory, and let the engine go on where the last run stopped; before its first step."""
        self._engine = engine
        if self._begun:
            return
        self._begun = True
        try:
            self._folder = self._folder or claim(self._root)
            left = read_left(self._folder.path / FILE)
        except (StoreError, sqlite3.Error, OSError) as error:
            left = Left()
            complain(f"what the last run left cannot be read: {error}")
            if self._folder is None:
                self._refused = str(error)
                return
        self._journal = Journal(self._folder.path, clock=self._clock, report=complain, recall=self._recall)
        self._adopt(engine, now)
        engine.restore(left.alerts, left.telling, now)
        if engine.survivors.unreadable:
            complain(f"of what the last run left {engine.survivors.unreadable} parts are of another version, and lost")
        for alert in left.ended:
            engine.book.remember(alert)
        told: dict[str, list[PerformanceAlert]] = {}
        for episode in engine.book.episodes():
            for channel in episode.told:
                told.setdefault(channel, []).append(episode.snapshot())
        for channel, alerts in told.items():
            self._reach.remind(channel, alerts)
        self._deliver_left(left, now)

    def _deliver_left(self, left: Left, now: Instant) -> None:
        for notice, attempts, next_unix_s in left.notices:
            wait_s = 0.0 if next_unix_s is None else max(next_unix_s - now.utc.timestamp(), 0.0)
            self._reach.resume(notice, attempts=attempts, wait_s=min(wait_s, MAX_WAIT_S))

    def _adopt(self, engine: Engine, now: Instant) -> None:
        """Take over what processes have left that are gone; for the owner of the state directory."""
        self._adopt_s = now.mono_s + ADOPT_S
        if self._folder is None or self._journal is None:
            return
        for orphan in self._folder.orphans():
            try:
                left, copies = read_orphan(orphan.path)
            except (StoreError, sqlite3.Error, OSError) as error:
                complain(f"what a process has left in {orphan.path} cannot be read: {error}")
                continue
            self._journal.post(copies)
            engine.bury(left.alerts, now)
            self._deliver_left(left, now)
            if not self.sync(ADOPT_WITHIN_S):  # else it stays, and is taken over once more: copies do no harm
                orphan.remove()
            orphan.release()

    def record(self, engine: Engine, outcome: Outcome, now: Instant) -> None:
        """Write down what a step changed."""
        journal = self._journal
        if journal is None:
            return
        written: list[Entry] = [entries.transition(change) for change in outcome.changes]
        latest = {change.alert.id: change.alert for change in outcome.changes}
        written += [entries.alert(alert, engine.keep(alert.id, now)) for alert in latest.values()]
        for notice in outcome.notices:
            written += entries.notice(notice)
        orders = engine.decisions.teller.reasons.version
        if now.mono_s >= self._adopt_s:
            self._adopt(engine, now)
        self._changed |= bool(written)
        if orders != self._orders or (now.mono_s >= self._checkpoint_s and self._is_moving(engine)):
            written += self._checkpoint(engine, now)
            self._orders = orders
        if written:
            journal.post(written)

    def attempted(
        self,
        notice: Notice,
        outcome: str,
        *,
        attempts: int,
        took_s: float,
        error: str = "",
        next_s: float | None = None,
    ) -> None:
        """Write down what became of a notice; see `tocsin.delivery.Record`."""
        if self._journal is None:
            return
        at_s = self._clock.now().utc.timestamp()
        again = outcome == "failed"
        self._journal.post([
            entries.delivery(notice.id, at_unix_s=at_s, took_s=took_s, outcome=outcome, error=error),
            entries.moved(
                notice.id, "waiting" if again else outcome, attempts=attempts,
                next_unix_s=None if next_s is None else at_s + next_s, done_unix_s=None if again else at_s,
            ),
        ])  # fmt: skip

    def made(self, notice: Notice) -> None:
        """Write down a notice for a channel that stands in for another."""
        if self._journal is not None:
            self._journal.post(entries.notice(notice))

    def settle(self, timeout_s: float) -> None:
        """Wait until what was told is on disk, unless the disk fails."""
        if self._journal is not None and not self._journal.reason:
            self.sync(timeout_s)

    def waiting(self) -> int:
        """Entries that are not on disk yet."""
        return 0 if self._journal is None else self._journal.waiting()

    def sync(self, timeout_s: float) -> str:
        """Wait until all that was recorded is on disk; why it is not, if it is not."""
        if self._journal is None:
            return self.reason or CLOSED
        ticket = Ticket()
        self._journal.post((), ticket)
        self._journal.wait_for(ticket, timeout_s)
        return ticket.reason if ticket.durable is not None else f"not on disk within {timeout_s:g} s"

    def sync_later(self, settled: Callable[[str], object]) -> None:
        """Call `settled` once all that was recorded is on disk, or with the reason why it is not."""
        if self._journal is None:
            settled(self.reason or CLOSED)
            return

        def tell() -> None:
            settled(ticket.reason)

        ticket = Ticket(tell)
        self._journal.post((), ticket)

    def post(self, written: Iterable[Entry]) -> None:
        """Write further entries, soon."""
        if self._journal is not None:
            self._journal.post(list(written))

    @contextmanager
    def reading(self, timeout_s: float) -> Iterator[JournalReader | None]:
        """Read what was recorded, the last of it included if the disk takes it in time; None: there is no journal."""
        folder = self._folder
        if self._journal is None or folder is None:
            yield None
            return
        self.sync(timeout_s)
        reader = JournalReader(folder.path / FILE)
        try:
            yield reader
        finally:
            reader.close()

    def end(self, engine: Engine, now: Instant, timeout_s: float) -> bool:
        """Write the last state, and close the file. It is opened again at the next step."""
        journal, self._journal = self._journal, None
        if journal is None:
            return True
        journal.post(self._checkpoint(engine, now))
        written = journal.close(timeout_s)
        folder, self._folder, self._begun = self._folder, None, False
        if folder is not None and written:
            folder.release()
        return written

    def after_fork(self) -> None:
        """In the child: the parent's file and folder are the parent's."""
        if self._journal is not None:
            self._journal.after_fork()
        self._journal, self._folder, self._engine, self._begun = None, None, None, False

    def _is_moving(self, engine: Engine) -> bool:
        """Whether there is something to write: an idle program leaves the disk alone."""
        return self._changed or any(episode.state is AlertState.PENDING for episode in engine.book.episodes())

    def _checkpoint(self, engine: Engine, now: Instant) -> list[Entry]:
        self._checkpoint_s = now.mono_s + CHECKPOINT_S
        self._changed = False
        old = []
        if now.mono_s >= self._sweep_s:
            self._sweep_s = now.mono_s + SWEEP_S
            old = entries.forget(now.utc.timestamp() - KEEP_S)
        moving = [episode for episode in engine.book.episodes() if not episode.is_event]
        kept = [(episode.snapshot(), engine.keep(episode.id, now)) for episode in moving]
        telling = entries.keepsake(TELLING, engine.keep_telling(now), at_unix_s=now.utc.timestamp())
        return [telling, *(entries.alert(alert, body) for alert, body in kept), *old]

    def _recall(self) -> list[Entry]:
        """All that is open, for a file that had to be begun anew."""
        engine = self._engine
        if engine is None:
            return []
        now = self._clock.now()
        return [entries.alert(episode.snapshot(), engine.keep(episode.id, now)) for episode in engine.book.episodes()]
