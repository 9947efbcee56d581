"""Capturing what an alert wants as its proof, at the moment when it still shows the cause.

What happened before the alert comes from the ring of stack samples and from the kernel's account of each thread. What
is captured is plain text: no frame, and no object of the program, is kept alive by an alert.
"""

from __future__ import annotations

import math
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from tocsin.library import is_own
from tocsin.model.alert import MAX_EVIDENCE_LINES, Evidence
from tocsin.model.units import format_value
from tocsin.sensors.runtime.stacks import StackRing
from tocsin.sensors.runtime.threads import ThreadTimes
from tocsin.system.witness.frames import own_place, show, show_stack, waits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tocsin.model.inputs import Want
    from tocsin.model.readings import SeriesKey
    from tocsin.sensors.runtime.gc import GcPause
    from tocsin.sensors.runtime.stacks import HotSpot, Place
    from tocsin.sensors.runtime.threads import BusyThread

    TopProcesses = Callable[[int, str], Iterable[str]]
    """A line for each of the first n processes of the machine by `cpu`, `rss` or `io`; none where it does not know."""

MAX_THREADS: Final = 5
MAX_PROCESSES: Final = 5
_BEFORE_S: Final = 30.0
# Of one core; a thread below it is not what makes a machine busy.
_BUSY: Final = 0.05
# A thread that was found at work less often is nobody's load.
_OFTEN: Final = 2
_BY_PROCESSES: Final = {
    "processes_cpu": ("cpu", "CPU time"), "processes_memory": ("rss", "memory"), "processes_io": ("io", "disk traffic"),
}  # fmt: skip


class Loops(Protocol):
    """What is asked of the sensor of event loops."""

    def thread_of(self, loop_label: str) -> int | None:
        """The ident of the thread that runs a loop."""
        ...

    def late(self, loop_label: str) -> tuple[float, float] | None:
        """From when to when the last answer that was late was waited for, by `time.perf_counter`."""
        ...


class Witness:
    """Watches the threads, and tells what they did.

    Args:
        loops: knows which thread runs an event loop.
        gc_pauses: the biggest garbage collections since a moment by `time.perf_counter`.
        latest: the last reading of each series.

    Attributes:
        stacks: the samples of the last minute and a half.
        times: the CPU time of each thread.
        top_processes: tells which processes of the machine use most; None: nobody knows.
    """

    def __init__(
        self,
        loops: Loops,
        *,
        gc_pauses: Callable[[float], Sequence[GcPause]],
        latest: Callable[[], Mapping[SeriesKey, float]],
    ) -> None:
        self.stacks = StackRing()
        self.times = ThreadTimes()
        self.top_processes: TopProcesses | None = None
        self._loops = loops
        self._gc_pauses = gc_pauses
        self._latest = latest

    def look(self) -> None:
        """Sample all stacks, and every two seconds the CPU time of all threads. For each pass of the watch thread."""
        at_s = time.perf_counter()
        self.stacks.sample(at_s)
        self.times.remember(at_s)

    def forget(self) -> None:
        """Begin anew, as in a forked child."""
        self.stacks.forget()
        self.times.forget()

    def capture(self, want: Want) -> Evidence | None:
        """Capture one proof; None where there is nothing to show. What fails is told in the proof's place."""
        try:
            return self._capture(want, time.perf_counter())
        except Exception as error:  # noqa: BLE001 - a proof that cannot be had must not keep an alert from being told
            return Evidence(want.kind, "the proof could not be captured", (f"{type(error).__name__}: {error}",))

    def _capture(self, want: Want, at_s: float) -> Evidence | None:
        match want.kind:
            case "loop_stack":
                return self._loop(dict(want.labels).get("loop", ""), at_s)
            case "busy_threads":
                return self._busy_threads(at_s)
            case "thread_stack":
                return self._thread(dict(want.labels).get("thread", ""), at_s)
            case "gc_pauses":
                return self._collections(at_s)
            case "filesystems":
                return self._filesystems()
            case _ if want.kind in _BY_PROCESSES:
                return self._processes(*_BY_PROCESSES[want.kind])
        return None

    # -- stacks

    def _loop(self, label: str, at_s: float) -> Evidence | None:
        """Where the loop stands, or stood while it did not answer."""
        ident = self._loops.thread_of(label)
        if ident is None:
            return None
        self.stacks.sample(at_s, always=True)
        # A loop that has answered by now does other things; what blocked it was seen before.
        since_s, until_s = self._loops.late(label) or (math.inf, math.inf)
        spots = self.stacks.hot(ident, since_s, until_s=until_s, place_of=own_place, but=_is_idle_loop)
        now = self.stacks.last(ident)
        if spots:
            spot = spots[0]
            word = "is" if now and own_place(now)[0] is own_place(spot.stack)[0] else "was"
            found = f" ({_of(spot)})" if spot.samples > 1 else ""
            return Evidence("stack", f"the event loop {word} in{found}", show_stack(spot.stack))
        return Evidence("stack", "the event loop is in", show_stack(now)) if now else None

    def _thread(self, name: str, at_s: float) -> Evidence | None:
        ident = next((thread.ident for thread in threading.enumerate() if thread.name == name), None)
        if ident is None:
            return None
        self.stacks.sample(at_s, always=True)
        stack = self.stacks.last(ident)
        return Evidence("stack", f"the thread {name} is in", show_stack(stack)) if stack else None

    # -- CPU

    def _busy_threads(self, at_s: float) -> Evidence | None:
        self.stacks.sample(at_s, always=True)
        busiest = self.times.busiest(at_s, MAX_THREADS)
        if not busiest:
            return self._standing_threads(at_s)
        busy = [one for one in busiest if one.share >= _BUSY]
        over = f"in the last {busiest[0].over_s:.0f} s"
        # A thread of ours may be busy with what the program left to it, as with a collection: it is not what was asked.
        past = [] if any(map(_is_of_the_program, busy)) else self._seen_before(at_s)
        if not busy:
            total = sum(one.share for one in busiest)
            where = "it is over, or" if past else "so"
            line = f"they used {_percent(total)} of a core in all: little, {where} look outside of this program"
            return Evidence("threads", f"the threads of this program {over}", (line, *past))
        lines: list[str] = []
        for one in busy:
            lines += self._busy_thread(one, at_s, with_stack=not lines)
        return Evidence("threads", f"the busiest threads of this program {over}", (*past, *lines))

    def _seen_before(self, at_s: float) -> list[str]:
        """Where threads were found at work in the last half minute, also those that have ended since."""
        since_s = at_s - _BEFORE_S
        names = {thread.ident: thread.name for thread in threading.enumerate()}
        found: list[tuple[int, str, HotSpot]] = []
        for ident in self.stacks.idents(since_s):
            # The number of a thread that has ended is given to a new one, which is often one of ours.
            spots = self.stacks.hot(ident, since_s, 1, place_of=own_place, but=_says_nothing)
            if spots and spots[0].samples >= _OFTEN:
                found.append((spots[0].samples, names.get(ident, "a thread that has ended"), spots[0]))
        found.sort(key=lambda one: -one[0])
        return [
            f"in the {_BEFORE_S:.0f} s before, {name} was at work in {samples} samples, "
            f"{_percent(spot.share)} of them in {show(own_place(spot.stack))}"
            for samples, name, spot in found[:MAX_THREADS]
        ]

    def _busy_thread(self, one: BusyThread, at_s: float, *, with_stack: bool) -> list[str]:
        """What a thread used and where it was seen; with the way that led there, if it is the first."""
        thread = _thread_of(one)
        head = f"{_name(thread, one.native_id)} used {_percent(one.share)} of a core"
        if thread is None or thread.ident is None:
            return [head]
        # While it waited it used nothing: what it did before the load came says nothing of it.
        spots = self.stacks.hot(thread.ident, at_s - _BEFORE_S, place_of=own_place, but=waits)
        if not spots:
            return [head]
        stack = spots[0].stack
        own = own_place(stack)
        lines = [f"{head}; {_of(spots[0])} in {show(own)}"]
        if own != stack[0]:
            lines.append(f"  which called {show(stack[0], source=False)}")
        if with_stack:
            lines += [f"  called from {line}" for line in show_stack(stack[stack.index(own) :])[1:]]
            lines += [f"  {_of(spot)} in {show(own_place(spot.stack))}" for spot in spots[1:]]
        return lines

    def _standing_threads(self, at_s: float) -> Evidence | None:
        """Where nobody counts CPU time for each thread: where they were seen, those that wait last."""
        names = {thread.ident: thread.name for thread in threading.enumerate()}
        spots = [
            (waits(spot.stack), names.get(ident, "a foreign thread"), spot)
            for ident in self.stacks.idents(at_s - 1.0)
            if not names.get(ident, "").startswith("tocsin-")
            for spot in self.stacks.hot(ident, at_s - _BEFORE_S, 1, place_of=own_place)
        ]
        spots.sort(key=lambda found: found[:2])
        lines = tuple(f"{name}: {_of(spot)} in {show(own_place(spot.stack))}" for _, name, spot in spots[:MAX_THREADS])
        return Evidence("threads", "the threads are in", lines) if lines else None

    # -- the rest

    def _collections(self, at_s: float) -> Evidence | None:
        pauses = self._gc_pauses(at_s - _BEFORE_S)
        lines = []
        for pause in pauses:
            freed = f"{pause.collected:,} objects freed"
            took = f"generation {pause.generation}: {format_value(pause.duration_s, 's')}"
            where = f", in {show(own_place(pause.places))}" if pause.places else ""
            lines.append(f"{took}, {freed}, {at_s - pause.at_s:.0f} s ago{where}")
        title = f"the biggest garbage collections of the last {_BEFORE_S:.0f} s"
        return Evidence("gc_pauses", title, tuple(lines)) if lines else None

    def _filesystems(self) -> Evidence | None:
        """The fullest file systems."""
        mounts: dict[str, dict[str, float]] = {}
        for key, value in self._latest().items():
            if key.metric.startswith("system.filesystem."):
                mounts.setdefault(dict(key.labels).get("mountpoint", "?"), {})[key.metric] = value
        full = sorted(mounts.items(), key=lambda mount: -mount[1].get("system.filesystem.utilization", 0.0))
        lines = tuple(_filesystem(path, found) for path, found in full[:MAX_EVIDENCE_LINES])
        return Evidence("filesystems", "the fullest file systems", lines) if lines else None

    def _processes(self, by: str, what: str) -> Evidence | None:
        if self.top_processes is None:
            return None
        lines = tuple(self.top_processes(MAX_PROCESSES, by))
        return Evidence("processes", f"the first processes of this machine by {what}", lines) if lines else None


def _thread_of(one: BusyThread) -> threading.Thread | None:
    """The thread as Python knows it; None: it does not."""
    return next((thread for thread in threading.enumerate() if thread.native_id == one.native_id), None)


def _is_of_the_program(one: BusyThread) -> bool:
    thread = _thread_of(one)
    return thread is None or not thread.name.startswith("tocsin-")


def _of(spot: HotSpot) -> str:
    return f"{_percent(spot.share)} of {spot.samples} samples" if spot.samples > 1 else "the one sample"


def _name(thread: threading.Thread | None, native_id: int) -> str:
    if thread is not None:
        return thread.name
    with suppress(OSError):
        return f"a foreign thread, {Path(f'/proc/self/task/{native_id}/comm').read_text('utf-8', 'replace').strip()},"
    return "a foreign thread"


def _says_nothing(stack: Sequence[Place]) -> bool:
    """Whether a thread waited, or was at work for Tocsin."""
    return waits(stack) or is_own(own_place(stack)[0].co_filename)


def _is_idle_loop(stack: Sequence[Place]) -> bool:
    """Whether a loop waits for work: it stands in its selector, called by its own plumbing, or in C (uvloop)."""
    if stack and stack[0][0].co_name == "run" and "asyncio" in stack[0][0].co_filename:
        return True
    return waits(stack) and any(code.co_name == "_run_once" for code, _ in stack[1:3])


def _filesystem(path: str, found: Mapping[str, float]) -> str:
    share = found.get("system.filesystem.utilization")
    used, limit = found.get("system.filesystem.usage"), found.get("system.filesystem.limit")
    inodes = found.get("system.filesystem.inodes.utilization")
    parts = [] if share is None else [f"{_percent(share)} full"]
    if used is not None and limit is not None:
        parts.append(f"{format_value(used, 'By')} of {format_value(limit, 'By')}")
    if inodes is not None:
        parts.append(f"{_percent(inodes)} of the inodes")
    return f"{path}: {', '.join(parts)}"


def _percent(share: float) -> str:
    return f"{share * 100:.0f} %"
