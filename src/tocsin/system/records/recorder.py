"""The journal at work in a system: each step is written down, and a start goes on where the last run stopped."""

from __future__ import annotations

import math
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol

from msgspec.json import encode

from tocsin.errors import StoreError
from tocsin.journal import Journal, entries
from tocsin.journal.adoption import read_orphan
from tocsin.journal.folder import StateFolder, claim
from tocsin.journal.history.upkeep import keep_small
from tocsin.journal.reading import LEARNED, RULES, TELLING, JournalReader, Left, read_left
from tocsin.journal.tickets import Ticket
from tocsin.journal.writer import FILE
from tocsin.model.levels import AlertState
from tocsin.system.records.measured import Measured
from tocsin.system.reporting import complain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from tocsin.clock import Clock, Instant
    from tocsin.config import AlertConfig
    from tocsin.engine import Engine
    from tocsin.journal.entries import Entry
    from tocsin.journal.history.upkeep import Bounds
    from tocsin.model.alert import PerformanceAlert
    from tocsin.model.inputs import Outcome
    from tocsin.model.notice import Notice

# What changes with time alone (how long a breach has lasted, windows of suppression) is written so often.
CHECKPOINT_S: Final = 5.0
# What rules have learned is larger, and changes slowly: a kill loses five minutes of it.
LEARNED_S: Final = 300.0
# How often it is looked for processes that are gone, and how long it is waited for the disk to take what they left.
ADOPT_S: Final = 60.0
ADOPT_WITHIN_S: Final = 1.0
# What a receiver asked for before the wall clock was set back is not waited for longer than this.
MAX_WAIT_S: Final = 3600.0
MUCH: Final = 2000  # entries
CLOSED: Final = "the journal is closed"


class Reach(Protocol):
    """How the journal reaches channels when a system goes on where another stopped."""

    def resume(self, notice: Notice, *, attempts: int, wait_s: float) -> None:
        """Deliver what an earlier run could not; not before `wait_s` seconds."""
        ...

    def remind(self, channel: str, alerts: Sequence[PerformanceAlert]) -> None:
        """Tell a channel which of the alerts that it was told of still fire."""
        ...

    def orphaned(self, folder: Path) -> None:
        """A process is gone, and left this folder, which is about to be removed."""
        ...


class Recorder:
    """Keeps the journal of one system in a state directory; see `Recording`.

    Args:
        root: the state directory.
        clock: tells the pauses after a failure of the disk.
        reach: takes what an earlier run left for channels.
        bounds: how much is kept.
    """

    def __init__(self, root: Path, clock: Clock, reach: Reach, bounds: Bounds) -> None:
        self._root = root
        self._clock = clock
        self._reach = reach
        self._folder: StateFolder | None = None
        self._journal: Journal | None = None
        self._engine: Engine | None = None
        self._known: Engine | None = None  # the one that knows all that was left, but for orders
        self._left_whole = False  # whether the last end wrote everything
        self._begun = False
        self._changed = False
        self._refused = ""
        self._checkpoint_s = 0.0
        self._learned_s = math.inf  # the first five minutes teach nothing yet
        self._adopt_s = 0.0
        self._orders = (0, 0)
        self._rules = 0
        self._told: dict[str, Ticket] = {}  # of the last notice that arrived, by channel
        self._bounds = bounds
        self._measured = Measured()
        self._is_crowded = False

    @property
    def reason(self) -> str:
        """Why nothing is durable; empty while all is well."""
        return self._refused or (self._journal.reason if self._journal is not None else "")

    @property
    def folder(self) -> Path | None:
        """Where this process writes; None: it cannot, or does not yet."""
        return None if self._folder is None else self._folder.path

    @property
    def is_open(self) -> bool:
        """Whether there has been a step since it began, or since its end."""
        return self._begun

    def owns_host(self) -> bool:
        """Whether this process is the one of its state directory that watches the host."""
        return self._folder is None or self._folder.is_owner

    def reload(self, config: AlertConfig) -> None:
        """Keep as much as this configuration says, from the next upkeep on."""
        self._bounds = config.journal_bounds

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
        self._journal = Journal(
            self._folder.path, clock=self._clock, report=complain, recall=self._recall, upkeep=self._upkeep
        )
        self._adopt(engine, now)
        if engine is not self._known:
            self._go_on(engine, left, now)
        elif self._left_whole:  # stopped and started again; the command line may have given orders between
            engine.obey(left.alerts, left.telling)
        self._known, self._left_whole = engine, False
        self._learned_s = now.mono_s + LEARNED_S

    def _go_on(self, engine: Engine, left: Left, now: Instant) -> None:
        """Let an engine that knows nothing yet take in what was left."""
        engine.restore(left.alerts, left.telling, now, left.learned)
        if engine.survivors.unreadable:
            complain(f"of what the last run left {engine.survivors.unreadable} parts are of another version, and lost")
        engine.remember(left.ended)
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
            self._reach.orphaned(orphan.path)
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
        # A limit on actions is worth nothing if the action itself may end the program before it is written down.
        orders = (engine.decisions.teller.reasons.version, engine.decisions.acting.version)
        if now.mono_s >= self._adopt_s:
            self._adopt(engine, now)
        self._changed |= bool(written)
        if orders != self._orders or (now.mono_s >= self._checkpoint_s and self._is_moving(engine)):
            written += self._checkpoint(engine, now)
            self._orders = orders
        if engine.rules.version != self._rules:
            written.append(self._rules_in_force(engine, now))
        if now.mono_s >= self._learned_s:
            written += self._learned(engine, now)
        # While the disk fails readings stay where they are: alerts have the better claim to memory.
        if not journal.reason and self._measured.is_due(engine, now):
            written += self._measured.take(engine, now)
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
        told: Ticket | None = None
        if outcome == "delivered":
            told = self._told[notice.channel] = Ticket()
        self._journal.post([
            entries.delivery(notice.id, at_unix_s=at_s, took_s=took_s, outcome=outcome, error=error),
            entries.moved(
                notice.id, "waiting" if again else outcome, attempts=attempts,
                next_unix_s=None if next_s is None else at_s + next_s, done_unix_s=None if again else at_s,
            ),
        ], told)  # fmt: skip

    def made(self, notice: Notice) -> None:
        """Write down a notice for a channel that stands in for another."""
        if self._journal is not None:
            self._journal.post(entries.notice(notice))

    def settle(self, channel: str, timeout_s: float) -> bool:
        """Wait until it is on disk what a channel was told last, and no longer; unless the disk fails."""
        told, journal = self._told.get(channel), self._journal
        if told is None or journal is None or journal.reason:
            return True
        journal.wait_for(told, timeout_s)
        return told.durable is not None

    def waiting(self) -> int:
        """Entries that are not on disk yet."""
        return 0 if self._journal is None else self._journal.waiting()

    def catch_up(self, timeout_s: float) -> None:
        """Wait, up to so long, while far more is to be written than goes into a commit."""
        journal = self._journal
        if journal is not None and not journal.reason and journal.waiting() > MUCH:
            journal.flush(timeout_s)

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

    def status(self, now: Instant) -> dict[str, Any]:
        """How the journal does, as plain values."""
        journal = self._journal
        if journal is None:
            return {"path": None, "reason": self.reason or CLOSED}
        committed_s = journal.committed_s
        return {
            "path": str(journal.path),
            "reason": self.reason,
            "age_s": None if committed_s is None else max(now.mono_s - committed_s, 0.0),
            "waiting": journal.waiting(),
            "dropped": journal.dropped,
            "size_bytes": journal.size_bytes(),
        }

    def end(self, engine: Engine, now: Instant, timeout_s: float) -> bool:
        """Write the last state, and close the file. It is opened again at the next step."""
        journal, self._journal = self._journal, None
        if journal is None:
            return True
        left = [*self._checkpoint(engine, now), self._rules_in_force(engine, now), *self._learned(engine, now)]
        journal.post([*left, *self._measured.take(engine, now)])
        written = self._left_whole = journal.close(timeout_s)
        folder, self._folder, self._begun = self._folder, None, False
        if folder is not None and written:
            folder.release()
        return written

    def after_fork(self) -> None:
        """In the child: the parent's file and folder are the parent's."""
        if self._journal is not None:
            self._journal.after_fork()
        self._journal, self._folder, self._engine, self._begun = None, None, None, False
        self._told = {}
        self._rules = 0
        self._measured = Measured()

    def _is_moving(self, engine: Engine) -> bool:
        """Whether there is something to write: an idle program leaves the disk alone."""
        return self._changed or any(episode.state is AlertState.PENDING for episode in engine.book.episodes())

    def _checkpoint(self, engine: Engine, now: Instant) -> list[Entry]:
        self._checkpoint_s = now.mono_s + CHECKPOINT_S
        self._changed = False
        moving = [episode for episode in engine.book.episodes() if not episode.is_event]
        kept = [(episode.snapshot(), engine.keep(episode.id, now)) for episode in moving]
        telling = entries.keepsake(TELLING, engine.keep_telling(now), at_unix_s=now.utc.timestamp())
        return [telling, *(entries.alert(alert, body) for alert, body in kept)]

    def _rules_in_force(self, engine: Engine, now: Instant) -> Entry:
        """The rules as they stand, for whoever asks when the program is gone."""
        self._rules = engine.rules.version
        body = encode([compiled.as_it_stands() for compiled in engine.rules])
        return entries.keepsake(RULES, body, at_unix_s=now.utc.timestamp())

    def _learned(self, engine: Engine, now: Instant) -> list[Entry]:
        self._learned_s = now.mono_s + LEARNED_S
        learned = engine.keep_learned()
        return [entries.keepsake(LEARNED, learned, at_unix_s=now.utc.timestamp())] if learned else []

    def _upkeep(self, connection: sqlite3.Connection) -> None:
        """Keep the file small; on the journal's thread."""
        fits = keep_small(connection, self._bounds, self._clock.now().utc.timestamp())
        if not fits and not self._is_crowded:
            complain(
                f"the journal is larger than {self._bounds.size_bytes >> 20} MiB with nothing in it but open alerts, "
                "notices that wait and orders; nothing of these is thrown away"
            )
        self._is_crowded = not fits

    def _recall(self) -> list[Entry]:
        """All that is open, for a file that had to be begun anew."""
        engine = self._engine
        if engine is None:
            return []
        now = self._clock.now()
        return [entries.alert(episode.snapshot(), engine.keep(episode.id, now)) for episode in engine.book.episodes()]
