"""What the command line may ask of the memory room, as plain values within the size that a reply may have."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tocsin.model.memory import LeakState
from tocsin.model.readings import inert

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tocsin.model.memory import Frame, HeapSnapshot, HeapStack, LeakSite
    from tocsin.system.memory import MemoryRoom

# Of sites that are not suspected the first few say enough.
MAX_QUIET_SITES: Final = 40
MAX_USES: Final = 20
MAX_TEXT: Final = 1000
# A reply may have 4 MiB; what JSON adds to the texts of the frames is reckoned in.
MAX_BYTES: Final = 3 * 2**20
_BYTES_A_FRAME: Final = 24
_BYTES_A_NUMBER: Final = 7
_BYTES_A_STACK: Final = 60


def answers_on_memory(room: MemoryRoom) -> Mapping[str, Callable[[], dict[str, Any]]]:
    """By command, who answers."""
    return {"leaks": lambda: leaks(room), "heap": lambda: heap(room.snapshot())}


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
    told: dict[str, Any] = _encodable(plain | {"report": msgspec.to_builtins(short)})
    return told


def _site(site: LeakSite) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(site)
    return {name: value for name, value in plain.items() if name not in {"key", "stack_numbers"}}


def heap(snapshot: HeapSnapshot, *, max_bytes: int = MAX_BYTES) -> dict[str, Any]:
    """What lives, by stack: frames are named once and stacks are lists of their numbers, innermost first.

    Args:
        snapshot: the heap.
        max_bytes: of the reply; the stacks that hold least are left out, and counted.
    """
    frames: dict[Frame, int] = {}
    stacks: list[dict[str, Any]] = []
    left_out, left_out_bytes, room = 0, 0.0, max_bytes
    for stack in sorted(snapshot.stacks, key=lambda one: -one.live_bytes):
        if not stack.samples:
            continue
        fresh = [frame for frame in dict.fromkeys(stack.frames) if frame not in frames]
        room -= _size_of(stack, fresh)
        if room < 0:
            left_out, left_out_bytes = left_out + 1, left_out_bytes + stack.live_bytes
            continue
        for frame in fresh:
            frames[frame] = len(frames)
        numbers = [frames[frame] for frame in stack.frames]
        stacks.append({"frames": numbers, "bytes": round(stack.live_bytes), "samples": stack.samples})
    return {
        "pid": os.getpid(),
        "at_s": snapshot.at_s,
        "tier": snapshot.tier.value,
        "interval_bytes": snapshot.interval_bytes,
        "live_bytes": snapshot.live_bytes,
        "frames": [[_encodable(frame.file), frame.line, _encodable(frame.function)] for frame in frames],
        "stacks": stacks,
        "stacks_left_out": left_out,
        "bytes_left_out": round(left_out_bytes),
        "remarks": list(snapshot.remarks),
    }


def _encodable(value: Any) -> Any:
    """The same plain value; file names that are no text (lone surrogates) are made one, since JSON knows no others."""
    match value:
        case str():
            return inert(value, MAX_TEXT)
        case dict():
            return {key: _encodable(item) for key, item in value.items()}
        case list() | tuple():
            return [_encodable(item) for item in value]
    return value


def _size_of(stack: HeapStack, fresh: list[Frame]) -> int:
    """About how many bytes of JSON a stack and its new frames take; a letter may take six."""
    texts = sum(
        len(frame.file.encode("utf-8", "replace")) + len(frame.function.encode("utf-8", "replace")) for frame in fresh
    )
    return _BYTES_A_STACK + _BYTES_A_NUMBER * len(stack.frames) + _BYTES_A_FRAME * len(fresh) + texts
