"""Stacks of threads as pictures: how long each was seen where, and in which order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tocsin import __version__
from tocsin.cli.flame.page import page_of
from tocsin.cli.flame.speedscope import SCHEMA
from tocsin.library import is_library, short_path
from tocsin.model.units import format_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_WORDS = {
    "unit": "s", "column": "seconds", "all": "all threads", "own": "seen in this line itself", "reset": "All threads",
    "graph": "Time by stack, one row of boxes a call, threads on top",
}  # fmt: skip


def threads_page(stacks: Mapping[str, Any]) -> str:
    """The flame graph of an artifact of the kind `stacks`: one HTML file that loads nothing."""
    frames = [[short_path(file), line, function, is_library(file)] for file, line, function in stacks["frames"]]
    seen: list[dict[str, Any]] = []
    for thread in stacks["threads"]:
        frames.append(["", 0, f"thread {thread['name']}", False])
        sums: dict[int, tuple[float, int]] = {}
        for number, seconds, looks in spans(stacks, thread):
            before = sums.get(number, (0.0, 0))
            sums[number] = before[0] + seconds, before[1] + looks
        seen += [
            {"frames": [*stacks["stacks"][number], len(frames) - 1], "bytes": round(seconds, 3), "samples": looks}
            for number, (seconds, looks) in sums.items()
        ]
    return page_of({
        "title": title(stacks), "subtitle": subtitle(stacks), "frames": frames, "stacks": seen, "words": _WORDS,
    })  # fmt: skip


def threads_profile(stacks: Mapping[str, Any]) -> dict[str, Any]:
    """The same as a profile for speedscope: one a thread, in the order of time, weights in seconds."""
    profiles = []
    for thread in stacks["threads"]:
        found = list(spans(stacks, thread))
        profiles.append({
            "type": "sampled", "name": thread["name"], "unit": "seconds", "startValue": 0,
            "endValue": round(sum(seconds for _, seconds, _ in found), 6),
            # Speedscope wants the outermost frame first.
            "samples": [list(reversed(stacks["stacks"][number])) for number, _, _ in found],
            "weights": [round(seconds, 6) for _, seconds, _ in found],
        })  # fmt: skip
    return {
        "$schema": SCHEMA,
        "exporter": f"tocsin {__version__}",
        "name": title(stacks),
        "activeProfileIndex": 0,
        "shared": {
            "frames": [{"name": function, "file": file, "line": line} for file, line, function in stacks["frames"]]
        },
        "profiles": profiles,
    }


def spans(stacks: Mapping[str, Any], thread: Mapping[str, Any]) -> Iterator[tuple[int, float, int]]:
    """Where a thread was seen: the number of the stack, for how many seconds, and in how many looks.

    It counts as there until it is next seen elsewhere; at its last place for as long as looks are apart on average.
    """
    runs = thread["runs"]
    pause_s = (stacks["to_s"] - stacks["from_s"]) / max(stacks["samples"] - 1, 1)
    for place, (at_s, looks, number) in enumerate(runs):
        until_s = runs[place + 1][0] if place + 1 < len(runs) else min(at_s + looks * pause_s, stacks["to_s"] + pause_s)
        yield int(number), max(until_s - at_s, 0.0), int(looks)


def title(stacks: Mapping[str, Any]) -> str:
    """Whose stacks these are."""
    return f"Stacks of {stacks['program']} (pid {stacks['pid']})"


def subtitle(stacks: Mapping[str, Any]) -> str:
    """What is shown, and from when to when."""
    before, after = (format_value(abs(stacks[key]), "s") for key in ("from_s", "to_s"))
    left_out = f"; {stacks['left_out']:,} left out" if stacks["left_out"] else ""
    return (
        f"{stacks['samples']:,} looks from {before} before {stacks['alert_title']!r} rang to {after} after{left_out}; "
        + str(stacks["at"])
    )
