"""What is said of threads: the events that the supervision makes, each with its proof and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tocsin.alerts.episode import MAX_EVIDENCE, Origin
from tocsin.coordinator import MAX_FRAMES, Registered, ThreadEnd
from tocsin.model.alert import Evidence
from tocsin.model.inputs import Event
from tocsin.model.levels import AlertCategory, AlertSeverity
from tocsin.model.readings import MAX_LABEL_CHARS, inert
from tocsin.system.witness.frames import entry_line, lines_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

SOURCE: Final = "threads"
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


def end_of(end: ThreadEnd) -> Event:
    """A thread died, or ended though it must live."""
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


def silence_of(one: Registered, silent_s: float, stood_s: float, frame: FrameType) -> Event:
    """A thread gives no heartbeat; it is stuck, if it has stood at one instruction for a beat's time."""
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


def deadlock_of(members: Sequence[tuple[str, FrameType]], longest_s: float) -> Event:
    """Threads wait for locks, and perhaps for each other.

    Args:
        members: each thread's name, and where it stands.
        longest_s: how long the first of them has stood there.
    """
    names = inert(", ".join(name for name, _ in members), MAX_LABEL_CHARS)
    return Event(
        title=_DEADLOCK,
        message=f"{len(members)} threads have each stood in the acquisition of a lock for up to {longest_s:.0f} s "
        f"and did not get it: {names}. They may wait for each other; the stacks show the locks",
        severity=AlertSeverity.CRITICAL, source=SOURCE, category=AlertCategory.APPLICATION_LATENCY,
        component=names, recommendations=_ADVICE[_DEADLOCK], lasts=True,
        evidence=tuple(
            Evidence("stack", f"{name} waits for a lock in", lines_of(frame)) for name, frame in members[:MAX_EVIDENCE]
        ),
    )  # fmt: skip


def fingerprint(event: Event) -> str:
    """What makes the alert of an event equal to others."""
    return Origin(
        title=event.title, category=event.category, source=event.source, component=event.component, labels=event.labels
    ).fingerprint
