"""What the command line may ask of the memory room, as plain values within the size that a reply may have."""

from __future__ import annotations

import os
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tocsin.memory.places import own_frame
from tocsin.model.memory import LeakState
from tocsin.system.memory.document import encodable, heap

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tocsin.model.memory import HeapSnapshot, LeakSite
    from tocsin.system.memory.room import MemoryRoom

# Of sites that are not suspected the first few say enough.
MAX_QUIET_SITES: Final = 40
MAX_USES: Final = 20
# Lines of a chart.
MAX_LINES: Final = 7


def answers_on_memory(room: MemoryRoom) -> Mapping[str, Callable[[], dict[str, Any]]]:
    """By command, who answers."""
    return {
        "leaks": lambda: leaks(room),
        "heap": lambda: heap(room.snapshot()),
        "survivors": lambda: survivors(room.snapshot()),
    }


def leaks(room: MemoryRoom) -> dict[str, Any]:
    """The verdict on leaks, and the report beside it. The stack of a site is that of its first."""
    _, report, analysis = room.seen()
    accused = [site for site in analysis.sites if site.state is not LeakState.WATCH]
    quiet = [site for site in analysis.sites if site.state is LeakState.WATCH]
    shown = [*accused, *quiet[:MAX_QUIET_SITES]]
    figures = {
        "pid": os.getpid(),
        "enabled": room.enabled,
        "growth_rate_mb_per_hour": analysis.growth_rate_mb_per_hour,
        "growth_low": analysis.growth_low,
        "growth_high": analysis.growth_high,
        "observed_s": analysis.observed_s,
        "snapshots": analysis.snapshots,
        "tier": analysis.tier,
        "remarks": list(dict.fromkeys((*analysis.remarks, *report.remarks))),
        "sites": [_site(site) for site in shown],
        "sites_left_out": len(analysis.sites) - len(shown),
    }
    plain: dict[str, Any] = msgspec.to_builtins(figures)
    short = msgspec.structs.replace(
        report, components=report.components[:MAX_USES], sites=report.sites[:MAX_USES], remarks=()
    )
    told: dict[str, Any] = encodable(plain | {"report": msgspec.to_builtins(short)})
    return told


def _site(site: LeakSite) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(site)
    return {name: value for name, value in plain.items() if name not in {"key", "stack_numbers"}}


def survivors(snapshot: HeapSnapshot) -> dict[str, Any]:
    """What lives now, by the line that holds most and by when it was allocated: a leak rises, a full cache is flat.

    Args:
        snapshot: the heap.
    Returns: `ago_s`, moments before the snapshot, oldest first; and `lines`, each with `name` and for each moment in
        `values` the bytes that live and were there by then.
    """
    born: dict[str, dict[float, float]] = {}
    for stack in snapshot.stacks:
        frame = own_frame(stack.frames)
        if frame is not None:
            times = born.setdefault(encodable(str(frame)), {})
            for births in stack.births:
                times[births.to_s] = times.get(births.to_s, 0.0) + births.live_bytes
    most = sorted(born, key=lambda name: -sum(born[name].values()))[:MAX_LINES]
    moments = sorted({at_s for name in most for at_s in born[name]})
    lines = []
    for name in most:
        sums = accumulate(born[name].get(at_s, 0.0) for at_s in moments)
        lines.append({"name": name, "values": [round(value) for value in sums]})
    return {"ago_s": [round(snapshot.at_s - at_s, 1) for at_s in moments], "lines": lines}
