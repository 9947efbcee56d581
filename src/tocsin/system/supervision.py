"""Looks after the registered threads: who died, who fell silent, who is stuck, who waits for whom.

It looks once a pass, on the thread that steps, and what it finds enters the engine as events that bring their proof.
What goes on (silence, a deadlock, a worker that is missing) lasts until it is over, and is then resolved.

| what is seen                                                      | alert                        | over when         |
|-------------------------------------------------------------------|------------------------------|-------------------|
| an exception that nobody caught                                   | Thread died                  | silence           |
| the same, of a thread that must live                              | Thread died                  | its name is taken |
| the end of a thread that must live                                | Thread ended                 | its name is taken |
| no heartbeat for twice the promised time                          | Thread stopped its heartbeat | a heartbeat       |
| the same, and it has stood at one instruction since               | Thread is stuck              | a heartbeat       |
| two or more stand in the acquisition of a lock for `stuck_after`  | Suspected deadlock           | fewer than two do |
"""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Final, NamedTuple

from tocsin.alerts.episode import MAX_EVIDENCE, Origin
from tocsin.coordinator import MAX_FRAMES, MonitoringCoordinator, Registered, ThreadEnd
from tocsin.model.alert import Evidence
from tocsin.model.inputs import Event, Input, Resolve
from tocsin.model.levels import AlertCategory, AlertSeverity
from tocsin.model.readings import MAX_LABEL_CHARS, inert
from tocsin.sensors.lockwait import times_run, waits_for_lock
from tocsin.system.frames import entry_line, lines_of
from tocsin.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import FrameType

    from tocsin.clock import Instant

SOURCE: Final = "threads"
STUCK_AFTER_S: Final = 30.0
# A promise is broken by twice its time: a loop that beats once a period must not ring for a late turn.
PATIENCE: Final = 2.0
# Nobody looked for so long: the process was stopped, the machine slept, or our own thread did not get its turn. Then
# the others may not have had theirs either, and everybody's time begins anew.
GAP_S: Final = 5.0
GAP_INTERVALS: Final = 5.0
SUSPEND_S: Final = 0.5

# Passes may come more often while something is wrong; where threads stand is looked at no more often than this.
LOOK_EVERY_S: Final = 0.9

_DIED: Final = "Thread died"
_ENDED: Final = "Thread ended"
_SILENT: Final = "Thread stopped its heartbeat"
_STUCK: Final = "Thread is stuck"
_DEADLOCK: Final = "Suspected deadlock"

_ADVICE: Final = {
    _DIED: (
        "Look at the line in the traceback where it began",
        "Catch what can be expected inside of the thread's loop, and start the thread again if it must live",
    ),
    _ENDED: ("See why its function came to an end; unregister it first when that is wanted",),
    _SILENT: (
        "The stack shows where it is now: a long computation, a call without a timeout, or a loop that forgot to beat",
        "If the work is meant to take so long, promise a longer heartbeat_s",
    ),
    _STUCK: (
        "The stack shows the call that does not come back; give it a timeout",
        "If it waits for a lock or a queue, see who should release or fill it",
    ),
    _DEADLOCK: (
        "Compare the stacks: take locks in one order everywhere",
        "Acquire with a timeout where an order cannot be kept; a restart is the only way out of a real deadlock",
    ),
}


class _Place:
    """Where a thread stands, and since when. The frame itself is let go: it would keep its variables alive."""

    __slots__ = ("acquires", "mark", "runs", "since_s")

    def __init__(self, mark: tuple[int, int, int], since_s: float) -> None:
        self.mark = mark
        self.since_s = since_s
        self.acquires: bool | None = None  # not looked at yet
        self.runs: int | None = None


class _Told(NamedTuple):
    """An alert that lasts.

    Attributes:
        kept: whether the thread was still registered when it was told of: then being unregistered ends the alert.
    """

    registered: Registered
    fingerprint: str
    kept: bool = True


class ThreadSupervision:
    """Turns what becomes of registered threads into events.

    Args:
        coordinators: who knows of threads; asked at each look, since they may be exchanged.
        stuck_after_s: how long threads stand in the acquisition of a lock until a deadlock is suspected.
        interval_s: seconds between two looks, as intended.

    Attributes:
        failures: looks that failed; counted, and nothing else.
    """

    def __init__(
        self,
        coordinators: Callable[[], Iterable[MonitoringCoordinator]],
        *,
        stuck_after_s: float = STUCK_AFTER_S,
        interval_s: float = 1.0,
    ) -> None:
        self.failures = Tally()
        self._coordinators = coordinators
        self._stuck_after_s = stuck_after_s
        self._gap_s = max(GAP_S, GAP_INTERVALS * interval_s)
        self.after_fork()

    def after_fork(self) -> None:
        """In the child: the threads that were looked after are the parent's."""
        self._last: Instant | None = None
        self._fresh_s = 0.0
        self._look_s = float("-inf")
        self._seen: dict[int, tuple[MonitoringCoordinator, int]] = {}
        self._places: dict[threading.Thread, _Place] = {}
        self._alive_s: dict[threading.Thread, float] = {}
        self._missing: dict[str, _Told] = {}
        self._silent: dict[threading.Thread, _Told] = {}
        self._locked: frozenset[threading.Thread] = frozenset()
        self._deadlock = ""

    def look(self, now: Instant) -> list[Input]:
        """What there is to tell now. Never raises. Costs nothing to speak of while no thread is registered."""
        try:
            return self._look(now)
        except Exception:  # noqa: BLE001 - a pass must not fail for what it says of threads
            self.failures.add()
            return []

    def forget(self) -> list[Input]:
        """End all that lasts; what is still so is found again."""
        lasting = [told.fingerprint for told in (*self._missing.values(), *self._silent.values())]
        lasting += [self._deadlock] if self._deadlock else []
        seen = self._seen
        self.after_fork()
        self._seen = seen
        return [Resolve(fingerprint) for fingerprint in lasting]

    def has_unseen(self) -> bool:
        """Whether an end waits to be told."""
        return any(one.ends_after(self._seen.get(id(one), (one, 0))[1]) for one in self._unique())

    def _look(self, now: Instant) -> list[Input]:
        self._notice_gap(now)
        registered: dict[threading.Thread, Registered] = {}
        found: list[Input] = []
        for coordinator in self._unique():
            found += self._ends(coordinator)
            registered |= {one.thread: one for one in coordinator.registered()}
        if self._missing:
            found += self._returned(registered)
        if (not registered and not self._alive_s) or now.mono_s < self._look_s:
            return found
        self._look_s = now.mono_s + LOOK_EVERY_S
        self._keep_alive(registered, now.mono_s)
        # Frames are asked for only when there is somebody to look at, and are gone when this returns.
        frames = sys._current_frames() if self._alive_s else {}  # noqa: SLF001 - the only way there is
        self._stand(frames, now.mono_s)
        found += self._deadlocked(registered, frames, now.mono_s)
        found += self._fallen_silent(registered, frames, now.mono_s)
        return found

    def _unique(self) -> list[MonitoringCoordinator]:
        return list({id(one): one for one in self._coordinators()}.values())

    def _notice_gap(self, now: Instant) -> None:
        last, self._last = self._last, now
        if last is None:
            self._fresh_s = now.mono_s
            return
        passed_s = now.mono_s - last.mono_s
        if passed_s > self._gap_s or (now.boot_s - last.boot_s) - passed_s > SUSPEND_S:
            self._fresh_s = now.mono_s
            self._places.clear()

    # -- ends

    def _ends(self, coordinator: MonitoringCoordinator) -> list[Input]:
        seen = self._seen.get(id(coordinator), (coordinator, 0))[1]
        ends = coordinator.ends_after(seen)
        if ends:
            self._seen[id(coordinator)] = (coordinator, ends[-1].number)
        known = coordinator.threads if ends else ()
        found: list[Input] = []
        for end in ends:
            event = _end_event(end)
            if event.lasts:
                kept = end.thread.thread in known
                self._missing[end.thread.name] = _Told(end.thread, _fingerprint(event), kept)
            found.append(event)
        return found

    def _returned(self, registered: Mapping[threading.Thread, Registered]) -> list[Input]:
        """Resolve what a new thread of the same name, or its being unregistered, has mended."""
        latest = {one.name: one.number for one in registered.values() if one.thread.is_alive()}
        over = [
            name
            for name, told in self._missing.items()
            if latest.get(name, 0) > told.registered.number or (told.kept and told.registered.thread not in registered)
        ]
        return [Resolve(self._missing.pop(name).fingerprint) for name in over]

    # -- standing still

    def _keep_alive(self, registered: Mapping[threading.Thread, Registered], now_s: float) -> None:
        """Whom there is to look at, each with the moment since when it has been known to live."""
        me = threading.current_thread()
        alive = [thread for thread in registered if thread is not me and thread.is_alive()]
        self._alive_s = {thread: self._alive_s.get(thread, now_s) for thread in alive}

    def _stand(self, frames: Mapping[int, FrameType], now_s: float) -> None:
        places = self._places
        self._places = {}
        for thread in self._alive_s:
            frame = frames.get(thread.ident or 0)
            if frame is None:
                continue
            mark = (id(frame), frame.f_lasti, id(frame.f_code))
            place = places.get(thread)
            if place is None or place.mark != mark:
                place = _Place(mark, now_s)
            self._places[thread] = place

    def _waits_for_lock(self, thread: threading.Thread, frame: FrameType, now_s: float) -> bool:
        """Whether it has stood in one acquisition for long, and never ran in that time."""
        place = self._places[thread]
        stood_s = now_s - place.since_s
        if stood_s < self._stuck_after_s / 2:
            return False
        if place.acquires is None:
            place.acquires, place.runs = waits_for_lock(frame), times_run(thread.native_id)
            if place.acquires:
                return stood_s >= self._stuck_after_s and place.runs is None
        if not place.acquires or stood_s < self._stuck_after_s:
            return False
        if place.runs != times_run(thread.native_id):
            place.since_s, place.acquires = now_s, None  # it got the lock in between, and waits for it again
            return False
        return True

    def _deadlocked(
        self, registered: Mapping[threading.Thread, Registered], frames: Mapping[int, FrameType], now_s: float
    ) -> list[Input]:
        locked = frozenset(
            thread for thread in self._places if self._waits_for_lock(thread, frames[thread.ident or 0], now_s)
        )
        before, self._locked = self._locked, locked
        if len(locked) < 2:
            self._locked = frozenset()
            over, self._deadlock = self._deadlock, ""
            return [Resolve(over)] if over else []
        if locked <= before:
            return []
        members = sorted(locked, key=lambda thread: registered[thread].number)
        names = inert(", ".join(registered[thread].name for thread in members), MAX_LABEL_CHARS)
        longest_s = max(now_s - self._places[thread].since_s for thread in members)
        stacks = tuple(
            Evidence("stack", f"{registered[thread].name} waits for a lock in", lines_of(frames[thread.ident or 0]))
            for thread in members[:MAX_EVIDENCE]
        )
        event = Event(
            title=_DEADLOCK,
            message=f"{len(members)} threads have each stood in the acquisition of a lock for up to {longest_s:.0f} s "
            f"and did not get it: {names}. They may wait for each other; the stacks show the locks",
            severity=AlertSeverity.CRITICAL, source=SOURCE, category=AlertCategory.APPLICATION_LATENCY,
            component=names, recommendations=_ADVICE[_DEADLOCK], evidence=stacks, lasts=True,
        )  # fmt: skip
        # More threads than before are another alert, which names them all; the one that named fewer is over.
        over, self._deadlock = self._deadlock, _fingerprint(event)
        return [Resolve(over), event] if over and over != self._deadlock else [event]

    def _fallen_silent(
        self, registered: Mapping[threading.Thread, Registered], frames: Mapping[int, FrameType], now_s: float
    ) -> list[Input]:
        over = [
            thread
            for thread in self._silent
            if thread not in self._alive_s
            or thread in self._locked
            or self._silent_s(registered[thread], now_s) is None
        ]
        found: list[Input] = [Resolve(self._silent.pop(thread).fingerprint) for thread in over]
        for thread in self._alive_s:
            one = registered[thread]
            if one.heartbeat_s is None or thread in self._silent or thread in self._locked:
                continue
            silent_s = self._silent_s(one, now_s)
            frame = frames.get(thread.ident or 0)
            if silent_s is None or frame is None:
                continue
            event = self._silence_event(one, silent_s, now_s - self._places[thread].since_s, frame)
            self._silent[thread] = _Told(one, _fingerprint(event))
            found.append(event)
        return found

    def _silent_s(self, one: Registered, now_s: float) -> float | None:
        """How long a thread has been silent if that is too long; counted from when it could have spoken."""
        if one.heartbeat_s is None:
            return None
        silent_s = now_s - max(one.beat_s, self._alive_s.get(one.thread, now_s), self._fresh_s)
        return silent_s if silent_s > PATIENCE * one.heartbeat_s else None

    def _silence_event(self, one: Registered, silent_s: float, stood_s: float, frame: FrameType) -> Event:
        lines = lines_of(frame)
        stuck = one.heartbeat_s is not None and stood_s >= one.heartbeat_s
        title = _STUCK if stuck else _SILENT
        message = f"{one.name} promised a heartbeat every {one.heartbeat_s:g} s and has given none for {silent_s:.0f} s"
        if stuck:
            message += f"; it has stood at {lines[0]} for {stood_s:.0f} s"
        return Event(
            title=title, message=message,
            severity=AlertSeverity.CRITICAL if one.must_live else AlertSeverity.WARNING,
            source=SOURCE, category=AlertCategory.APPLICATION_LATENCY, component=one.name,
            recommendations=_ADVICE[title], evidence=(Evidence("stack", f"{one.name} is in", lines),), lasts=True,
        )  # fmt: skip


def _end_event(end: ThreadEnd) -> Event:
    one = end.thread
    title = _DIED if end.error else _ENDED
    what = f"died of {end.error}" if end.error else "came to its end"
    promise = ", though it must live" if one.must_live else ""
    lines = tuple(entry_line(frame) for frame in reversed(end.frames[-MAX_FRAMES:]))
    evidence = (Evidence("traceback", f"{end.error}, raised in", lines),) if lines else ()
    return Event(
        title=title, message=f"{one.name} {what}{promise}",
        severity=AlertSeverity.CRITICAL if one.must_live else AlertSeverity.WARNING,
        source=SOURCE, category=AlertCategory.GENERAL, component=one.name,
        recommendations=_ADVICE[title], evidence=evidence, lasts=one.must_live,
    )  # fmt: skip


def _fingerprint(event: Event) -> str:
    return Origin(
        title=event.title, category=event.category, source=event.source, component=event.component, labels=event.labels
    ).fingerprint
