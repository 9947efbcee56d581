"""Finds the event loops that run in this process, by the functions that every running loop stands in.

Frames are looked at and let go at once: one that is kept would keep all its variables alive.
"""

from __future__ import annotations

import re
import sys
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Iterator
    from types import FrameType

OWN_THREADS: Final = "tocsin-"
_NUMBERS: Final = re.compile(r"[-_ ]?\d+(?:_\d+)*")


def running_loops() -> Iterator[tuple[int, AbstractEventLoop]]:
    """Each loop that runs now, with the ident of its thread.

    Found are loops written in Python by their `run_forever`, and those of uvloop by the `run` of the Runner that
    started them. A loop of uvloop started by hand has no frame of Python's; it must be named. Those on which Tocsin
    delivers are its own affair.
    """
    ours: set[int | None] | None = None
    for thread_id, frame in sys._current_frames().items():  # noqa: SLF001 - the documented way to see other threads
        loop = _loop_below(frame)
        if loop is None:
            continue
        if ours is None:  # asked only where there is a loop at all
            ours = {thread.ident for thread in threading.enumerate() if thread.name.startswith(OWN_THREADS)}
        if thread_id not in ours:
            yield thread_id, loop


def waits_for_events(frame: FrameType | None) -> bool:
    """Whether a thread stands where a loop written in Python waits for its next event: then it has nothing to do."""
    caller = None if frame is None else frame.f_back
    return (
        frame is not None
        and caller is not None
        and frame.f_code.co_name == "select"
        and caller.f_code.co_name == "_run_once"
    )


def thread_label(thread_id: int | None) -> str:
    """A name for a thread's loop that stays the same when its like takes its place: `main`, `worker`, `loop`.

    Numbers are taken out, since a program that starts threads for ever would name a new series with each.
    """
    if thread_id == threading.main_thread().ident:
        return "main"
    name = next((thread.name for thread in threading.enumerate() if thread.ident == thread_id), "")
    return _NUMBERS.sub("", name).strip() or "loop"


def _loop_below(frame: FrameType | None) -> AbstractEventLoop | None:
    while frame is not None:
        name = frame.f_code.co_name
        if name == "run_forever" or (
            name == "run" and frame.f_globals.get("__name__") in {"asyncio.runners", "uvloop"}
        ):
            owner = frame.f_locals.get("self")
            for candidate in (owner, getattr(owner, "_loop", None) if name == "run" else None):
                if _is_running_loop(candidate):
                    return candidate
        frame = frame.f_back
    return None


def _is_running_loop(candidate: object) -> bool:
    # Asked of the type: an attribute of a stranger's object may run the stranger's code.
    kind = type(candidate)
    if not (hasattr(kind, "call_soon_threadsafe") and hasattr(kind, "is_running") and hasattr(kind, "is_closed")):
        return False
    return bool(candidate.is_running())  # type: ignore[attr-defined]
