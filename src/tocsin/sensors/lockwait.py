"""Whether a thread stands in the acquisition of a lock, told from its innermost frame.

`lock.acquire()` and the `__enter__` of a lock are written in C and have no frame of their own: the innermost frame is
that of the line which calls them, and its last instruction is the call. The instruction is looked at, not the source,
which need not be there. What it cannot see: an `acquire` that was given another name, and locks inside of C libraries.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import dis
    from types import FrameType

_ACQUIRING: Final = frozenset({"acquire", "__enter__"})
_LOOK_BACK: Final = 24
_LIBRARY: Final = os.path.dirname(threading.__file__)
# Waiting for a condition, an event or another thread's end is how idle threads rest; it passes through a lock too.
# The lock inside of a condition is entered by `__enter__`, and that is no rest.
_RESTING: Final = frozenset({os.path.join(_LIBRARY, "threading.py")})
# Locks between processes: a pool's workers take turns in waiting for work behind one.
_FOREIGN: Final = frozenset({os.path.join(_LIBRARY, "multiprocessing", "synchronize.py")})


def waits_for_lock(frame: FrameType) -> bool:
    """Whether this innermost frame of a thread is acquiring a lock. Costs some hundred microseconds: ask seldom."""
    code = frame.f_code
    if code.co_filename in _FOREIGN or (code.co_filename in _RESTING and code.co_name != "__enter__"):
        return False
    import dis  # noqa: PLC0415 - dear to import, and most programs never come here

    before: list[dis.Instruction] = []
    for instruction in dis.get_instructions(code):
        if instruction.offset > frame.f_lasti:
            break
        before.append(instruction)
    return bool(before) and _acquires(before)


def times_run(native_id: int | None) -> int | None:
    """How often the kernel has let a thread of this process run; None where that cannot be known.

    A thread that waits for one lock is never let run; one that takes a contended lock again and again is.
    """
    try:
        with open(f"/proc/self/task/{native_id}/schedstat", "rb") as file:
            return int(file.read().split()[2])
    except (OSError, ValueError, IndexError):
        return None


def _acquires(before: list[dis.Instruction]) -> bool:
    """Whether the last of these instructions calls an acquisition."""
    last = before[-1]
    if last.opname == "BEFORE_WITH":  # `with lock:` up to Python 3.13
        return True
    if "CALL" not in last.opname:
        return False
    started = _start(last)
    for instruction in reversed(before[-_LOOK_BACK:-1]):
        if instruction.opname == "LOAD_SPECIAL":  # `with lock:` from Python 3.14 on
            return instruction.argrepr == "__enter__" and instruction is before[-2]
        # Call and look-up of the method begin at the same place of the source; its arguments begin farther on.
        if instruction.opname in {"LOAD_METHOD", "LOAD_ATTR"} and _start(instruction) == started:
            return instruction.argval in _ACQUIRING
    return False


def _start(instruction: dis.Instruction) -> tuple[int | None, int | None]:
    where = instruction.positions
    return (None, None) if where is None else (where.lineno, where.col_offset)
