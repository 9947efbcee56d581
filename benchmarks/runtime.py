"""What it costs to look at the interpreter: each reading, each garbage collection, each sample of all stacks.

CPU time of the calling thread in a loop without pauses, medians of rounds; at a real reading a second the caches are
cold, and each costs two to three times as much. The peer of the stack sample is the standard library's own way,
`traceback.StackSummary`; that of the collector's callback is a collection without it.
"""

from __future__ import annotations

import gc
import sys
import threading
import traceback
from itertools import count
from statistics import median
from time import perf_counter, thread_time_ns
from typing import TYPE_CHECKING

from benchmarks.report import Figures, Result

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

THREADS = 20
DEPTH = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How long."""
    parser.add_argument("--rounds", type=int, default=30, help="rounds of a hundred calls each (30)")


def run(args: argparse.Namespace) -> Result:
    """With twenty threads that wait, as those of a server do."""
    over = threading.Event()
    threads = [threading.Thread(target=_stand, args=(DEPTH, over), daemon=True) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    try:
        return _result(args.rounds)
    finally:
        over.set()


def _result(rounds: int) -> Result:
    from tocsin.clock import SystemClock
    from tocsin.sensors.choose import runtime_sensors
    from tocsin.sensors.runtime.gc import GcSensor
    from tocsin.sensors.runtime.gil import WakeupProbe
    from tocsin.sensors.runtime.stacks import StackRing
    from tocsin.sensors.runtime.threads import ThreadTimes

    now, probe, ring, times = SystemClock().now(), WakeupProbe(), StackRing(), ThreadTimes()
    collector = GcSensor()
    gc.disable()
    bare_ns = _cost_ns(lambda: gc.collect(0), rounds)
    ours: Figures = {}
    for sensor in runtime_sensors(collector, probe, list):
        sensor.read(now)
        ours[f"{sensor.name}_us"] = _cost_ns(lambda read=sensor.read: read(now), rounds) / 1e3  # type: ignore[misc]
    ours["gc_callback_us"] = (_cost_ns(lambda: gc.collect(0), rounds) - bare_ns) / 1e3
    collector.close()

    def sleep() -> None:
        probe.before_sleep(1.0)
        probe.after_wake(1.001)

    ours["sleep_probe_us"] = _cost_ns(sleep, rounds) / 1e3
    ours[f"stacks_of_{THREADS}_threads_us"] = _cost_ns(lambda: ring.sample(perf_counter(), always=True), rounds) / 1e3
    later_s = count(0.0, 1e3)
    ours[f"cpu_of_{THREADS}_threads_us"] = _cost_ns(lambda: times.remember(next(later_s)), rounds) / 1e3
    gc.enable()
    standard: Figures = {f"stacks_of_{THREADS}_threads_us": _cost_ns(_extract, max(rounds // 10, 1)) / 1e3}
    return Result(
        name="runtime",
        ours=ours,
        peers={"traceback": standard},
        notes=(f"{THREADS} threads, each about {DEPTH + 5} frames deep.",),
    )


def _stand(depth: int, over: threading.Event) -> None:
    if depth:
        _stand(depth - 1, over)
    else:
        over.wait()


def _extract() -> None:
    for frame in sys._current_frames().values():
        traceback.StackSummary.extract(traceback.walk_stack(frame), lookup_lines=False)


def _cost_ns(call: Callable[[], object], rounds: int) -> float:
    def round_ns() -> float:
        began = thread_time_ns()
        for _ in range(100):
            call()
        return (thread_time_ns() - began) / 100

    return median(round_ns() for _ in range(rounds))
