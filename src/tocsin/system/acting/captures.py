"""What is captured: where the threads are, before the alert and for some seconds after it, and what the heap holds."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tocsin.model.alert import Evidence
from tocsin.model.units import format_value
from tocsin.sensors.runtime.stacks import StackRing
from tocsin.system.memory.baseline import as_document, evidence_of
from tocsin.system.memory.document import heap
from tocsin.system.witness.frames import line_of, own_place, show, waits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tocsin.model.memory import HeapSnapshot
    from tocsin.sensors.runtime.stacks import Place
    from tocsin.system.memory.baseline import Difference

    Sample = tuple[float, dict[int, tuple[Place, ...]]]

BEFORE_S: Final = 60.0
PAUSE_S: Final = 0.05
# What the ring of stacks holds, with some to spare.
MAX_SAMPLES: Final = 380
# Of one core, while it lasts: a program with very many threads is looked at less often.
SHARE: Final = 0.02
MAX_HEAP_BYTES: Final = 2_500_000
MAX_STACKS: Final = 4000
MAX_RUNS: Final = 60_000
MAX_LINES: Final = 10
MAX_FRAME_CHARS: Final = 500
_OWN_THREADS: Final = "tocsin-"


class Captured(NamedTuple):
    """What there is to keep.

    Attributes:
        body: of the artifact.
        words: what it is, for the trace.
        evidence: what of it the alert itself shows.
    """

    body: dict[str, Any]
    words: str
    evidence: Evidence | None


def capture_heap(snapshot: HeapSnapshot, difference: Difference | None) -> Captured:
    """What the heap holds by stack, and what it has gained by site since the program had warmed up."""
    body = heap(snapshot, max_bytes=MAX_HEAP_BYTES)
    body["difference"] = None if difference is None else as_document(difference)
    alive = format_value(snapshot.live_bytes or 0.0, "By")
    words = f"{len(body['stacks']):,} stacks that hold {alive}"
    return Captured(body, words, None if difference is None else evidence_of(difference))


def sample_stacks(seconds: float, why_stop: Callable[[], str], ending: threading.Event) -> tuple[list[Sample], str]:
    """Look at all threads again and again.

    Args:
        seconds: for how long.
        why_stop: asked between two looks; why it has to end sooner.
        ending: wakes it up for its end.
    Returns: what was seen, and why it ended sooner; empty if it did not.
    """
    ring = StackRing()
    began_s = at_s = time.perf_counter()
    pause_s = max(PAUSE_S, seconds / MAX_SAMPLES)
    why = ""
    while not why and at_s - began_s < seconds:
        used_s = time.thread_time()
        ring.sample(at_s, always=True)
        used_s = time.thread_time() - used_s
        ending.wait(max(pause_s, used_s / SHARE))
        why = why_stop()
        at_s = time.perf_counter()
    return ring.seen(began_s), why


def capture_stacks(before: Sequence[Sample], after: Sequence[Sample], rang_s: float) -> Captured:
    """Where the threads were.

    Args:
        before: what was seen before the alert, at the pace of the watch.
        after: what was seen since.
        rang_s: when it rang, by `time.perf_counter`.
    """
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    book = _Stacks()
    threads: dict[int, list[list[float]]] = {}
    left_out = 0
    runs = 0
    for at_s, stood in (*before, *after):
        for ident, places in stood.items():
            if names.get(ident, "").startswith(_OWN_THREADS):
                continue
            number = book.number_of(places)
            known = threads.setdefault(ident, [])
            if number is None or runs >= MAX_RUNS:
                left_out += 1
            elif known and known[-1][2] == number:
                known[-1][1] += 1
            else:
                known.append([round(at_s - rang_s, 3), 1, number])
                runs += 1
    samples = len(before) + len(after)
    body = {
        "samples": samples,
        "from_s": round(min((one[0] for one in (*before, *after)), default=rang_s) - rang_s, 3),
        "to_s": round(max((one[0] for one in (*before, *after)), default=rang_s) - rang_s, 3),
        "frames": book.frames,
        "stacks": book.stacks,
        "threads": [
            {"name": names.get(ident, "a thread that has ended"), "ident": ident, "runs": found}
            for ident, found in threads.items()
        ],
        "left_out": left_out,
    }
    return Captured(body, f"{samples:,} looks at {len(threads)} threads", _evidence(before, after, names))


class _Stacks:
    """Numbers stacks and their frames, each of which is named once."""

    def __init__(self) -> None:
        self.frames: list[list[Any]] = []
        self.stacks: list[list[int]] = []
        self._frames: dict[tuple[int, int], int] = {}
        self._stacks: dict[tuple[int, ...], int] = {}
        self._by_identity: dict[int, int] = {}

    def number_of(self, places: tuple[Place, ...]) -> int | None:
        """The number of a stack; None: there are too many."""
        known = self._by_identity.get(id(places))
        if known is not None:
            return known
        frames = tuple(self._frame(place) for place in places)
        number = self._stacks.get(frames)
        if number is None:
            if len(self.stacks) >= MAX_STACKS:
                return None
            number = self._stacks[frames] = len(self.stacks)
            self.stacks.append(list(frames))
        self._by_identity[id(places)] = number
        return number

    def _frame(self, place: Place) -> int:
        code, offset = place
        known = self._frames.get((id(code), offset))
        if known is None:
            known = self._frames[id(code), offset] = len(self.frames)
            file, function = (text.encode("utf-8", "replace").decode() for text in (code.co_filename, code.co_name))
            self.frames.append([file[:MAX_FRAME_CHARS], line_of(code, offset), function[:MAX_FRAME_CHARS]])
        return known


def _evidence(before: Iterable[Sample], after: Iterable[Sample], names: dict[int | None, str]) -> Evidence | None:
    """The functions in which the threads were found most often, those that wait left out."""
    # By thread and function; of each function the lines, since it is one of them that is looked for.
    seen: dict[tuple[str, str], Counter[int]] = defaultdict(Counter)
    places: dict[tuple[str, str, int], Place] = {}
    looks = 0
    for _, stood in (*before, *after):
        looks += 1
        for ident, stack in stood.items():
            name = names.get(ident, "a thread that has ended")
            if not stack or name.startswith(_OWN_THREADS) or waits(stack):
                continue
            place = own_place(stack)
            function = f"{place[0].co_filename}:{place[0].co_qualname}"
            line = line_of(*place)
            seen[name, function][line] += 1
            places.setdefault((name, function, line), place)
    if not seen:
        return None
    most = sorted(seen.items(), key=lambda item: -item[1].total())[:MAX_LINES]
    shown = []
    for (name, function), lines in most:
        [(line, _)] = lines.most_common(1)
        shown.append(f"{name}: {lines.total()} of {looks} looks in {show(places[name, function, line])}")
    return Evidence("stacks", "where the threads were before and after it rang", tuple(shown))
