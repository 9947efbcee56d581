"""What every thread of the program is doing at this moment."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from tocsin.model.readings import inert
from tocsin.sensors.loops import OWN_THREADS
from tocsin.system.witness.frames import lines_of, show, waits

if TYPE_CHECKING:
    from types import FrameType

    from tocsin.system.core import SystemCore

MAX_THREADS: Final = 300
_MAX_NAME: Final = 200
_BUSIEST: Final = 1000


def threads(core: SystemCore) -> dict[str, Any]:
    """The threads with their stacks, the busiest first, and the longest garbage collections of the last minutes.

    Returns: `threads`, each with `name`, `ident`, `native_id`, `daemon`, `registered`, `own` (one of Tocsin's), `waits`
        (it stands in a waiting place of the library), `cpu` (share of one core lately; None: not known) and `stack`,
        innermost first; `left_out` counts those beyond 300. `pauses`, each with `ago_s`, `took_s`, `generation`,
        `freed` and `where`.
    """
    witness = core.sensing.runtime.witness
    at_s = time.perf_counter()
    shares = {one.native_id: one.share for one in witness.times.busiest(at_s, _BUSIEST)}
    registered = {one.thread for one in core.keeper().registered()}
    frames = sys._current_frames()  # noqa: SLF001 - the documented way to see other threads
    known = threading.enumerate()
    found = [
        _thread(thread, frames.get(thread.ident or 0), shares.get(thread.native_id or 0), thread in registered)
        for thread in known
    ]
    found.sort(key=lambda one: (one["own"], one["waits"], -(one["cpu"] or 0.0), one["name"]))
    return {"threads": found[:MAX_THREADS], "left_out": max(len(found) - MAX_THREADS, 0), "pauses": _pauses(core, at_s)}


def _thread(
    thread: threading.Thread,
    frame: FrameType | None,
    cpu: float | None,
    registered: bool,  # noqa: FBT001 - one of four facts on a thread, in one place
) -> dict[str, Any]:
    return {
        "name": inert(thread.name, _MAX_NAME),
        "ident": thread.ident,
        "native_id": thread.native_id,
        "daemon": thread.daemon,
        "registered": registered,
        "own": thread.name.startswith(OWN_THREADS),
        "waits": frame is not None and waits([(frame.f_code, frame.f_lasti)]),
        "cpu": cpu,
        "stack": [] if frame is None else list(lines_of(frame)),
    }


def _pauses(core: SystemCore, at_s: float) -> list[dict[str, Any]]:
    return [
        {
            "ago_s": round(at_s - pause.at_s, 1),
            "took_s": pause.duration_s,
            "generation": pause.generation,
            "freed": pause.collected,
            "where": show(pause.places[0]) if pause.places else "",
        }
        for pause in core.sensing.runtime.pauses(at_s - 600.0)
    ]
