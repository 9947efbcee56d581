"""Keeps the record of this run, and tells at its begin how the one before ended."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from tocsin.model.inputs import Event, Resolve
from tocsin.model.levels import AlertSeverity
from tocsin.system.lastrun import facts, kernel, record, traces
from tocsin.system.lastrun.ending import Ending, Traces, ending_of
from tocsin.system.lastrun.news import SOURCE, TITLE, event_of
from tocsin.system.lastrun.record import RunEnd, RunRecord
from tocsin.system.lastrun.uncaught import Uncaught, exit_code, in_words, last_of_the_program, stack_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from tocsin.clock import Clock, Instant
    from tocsin.model.alert import PerformanceAlert
    from tocsin.model.inputs import Input
    from tocsin.model.memory import MemoryReport
    from tocsin.model.readings import SeriesKey

EVERY_S: Final = 10.0
# A run that has lived so long is no part of a crash loop any more.
SETTLED_S: Final = 600.0
# Somebody ended it, or the machine: that is no crash, however often it happens.
_FROM_OUTSIDE: Final = frozenset({"terminated", "restart"})
# Of a process that was not the first of its program only what is surely bad is told: workers come and go.
_SURELY_BAD: Final = frozenset({"memory", "crash"})


class Facts(Protocol):
    """What the record asks of its system."""

    def folder(self) -> Path | None:
        """Where this process may write; None: nothing is kept."""
        ...

    def latest(self, keys: frozenset[SeriesKey]) -> Mapping[SeriesKey, float]:
        """The last reading of each of these series, as far as they are there."""
        ...

    def open_alerts(self) -> Iterable[PerformanceAlert]:
        """What is open."""
        ...

    def memory_report(self) -> MemoryReport | None:
        """As of the last look; None: there was none."""
        ...


class RunKeeper:
    """The record of one run.

    Args:
        program: its name.
        clock: tells the time.
        asked: knows what is to be written.
    """

    name = "tocsin-last-run"

    def __init__(self, program: str, clock: Clock, asked: Facts) -> None:
        self._program = program
        self._clock = clock
        self._asked = asked
        self._kernel: kernel.Kernel | None = None
        self._deaths = traces.DeathWatch()
        self._forget()

    def _forget(self) -> None:
        self._folder: Path | None = None
        self._begun: Instant | None = None
        self._due_s = 0.0
        self._pid = self._start_ticks = 0
        self._known: facts.Known = {}
        self._unclean = 0
        self._settled = False
        self._news: list[Event] = []
        self._uncaught = Uncaught()

    # -- life, as a part of the system

    def begin(self) -> None:
        """Look how the run before ended, and begin the record of this one."""
        folder = self._asked.folder()
        if folder is None or self._folder is not None:
            return
        now = self._begun = self._clock.now()
        self._folder = folder
        self._kernel = self._kernel or kernel.Kernel()
        before = self._look_at(folder, now)
        if before is not None:
            self._unclean, event = before
            self._news.append(event)
        traces.forget(folder)
        self._deaths.begin(folder)
        self._uncaught.begin()
        self._write(now)

    def end(self, timeout_s: float) -> bool:  # noqa: ARG002 - the protocol's shape
        """The watch ends in order."""
        self._close(RunEnd("stopped"))
        return True

    def is_alive(self) -> bool:
        """Always: there is nothing that could die."""
        return True

    def after_fork(self) -> None:
        """In the child: files and traces are the parent's."""
        self._deaths.end()
        self._uncaught.end()
        self._forget()

    def note_exit(self) -> None:
        """The interpreter ends, of itself or of an exception that nobody caught."""
        error = last_of_the_program()
        if error is None:
            self._close(RunEnd("exited", exit_code=exit_code.code))
        else:
            self._close(RunEnd("exception", in_words(error), stack_of(error), exit_code=1))

    # -- in each pass

    def look(self, now: Instant) -> list[Input]:
        """Write the record if it is time to; what is to be judged."""
        if self._folder is None or self._begun is None:
            return []
        if now.mono_s >= self._due_s:
            self._write(now)
        found: list[Input] = list(self._news)
        self._news = []
        if not self._settled and now.boot_s - self._begun.boot_s >= SETTLED_S:
            self._settled = True
            self._unclean = 0
            found += [Resolve(one.fingerprint) for one in self._asked.open_alerts() if self._is_ours(one)]
        return found

    def orphaned(self, folder: Path) -> None:
        """A process is gone that was not the first of this program; its folder is about to be removed."""
        found = self._look_at(folder, self._clock.now(), only=_SURELY_BAD)
        if found is not None:
            self._news.append(found[1])

    # -- within

    def _is_ours(self, alert: PerformanceAlert) -> bool:
        return alert.title == TITLE and alert.source == SOURCE

    def _look_at(self, folder: Path, now: Instant, *, only: frozenset[str] | None = None) -> tuple[int, Event] | None:
        """How the run of a folder ended, if that is to be told: the how many in a row it is, and the event."""
        self._kernel = self._kernel or kernel.Kernel()
        try:
            before = record.read(folder)
        except record.UnreadableRecord as error:
            before = RunRecord(
                program=self._program, pid=0, began_unix_s=0.0, written_unix_s=0.0, kernel=self._kernel.counts(now)
            )
            ending: Ending | None = Ending(
                "unknown", "ended, and it is not known how", f"its record says nothing: {error}", AlertSeverity.WARNING
            )
            left = Traces()
        else:
            if before is None or is_alive(before):
                return None
            left = Traces(
                traces.read(folder / traces.CRASH_FILE),
                traces.read(folder / traces.TERMINATED_FILE),
                kernel.log_says_killed(before.pid, before.kernel.boot_s) if before.end is None else "",
            )
            ending = ending_of(before, self._kernel.counts(now), left)
        if ending is None or (only is not None and ending.kind not in only):
            return None
        own_fault = ending.kind not in _FROM_OUTSIDE
        unclean = (before.unclean if before.lived_s < SETTLED_S else 0) + own_fault
        return unclean, event_of(before, ending, left, unclean=unclean)

    def _close(self, end: RunEnd) -> None:
        folder = self._folder
        if folder is None:
            return
        self._write(self._clock.now(), end)
        self._deaths.end()
        self._uncaught.end()
        traces.forget(folder)
        unclean = self._unclean
        self._forget()
        self._unclean = unclean

    def _write(self, now: Instant, end: RunEnd | None = None) -> None:
        self._due_s = now.mono_s + EVERY_S
        if self._folder is None or self._begun is None or self._kernel is None:
            return
        latest, pid = self._asked.latest(facts.WANTED), os.getpid()
        if pid != self._pid:
            self._pid, self._start_ticks = pid, kernel.start_ticks(pid)
        written = RunRecord(
            program=self._program, pid=pid, start_ticks=self._start_ticks,
            began_unix_s=self._begun.utc.timestamp(), written_unix_s=now.utc.timestamp(),
            lived_s=now.boot_s - self._begun.boot_s, kernel=self._kernel.counts(now),
            unclean=0 if end is not None and end.kind != "exception" else self._unclean,
            rss_mb=facts.megabytes(latest, facts.RSS), limit_mb=facts.megabytes(latest, facts.LIMIT),
            peak_mb=facts.megabytes(latest, facts.PEAK), sites=facts.sites_of(self._asked.memory_report()),
            alerts=facts.alerts_of(one for one in self._asked.open_alerts() if not self._is_ours(one)),
            stacks=facts.stacks(self._known) if end is None else (),
            uncaught=self._uncaught.lines(), uncaught_count=self._uncaught.count,
            sigterm=self._deaths.left_to, end=end,
        )  # fmt: skip
        with suppress(OSError, msgspec.MsgspecError):  # a full disk: the journal tells of it
            record.write(self._folder, written)


def is_alive(before: RunRecord) -> bool:
    """Whether the process that wrote it still lives, as a program's second system finds its first."""
    return before.end is None and before.start_ticks != 0 and kernel.start_ticks(before.pid) == before.start_ticks
