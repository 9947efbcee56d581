"""What a run knows of itself, in lines: for the record that outlives it."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Final

from tocsin.library import is_own
from tocsin.model.levels import AlertState
from tocsin.model.readings import SeriesKey, inert
from tocsin.system.witness.frames import lines_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import CodeType, FrameType

    from tocsin.model.alert import PerformanceAlert
    from tocsin.model.memory import MemoryReport

RSS: Final = SeriesKey("process.memory.usage")
LIMIT: Final = SeriesKey("process.memory.limit")
PEAK: Final = SeriesKey("process.memory.peak")
WANTED: Final = frozenset({RSS, LIMIT, PEAK})
_MAX_THREADS: Final = 12
_MAX_FRAMES: Final = 5
_KNOWN_FRAMES: Final = 24
_MAX_ALERTS: Final = 10
_MAX_SITES: Final = 5
_MAX_CHARS: Final = 160
_OURS: Final = "tocsin-"


Known = dict[tuple[int, ...], tuple[list["CodeType"], list[str]]]
"""The lines of a stack by the ids and offsets of its code, which is kept here so that its ids stay its own."""


def megabytes(latest: Mapping[SeriesKey, float], key: SeriesKey) -> float | None:
    """A reading of bytes; None: there is none."""
    value = latest.get(key)
    return None if value is None or value != value else value / 1e6  # noqa: PLR0124 - NaN


def sites_of(report: MemoryReport | None) -> tuple[str, ...]:
    """Who holds most memory, a line each."""
    if report is None:
        return ()
    return tuple(inert(f"{site.live_mb:,.1f} MB {site.name}", _MAX_CHARS) for site in (report.sites or ())[:_MAX_SITES])


def alerts_of(alerts: Iterable[PerformanceAlert]) -> tuple[str, ...]:
    """What rings, the worst first, a line each."""
    firing = sorted((one for one in alerts if one.state is AlertState.FIRING), key=lambda one: -one.severity)
    return tuple(inert(f"{one.severity.word} {one.title}: {one.message}", _MAX_CHARS) for one in firing[:_MAX_ALERTS])


def stacks(known: Known) -> tuple[str, ...]:
    """Where the program's threads stand, innermost first, the main thread before the others; a line each frame.

    Args:
        known: the lines of stacks that were seen before; for the next call.
    """
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    main = threading.main_thread().ident
    frames = sys._current_frames()  # noqa: SLF001 - documented, in spite of its name
    found: list[str] = []
    theirs = [ident for ident in frames if not names.get(ident, "").startswith(_OURS)]
    for ident in sorted(theirs, key=lambda one: one != main)[:_MAX_THREADS]:
        found.append(f"{names.get(ident, f'thread {ident}')}:")
        frame: FrameType | None = frames[ident]
        while frame is not None and is_own(frame.f_code.co_filename):
            frame = frame.f_back  # this very record is made on a thread of the program's, at its start
        if frame is not None:
            found += _lines(frame, known)
    return tuple(found)


def _lines(frame: FrameType, known: Known) -> list[str]:
    """The lines of a stack; those of a thread that stands where it stood are not made again."""
    codes: list[CodeType] = []
    place: list[int] = []  # by identity: the hash of a code object is dear, and two functions may have equal code
    at: FrameType | None = frame
    while at is not None and len(codes) < _KNOWN_FRAMES:
        codes.append(at.f_code)
        place += (id(at.f_code), at.f_lasti)
        at = at.f_back
    key = tuple(place)
    if key not in known:
        if len(known) >= _MAX_THREADS:
            known.clear()
        known[key] = codes, [f"  {inert(line, _MAX_CHARS)}" for line in lines_of(frame)[:_MAX_FRAMES]]
    return known[key][1]
