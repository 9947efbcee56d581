"""The heap as plain values, within a size: for the command line and for artifacts."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from tocsin.model.readings import inert

if TYPE_CHECKING:
    from tocsin.model.memory import Frame, HeapSnapshot, HeapStack

MAX_TEXT: Final = 1000
# A reply may have 4 MiB; what JSON adds to the texts of the frames is reckoned in.
MAX_BYTES: Final = 3 * 2**20
_BYTES_A_FRAME: Final = 24
_BYTES_A_NUMBER: Final = 7
_BYTES_A_STACK: Final = 60


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
        "frames": [[encodable(frame.file), frame.line, encodable(frame.function)] for frame in frames],
        "stacks": stacks,
        "stacks_left_out": left_out,
        "bytes_left_out": round(left_out_bytes),
        "remarks": list(snapshot.remarks),
    }


def encodable(value: Any) -> Any:
    """The same plain value; file names that are no text (lone surrogates) are made one, since JSON knows no others."""
    match value:
        case str():
            return inert(value, MAX_TEXT)
        case dict():
            return {key: encodable(item) for key, item in value.items()}
        case list() | tuple():
            return [encodable(item) for item in value]
    return value


def _size_of(stack: HeapStack, fresh: list[Frame]) -> int:
    """About how many bytes of JSON a stack and its new frames take; a letter may take six."""
    texts = sum(
        len(frame.file.encode("utf-8", "replace")) + len(frame.function.encode("utf-8", "replace")) for frame in fresh
    )
    return _BYTES_A_STACK + _BYTES_A_NUMBER * len(stack.frames) + _BYTES_A_FRAME * len(fresh) + texts
