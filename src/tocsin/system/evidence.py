"""Capturing what an alert wants as its proof: stacks, at the moment when they still show the cause."""

from __future__ import annotations

import os
import sys
import sysconfig
import threading
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tocsin.model.alert import Evidence

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from tocsin.model.inputs import Want

MAX_FRAMES: Final = 12
MAX_THREADS: Final = 5
MAX_SOURCE: Final = 100
_WAITING_PLACES: Final = frozenset(
    {"selectors.py", "threading.py", "queue.py", "socket.py", "subprocess.py", "thread.py"}
)


def capture(want: Want, loop_thread: Callable[[str], int | None]) -> Evidence | None:
    """Capture one proof; None where there is nothing to show.

    Args:
        want: what is asked for.
        loop_thread: from the label of an event loop to the ident of its thread.
    """
    if want.kind == "loop_stack":
        ident = loop_thread(dict(want.labels).get("loop", ""))
        frame = sys._current_frames().get(ident) if ident is not None else None  # noqa: SLF001 - the only way there is
        return None if frame is None else Evidence("stack", "the event loop is in", _lines(frame))
    if want.kind == "busy_threads":
        return _threads()
    return None


def _threads() -> Evidence | None:
    """Where each thread of the program stands: those that seem to work first, then those that wait."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    frames = sys._current_frames()  # noqa: SLF001 - the only way there is
    ours = threading.get_ident()
    standing = [
        (_waits(frame), f"{names.get(ident, 'a foreign thread')}: {_lines(frame)[0]}")
        for ident, frame in frames.items()
        if ident != ours and not names.get(ident, "").startswith("tocsin-")
    ]
    lines = tuple(line for _, line in sorted(standing))[:MAX_THREADS]
    return Evidence("stack", "the threads are in", lines) if lines else None


def _waits(frame: FrameType) -> bool:
    """Whether a thread stands in one of the library's own waiting places."""
    return Path(frame.f_code.co_filename).name in _WAITING_PLACES


def _lines(frame: FrameType) -> tuple[str, ...]:
    """The stack, innermost first: that is where the time goes. The plumbing of asyncio below it says nothing."""
    summary = traceback.StackSummary.extract(traceback.walk_stack(frame), limit=MAX_FRAMES, lookup_lines=True)
    entries = list(summary)
    plumbing = next((place for place, entry in enumerate(entries) if _is_plumbing(entry)), len(entries))
    return tuple(_line(entry) for entry in entries[: max(plumbing, 1)])


def _is_plumbing(entry: traceback.FrameSummary) -> bool:
    return Path(entry.filename).parent.name == "asyncio" and entry.name in {"_run", "_run_once", "run_forever"}


def _line(entry: traceback.FrameSummary) -> str:
    source = entry.line or ""
    if len(source) > MAX_SOURCE:
        source = source[: MAX_SOURCE - 1] + "…"
    return f"{_short_path(entry.filename)}:{entry.lineno} in {entry.name}" + (f": {source}" if source else "")


def _short_path(filename: str) -> str:
    """The part of a path that a person needs: from here, or from the library's folder."""
    for marker in ("site-packages", "dist-packages"):
        if marker in Path(filename).parts:
            return filename.partition(marker + os.sep)[2] or filename
    standard = sysconfig.get_paths().get("stdlib", "")
    for folder in (_here(), standard):
        if folder and filename.startswith(folder + os.sep):
            return filename[len(folder) + 1 :]
    return filename


def _here() -> str:
    try:
        return str(Path.cwd())
    except OSError:
        return ""  # the folder was deleted under us
