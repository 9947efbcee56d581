"""A double of the C extension `_heap`: its contract, with samples that a test writes down."""

from __future__ import annotations

import struct
from collections import defaultdict
from dataclasses import dataclass, field

FIRST_STACK = 4
Place = tuple[str, int, str]


@dataclass
class Sample:
    stack: int
    epoch: int
    live_bytes: float
    variance: float
    is_small: bool


@dataclass
class ScriptedHeap:
    """Each `allocate` is one sampled block; nothing is random.

    Attributes:
        calls: what was called of start and stop, in order.
        arenas: what `arena_bytes` answers.
        refuses: raised by `start`.
        figures: what `state` says beside the interval.
    """

    arenas: int = -1
    refuses: Exception | None = None
    calls: list[str] = field(default_factory=list)
    figures: dict[str, float] = field(
        default_factory=lambda: {"thinned": 0, "lost": 0, "numpy_slots": 2, "in_place": 1}
    )
    resolved: list[int] = field(default_factory=list)
    interval: float = 0.0
    malloc: tuple[int, int] | None = None
    asked_malloc: int = 0
    max_samples: int = 0
    epoch: int = 0
    active: bool = False
    samples: list[Sample] = field(default_factory=list)
    _stacks: list[tuple[Place, ...]] = field(default_factory=list)
    _taken: dict[int, tuple[int, float]] = field(default_factory=dict)

    def load(self) -> tuple[ScriptedHeap, str]:
        return self, ""

    def allocate(self, *places: Place, n_bytes: float, variance: float = 0.0, small: bool = False) -> Sample:
        if places not in self._stacks:
            self._stacks.append(places)
        number = FIRST_STACK + self._stacks.index(places)
        sample = Sample(number, self.epoch, float(n_bytes), float(variance), small)
        self.samples.append(sample)
        count, total = self._taken.get(number, (0, 0.0))
        self._taken[number] = count + 1, total + n_bytes
        return sample

    def free(self, sample: Sample) -> None:
        self.samples.remove(sample)

    def start(self, interval: float = 131072.0, max_samples: int = 65536) -> None:
        if self.refuses is not None:
            raise self.refuses
        self.calls.append("start")
        self.interval, self.max_samples, self.epoch, self.active = interval, max_samples, 0, True
        self.samples.clear()
        self._taken.clear()

    def stop(self) -> None:
        self.calls.append("stop")
        self.active = False

    def is_active(self) -> bool:
        return self.active

    def mark(self) -> int:
        self.epoch += 1
        return self.epoch

    def snapshot(self) -> list[tuple[int, float, float, int, int, float, bytes]]:
        rows = []
        for number, (taken, taken_bytes) in sorted(self._taken.items()):
            alive = [sample for sample in self.samples if sample.stack == number]
            by_epoch: defaultdict[int, list[float]] = defaultdict(list)
            for sample in alive:
                by_epoch[sample.epoch].append(sample.live_bytes)
            packed = b"".join(
                struct.pack("IId", epoch, len(some), sum(some)) for epoch, some in sorted(by_epoch.items())
            )
            live, variance = sum(one.live_bytes for one in alive), sum(one.variance for one in alive)
            rows.append((number, live, variance, len(alive), taken, taken_bytes, packed))
        return rows

    def frames(self, stack: int) -> tuple[Place, ...]:
        self.resolved.append(stack)
        return self._stacks[stack - FIRST_STACK]

    def small_blocks(self) -> tuple[float, float, float, float]:
        small = [sample for sample in self.samples if sample.is_small]
        return (
            sum(one.live_bytes / 64 for one in small),
            sum(one.live_bytes for one in small),
            sum(one.variance for one in small),
            sum(one.live_bytes for one in small),
        )

    def state(self) -> dict[str, float]:
        return {"interval": self.interval, "alive": len(self.samples), "max_samples": self.max_samples, **self.figures}

    def malloc_free(self) -> tuple[int, int] | None:
        self.asked_malloc += 1
        return self.malloc

    def arena_bytes(self) -> int:
        return self.arenas
