"""What every thread was doing of late: a bounded memory of stack samples.

A stack that is taken when an alert fires shows what comes after the spike. These were taken before it.
"""

from __future__ import annotations

import math
import sys
import threading
import time
from collections import Counter, deque
from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING, Final, NamedTuple

from tocsin.sensors.runtime.pace import Pace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import CodeType, FrameType

# At one sample a second 30 seconds need 30; looking closer makes up to eight a second for a while.
_MAX_SAMPLES: Final = 400
_KEEP_S: Final = 90.0
_MAX_THREADS: Final = 200
_MAX_DEPTH: Final = 24
# Of one core: a program with very many threads is sampled less often.
_SHARE: Final = 0.001

Place = tuple["CodeType", int]
"""Where a frame stands: its code and the offset of its instruction. The line is looked up when it is shown."""

Stack = tuple["CodeType | int", ...]
"""Code and offset by turns, innermost first: one flat tuple, and nothing that keeps a frame's variables alive."""


class _Sample(NamedTuple):
    at_s: float
    idents: tuple[int, ...]
    stacks: tuple[Stack, ...]


class HotSpot(NamedTuple):
    """A function in which a thread was found often.

    Attributes:
        share: of the samples, 0 to 1.
        samples: in all.
        stack: the most frequent stack that ends there, innermost first.
    """

    share: float
    samples: int
    stack: tuple[Place, ...]


class StackRing:
    """Samples of all threads but the one that takes them.

    Frames are looked at and let go at once. Stacks of threads that stand still are kept once.
    Used by one thread at a time to sample; anybody may ask.
    """

    def __init__(self) -> None:
        self.skipped = 0
        self._samples: deque[_Sample] = deque(maxlen=_MAX_SAMPLES)
        self._latest: dict[int, Stack] = {}
        self._idents: tuple[int, ...] = ()
        self._pace = Pace(_SHARE)

    def __len__(self) -> int:
        return len(self._samples)

    def sample(self, at_s: float, *, always: bool = False) -> None:
        """Look at all threads now, unless that would cost too much.

        Args:
            at_s: the moment, by `time.perf_counter`.
            always: whether to look whatever it costs; for the moment when an alert fires.
        """
        if not (always or self._pace.allows(at_s)):
            self.skipped += 1
            return
        began_s = time.thread_time()
        latest: dict[int, Stack] = {}
        before, ours = self._latest, threading.get_ident()
        for ident, frame in islice(sys._current_frames().items(), _MAX_THREADS):  # noqa: SLF001 - documented, and alone
            if ident != ours:
                stack = _stack_of(frame)
                known = before.get(ident)
                latest[ident] = known if known is not None and known == stack else stack
        idents = tuple(latest)
        if idents != self._idents:
            self._idents = idents
        self._latest = latest
        samples = self._samples
        samples.append(_Sample(at_s, self._idents, tuple(latest.values())))
        while samples and samples[0].at_s < at_s - _KEEP_S:
            samples.popleft()
        self._pace.looked(at_s, time.thread_time() - began_s)

    def hot(
        self,
        ident: int,
        since_s: float,
        n: int = 3,
        *,
        until_s: float = math.inf,
        place_of: Callable[[Sequence[Place]], Place] = itemgetter(0),
        but: Callable[[Sequence[Place]], bool] = lambda _: False,
    ) -> list[HotSpot]:
        """The functions in which a thread was found most often since a moment, most often first.

        Args:
            ident: the thread.
            since_s: by `time.perf_counter`.
            n: how many functions.
            until_s: up to then.
            place_of: the place of a stack whose function counts; by default the innermost.
            but: which stacks to leave out.
        """
        # By identity: the hash of a code object is dear, and two functions may have equal code.
        functions: dict[int, list[Stack]] = {}
        for stack in self._stacks(ident, since_s, until_s):
            places = _places(stack)
            if not but(places):
                functions.setdefault(id(place_of(places)[0]), []).append(stack)
        total = sum(map(len, functions.values()))
        most = sorted(functions.values(), key=len, reverse=True)[:n]
        return [HotSpot(len(stacks) / total, total, _most_frequent(stacks)) for stacks in most]

    def last(self, ident: int) -> tuple[Place, ...]:
        """Where a thread stood in the last sample, innermost first; empty if it was not there."""
        return _places(self._latest.get(ident, ()))

    def idents(self, since_s: float) -> set[int]:
        """The threads that were seen since a moment."""
        return {ident for sample in tuple(self._samples) if sample.at_s >= since_s for ident in sample.idents}

    def seen(self, since_s: float) -> list[tuple[float, dict[int, tuple[Place, ...]]]]:
        """All that was seen since a moment, oldest first: when, and by thread where it stood, innermost first.

        Args:
            since_s: by `time.perf_counter`.
        """
        places: dict[int, tuple[Place, ...]] = {}  # stacks of threads that stand still are the very same object
        found = []
        for sample in tuple(self._samples):
            if sample.at_s >= since_s:
                for stack in sample.stacks:
                    if id(stack) not in places:
                        places[id(stack)] = _places(stack)
                stood = [places[id(stack)] for stack in sample.stacks]
                found.append((sample.at_s, dict(zip(sample.idents, stood, strict=True))))
        return found

    def forget(self) -> None:
        """Begin anew; in a forked child the threads are others."""
        self._samples.clear()
        self._latest, self._idents = {}, ()
        self._pace.forget()

    def _stacks(self, ident: int, since_s: float, until_s: float) -> Iterator[Stack]:
        for sample in tuple(self._samples):
            if since_s <= sample.at_s <= until_s and ident in sample.idents:
                yield sample.stacks[sample.idents.index(ident)]


def _stack_of(frame: FrameType | None) -> Stack:
    stack: list[CodeType | int] = []
    depth = _MAX_DEPTH
    while frame is not None and depth:
        stack += (frame.f_code, frame.f_lasti)
        frame = frame.f_back
        depth -= 1
    return tuple(stack)


def _most_frequent(stacks: list[Stack]) -> tuple[Place, ...]:
    by_places = {tuple(map(id, stack[::2])) + stack[1::2]: stack for stack in stacks}
    counts = Counter(tuple(map(id, stack[::2])) + stack[1::2] for stack in stacks)
    return _places(by_places[counts.most_common(1)[0][0]])


def _places(stack: Stack) -> tuple[Place, ...]:
    return tuple(zip(stack[::2], stack[1::2], strict=True))  # type: ignore[arg-type]
