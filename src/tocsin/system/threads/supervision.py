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

from tocsin.model.inputs import Input, Resolve
from tocsin.system.threads.alarms import deadlock_of, end_of, fingerprint, silence_of
from tocsin.system.threads.standing import Standing
from tocsin.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import FrameType

    from tocsin.clock import Instant
    from tocsin.coordinator import MonitoringCoordinator, Registered

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
        self.after_fork()
        self.reload(stuck_after_s=stuck_after_s, interval_s=interval_s)

    def reload(self, *, stuck_after_s: float, interval_s: float) -> None:
        """Go by other numbers from now on; where threads stand, and since when, stays known."""
        self._stuck_after_s = self._standing.stuck_after_s = stuck_after_s
        self._gap_s = max(GAP_S, GAP_INTERVALS * interval_s)

    def after_fork(self) -> None:
        """In the child: the threads that were looked after are the parent's."""
        self._last: Instant | None = None
        self._fresh_s = 0.0
        self._look_s = float("-inf")
        self._seen: dict[int, tuple[MonitoringCoordinator, int]] = {}
        self._standing = Standing(self._stuck_after_s)
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
        self._standing.look(self._alive_s, frames, now.mono_s)
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
            self._standing.forget()

    # -- ends

    def _ends(self, coordinator: MonitoringCoordinator) -> list[Input]:
        seen = self._seen.get(id(coordinator), (coordinator, 0))[1]
        ends = coordinator.ends_after(seen)
        if ends:
            self._seen[id(coordinator)] = (coordinator, ends[-1].number)
        known = coordinator.threads if ends else ()
        found: list[Input] = []
        for end in ends:
            event = end_of(end)
            if event.lasts:
                kept = end.thread.thread in known
                self._missing[end.thread.name] = _Told(end.thread, fingerprint(event), kept)
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

    def _deadlocked(
        self, registered: Mapping[threading.Thread, Registered], frames: Mapping[int, FrameType], now_s: float
    ) -> list[Input]:
        locked = self._standing.in_locks(frames, now_s)
        before, self._locked = self._locked, locked
        if len(locked) < 2:
            self._locked = frozenset()
            over, self._deadlock = self._deadlock, ""
            return [Resolve(over)] if over else []
        if locked <= before:
            return []
        members = sorted(locked, key=lambda thread: registered[thread].number)
        longest_s = max(now_s - self._standing.since_s(thread) for thread in members)
        event = deadlock_of([(registered[one].name, frames[one.ident or 0]) for one in members], longest_s)
        # More threads than before are another alert, which names them all; the one that named fewer is over.
        over, self._deadlock = self._deadlock, fingerprint(event)
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
            event = silence_of(one, silent_s, now_s - self._standing.since_s(thread), frame)
            self._silent[thread] = _Told(one, fingerprint(event))
            found.append(event)
        return found

    def _silent_s(self, one: Registered, now_s: float) -> float | None:
        """How long a thread has been silent if that is too long; counted from when it could have spoken."""
        if one.heartbeat_s is None:
            return None
        silent_s = now_s - max(one.beat_s, self._alive_s.get(one.thread, now_s), self._fresh_s)
        return silent_s if silent_s > PATIENCE * one.heartbeat_s else None
