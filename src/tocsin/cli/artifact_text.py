"""Artifacts in lines for the terminal."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from tocsin.cli.alert_list import stamp
from tocsin.cli.alert_text import age, moment_of
from tocsin.cli.flame.threads import spans
from tocsin.cli.layout import fit
from tocsin.library import is_library, short_path
from tocsin.model.units import format_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

MAX_ROWS = 15
MAX_PLACES = 3


def list_lines(found: Sequence[Mapping[str, Any]], utc: datetime, width: int) -> list[str]:
    """For each artifact its id, and what, when, how large and for which alert it was taken."""
    lines: list[str] = []
    for one in found:
        size = format_value(float(one["bytes"]), "By")
        lines += fit(str(one["id"]), width)
        if one["reason"]:
            lines += fit(f"{size}, cannot be read: {one['reason']}", width, first="    ")
            continue
        at = moment_of(one["at"])
        when = "" if at is None else f"{age((utc - at).total_seconds())} ago"
        lines += fit(f"{one['kind']}, {when}, {size}, {one['action']}", width, first="    ")
        lines += fit(f"{one['alert_title']} (alert {one['alert_id']}) of {one['program']}", width, first="    ")
    return lines


def shown_lines(found: Mapping[str, Any], width: int) -> Iterator[str]:
    """An artifact in a few lines; what is not shown is in its exports."""
    yield from fit(
        f"{found['kind']} of {found['program']} (pid {found['pid']}), {stamp(moment_of(found['at']))}", width
    )
    alert = f"{found['alert_title']}, rule {found['rule']}, alert {found['alert_id']}"
    yield from fit(f"taken by {found['action']} when this rang: {alert}", width)
    yield ""
    for line in _stacks(found) if found["kind"] == "stacks" else _heap(found):
        yield from fit(line, width, rest="      ")


def _heap(found: Mapping[str, Any]) -> Iterator[str]:
    yield f"{format_value(float(found['live_bytes'] or 0), 'By')} alive in Python, seen by {found['tier']}"
    difference = found.get("difference")
    if difference is None:
        yield "There is no earlier heap to compare it with."
    else:
        span = format_value(difference["to_s"] - difference["from_s"], "s")
        since = "since the program had warmed up" if difference["warm"] else "since the first look"
        yield f"What it gained {since}, {span} before (95 % interval):"
        for site in difference["sites"][:MAX_ROWS]:
            if site["gained_bytes"] > 0:
                low, high = (_signed(site[key]) for key in ("low_bytes", "high_bytes"))
                place = _place(site["file"], site["line"], site["function"])
                yield f"  {_signed(site['gained_bytes'])} ({low} to {high})  {place}"
    yield "What holds most now, by the program's own line:"
    sums: dict[str, float] = defaultdict(float)
    for stack in found["stacks"]:
        sums[_own(found["frames"], stack["frames"])] += stack["bytes"]
    for place, held in sorted(sums.items(), key=lambda item: -item[1])[:MAX_ROWS]:
        yield f"  {format_value(held, 'By')}  {place}"


def _stacks(found: Mapping[str, Any]) -> Iterator[str]:
    before, after = (format_value(abs(found[key]), "s") for key in ("from_s", "to_s"))
    yield f"{found['samples']:,} looks at all threads, from {before} before it rang to {after} after"
    for thread in found["threads"]:
        sums: dict[str, float] = defaultdict(float)
        for number, seconds, _ in spans(found, thread):
            sums[_own(found["frames"], found["stacks"][number])] += seconds
        yield f"{thread['name']}:"
        for place, seconds in sorted(sums.items(), key=lambda item: -item[1])[:MAX_PLACES]:
            yield f"  {format_value(seconds, 's')}  {place}"


def _own(frames: Sequence[Sequence[Any]], stack: Sequence[int]) -> str:
    """The innermost place of a stack that is the program's own; else the innermost."""
    if not stack:
        return "code that is not known"
    own = next((number for number in stack if not is_library(frames[number][0])), stack[0])
    return _place(*frames[own])


def _place(file: str, line: int, function: str) -> str:
    return f"{short_path(file)}:{line} in {function}" if file else function


def _signed(n_bytes: float) -> str:
    return f"{'-' if n_bytes < 0 else '+'}{format_value(abs(float(n_bytes)), 'By')}"
