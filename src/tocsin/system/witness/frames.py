"""Code and its lines as a person reads them: `orders.py:41 in price: total += tax(line)`."""

from __future__ import annotations

import linecache
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tocsin.library import is_library, short_path

if TYPE_CHECKING:
    from collections.abc import Sequence
    from traceback import FrameSummary
    from types import CodeType, FrameType

    from tocsin.sensors.runtime.stacks import Place

MAX_FRAMES: Final = 12
MAX_SOURCE: Final = 100
_LOOP_STARTS: Final = frozenset({"_run", "_run_once", "run_forever"})
_THREAD_STARTS: Final = frozenset({"run", "_bootstrap", "_bootstrap_inner"})
_WAITING_PLACES: Final = frozenset(
    {"selectors.py", "threading.py", "queue.py", "socket.py", "subprocess.py", "thread.py", "windows_events.py"}
)
_WAITING_NAMES: Final = frozenset(
    {
        "wait", "_wait", "_wait_for_tstate_lock", "join", "get", "put", "select", "_poll", "accept", "readinto",
        "communicate", "_worker",
    }
)  # fmt: skip


def show(place: Place, *, source: bool = True) -> str:
    """File, line and function, and the line itself where it can be read."""
    code, offset = place
    line = line_of(code, offset)
    text = _source(code.co_filename, line) if source else ""
    return f"{short_path(code.co_filename)}:{line} in {code.co_name}" + (f": {text}" if text else "")


@lru_cache(maxsize=500)
def _source(file: str, line: int) -> str:
    """A line as it stands in its file; empty where that cannot be read."""
    known = file in linecache.cache
    text = linecache.getline(file, line).strip()
    if not known:
        linecache.cache.pop(file, None)  # a library's file is hundreds of kilobytes, and nobody asked for it but us
    return text if len(text) <= MAX_SOURCE else text[: MAX_SOURCE - 1] + "…"


def show_stack(stack: Sequence[Place]) -> tuple[str, ...]:
    """The stack, innermost first: that is where the time goes. What starts every task and thread says nothing."""
    shown = stack[:MAX_FRAMES]
    plumbing = next((number for number, (code, _) in enumerate(shown) if _is_plumbing(code)), len(shown))
    return tuple(show(place) for place in shown[: max(plumbing, 1)])


def line_of(code: CodeType, offset: int) -> int:
    """The line of an instruction."""
    for start, end, line in code.co_lines():
        if start <= offset < end and line is not None:
            return line
    return code.co_firstlineno


def waits(stack: Sequence[Place]) -> bool:
    """Whether a thread stands in one of the library's own waiting places."""
    if not stack:
        return False
    code = stack[0][0]
    return code.co_name in _WAITING_NAMES and Path(code.co_filename).name in _WAITING_PLACES


def own_place(stack: Sequence[Place]) -> Place:
    """The innermost place that is neither of the standard library nor of an installed package; else the innermost."""
    return next((place for place in stack if not is_library(place[0].co_filename)), stack[0])


def _is_plumbing(code: CodeType) -> bool:
    file = Path(code.co_filename)
    if file.name == "threading.py":
        return code.co_name in _THREAD_STARTS
    return file.parent.name == "asyncio" and code.co_name in _LOOP_STARTS


def lines_of(frame: FrameType) -> tuple[str, ...]:
    """The stack of a frame, innermost first."""
    stack: list[Place] = []
    at: FrameType | None = frame
    while at is not None and len(stack) < MAX_FRAMES:
        stack.append((at.f_code, at.f_lasti))
        at = at.f_back
    return show_stack(stack)


def entry_line(entry: FrameSummary) -> str:
    """One entry of a traceback, as the lines of a stack are written."""
    source = entry.line or ""
    text = source if len(source) <= MAX_SOURCE else source[: MAX_SOURCE - 1] + "…"
    return f"{short_path(entry.filename)}:{entry.lineno} in {entry.name}" + (f": {text}" if text else "")
