"""What holds the survivors of a leak: our search against `gc.get_referrers`, level by level, on heaps of two sizes.

Each heap is made in a process of its own: instances with a list each, in a dict that is an attribute of a global; 32
of the lists are asked for. A second thread looks at the clock all the time: its longest gap is how long the program
stood.
The two take turns, and medians are given. The gap of a quiet turn is that of the machine.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import threading
from statistics import median
from time import perf_counter, sleep, thread_time
from typing import TYPE_CHECKING, Any

from benchmarks.report import Figures, Result

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

ASKED = 32
LEVELS_MOST = 6


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How much, and how often."""
    parser.add_argument("--objects", type=int, nargs="*", default=[200_000, 2_000_000], help="sizes of the heap")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each (5)")


def run(args: argparse.Namespace) -> Result:
    """A process for each size."""
    ours: Figures = {}
    referrers: Figures = {}
    quiet: Figures = {}
    for objects in args.objects:
        command = [sys.executable, "-m", "benchmarks.retention", str(objects), str(args.rounds)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found: dict[str, Figures] = json.loads(done.stdout)
        for figures, name in ((ours, "ours"), (referrers, "referrers"), (quiet, "quiet")):
            figures.update({f"{key}_{objects // 1000}k": value for key, value in found[name].items()})
    return Result(
        name="retention",
        ours=ours,
        peers={"gc.get_referrers": referrers, "nobody looks": quiet},
        notes=(
            f"{ASKED} survivors; medians of {args.rounds} turns. longest_stop_ms: of another thread, in each turn.",
            "longest_hold_cpu_ms: CPU time of the longest slice of ours, of one call of theirs, with the GIL.",
            "found: the share of turns in which the global was named. Ours rests as long as it looks.",
        ),
    )


class _Item:
    def __init__(self, number: int) -> None:
        self.rows = [number]


class _Store:
    def __init__(self) -> None:
        self.cache: dict[int, _Item] = {}


STORE = _Store()


def _ours() -> bool:
    from tocsin.memory.retention import find_holders

    return find_holders({1: _asked()})[1].chain[-1].endswith("STORE")


def _asked() -> list[int]:
    items = STORE.cache
    return [id(items[number].rows) for number in range(0, len(items), max(len(items) // ASKED, 1))]


def _longest_slice_s() -> float:
    """Of the CPU, within a pass: on a busy machine another thread's stop is mostly that of the machine."""
    from tocsin.memory import _heap
    from tocsin.memory.retention import SLICE_SHARE

    search, longest, is_over = _heap.holders(_asked(), {}), 0.0, False
    while not is_over:
        began = thread_time()
        is_over = search.step(0.005 * SLICE_SHARE)
        longest = max(longest, thread_time() - began)
    return longest


def _longest_call_s() -> float:
    asked = [STORE.cache[number].rows for number in range(ASKED)]
    began = thread_time()
    gc.get_referrers(*asked)
    return thread_time() - began


def _referrers() -> bool:
    """Level by level, until the namespace is met."""
    wanted = set(_asked())
    frontier = [one for one in gc.get_objects() if id(one) in wanted]
    seen = {id(one) for one in frontier}
    for _ in range(LEVELS_MOST):
        above: list[Any] = []
        for one in gc.get_referrers(*frontier):
            if one is globals():
                return True
            if id(one) not in seen and one is not frontier and one is not above:
                seen.add(id(one))
                above.append(one)
        frontier = above
    return False


def _nobody() -> bool:
    sleep(0.3)
    return False


def _turn(look: Callable[[], bool]) -> tuple[float, float, float, float]:
    """Seconds on the clock and of the CPU, the longest stop of another thread, and whether it was found."""
    over, longest = threading.Event(), [0.0]

    def watch() -> None:
        before = perf_counter()
        while not over.is_set():
            now = perf_counter()
            longest[0] = max(longest[0], now - before)
            before = now

    watcher = threading.Thread(target=watch)
    watcher.start()
    began, cpu = perf_counter(), thread_time()
    was_found = look()
    took, cpu = perf_counter() - began, thread_time() - cpu
    over.set()
    watcher.join()
    return took, cpu, longest[0], float(was_found)


def main(objects: int, rounds: int) -> None:
    """In a process of its own."""
    gc.disable()
    STORE.cache.update((number, _Item(number)) for number in range(objects // 2))
    gc.collect()
    looks = {"ours": _ours, "referrers": _referrers, "quiet": _nobody}
    turns: dict[str, list[tuple[float, float, float, float]]] = {name: [] for name in looks}
    for _ in range(rounds):
        for name, look in looks.items():
            turns[name].append(_turn(look))
    figures = {
        name: {
            "took_ms": median(turn[0] for turn in some) * 1e3,
            "cpu_ms": median(turn[1] for turn in some) * 1e3,
            "longest_stop_ms": median(turn[2] for turn in some) * 1e3,
            "found": sum(turn[3] for turn in some) / len(some),
        }
        for name, some in turns.items()
    }
    for name, longest_s in (("ours", _longest_slice_s), ("referrers", _longest_call_s)):
        figures[name]["longest_hold_cpu_ms"] = median(longest_s() for _ in range(rounds)) * 1e3
    print(json.dumps(figures))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
