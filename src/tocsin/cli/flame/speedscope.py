"""The heap as a profile that speedscope reads: one sample a stack, its weight the bytes that live."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tocsin import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

# The schema's address is the name by which the reader knows the format; nothing is fetched from it.
SCHEMA: Final = "https://www.speedscope.app/file-format-schema.json"


def speedscope_profile(heap: Mapping[str, Any], program: str) -> dict[str, Any]:
    """The profile.

    Args:
        heap: the answer of a program to the command `heap`.
        program: its name and pid.
    """
    stacks = heap["stacks"]
    left_out = heap["stacks_left_out"]
    weights = [stack["bytes"] for stack in stacks]
    # Speedscope wants the outermost frame first.
    samples = [list(reversed(stack["frames"])) for stack in stacks]
    return {
        "$schema": SCHEMA,
        "exporter": f"tocsin {__version__}",
        "name": f"Heap of {program}" + (f", {left_out:,} small stacks left out" if left_out else ""),
        "activeProfileIndex": 0,
        "shared": {
            "frames": [{"name": function, "file": file, "line": line} for file, line, function in heap["frames"]]
        },
        "profiles": [
            {
                "type": "sampled",
                "name": "live bytes",
                "unit": "bytes",
                "startValue": 0,
                "endValue": sum(weights),
                "samples": samples,
                "weights": weights,
            }
        ],
    }
