"""What `emit` costs the program's threads: eight of them at full speed, against `queue.Queue.put_nowait`.

Ours validates, counts, and is drained by the watch thread, which merges and judges; the queue of the same size is
emptied by a thread every millisecond and does nothing else. Each call is timed; they take turns.

The third is a function that only counts, about as long as `emit` takes: what eight threads that contend for two cores
and one lock do to any call of that length.
"""

from __future__ import annotations

import queue
import threading
from array import array
from statistics import median
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from benchmarks.report import Figures, Result

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

THREADS = 8
_TURNS = range(40)
TITLES = [f"title {number}" for number in range(THREADS)]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How much and how often."""
    parser.add_argument("--calls", type=int, default=50_000, help="calls of each thread in each round (50,000)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds, the two in turn (5)")


def run(args: argparse.Namespace) -> Result:
    """Let both take turns, and take the median of each figure."""
    ours: list[Figures] = []
    theirs: list[Figures] = []
    counting: list[Figures] = []
    for _ in range(args.rounds):
        ours.append(_ours(args.calls))
        theirs.append(_queue(args.calls))
        counting.append(_storm(args.calls, _count))
    return Result(
        name="emit",
        ours=_medians(ours),
        peers={"queue.Queue": _medians(theirs), "a loop": _medians(counting)},
        packages=("msgspec",),
        notes=(f"{THREADS} threads, {args.calls} calls each, medians of {args.rounds} rounds.",),
    )


def _ours(calls: int) -> Figures:
    from tocsin import AlertConfig, AlertSeverity, AlertSystem

    system = AlertSystem(AlertConfig(channels=[_nobody], default_rules=False), sensors=())
    level = AlertSeverity.WARNING
    with system:
        took = _storm(calls, lambda title, message: system.emit(title, message, level, "bench"))
        system.flush(10.0)
        counts = system.counters()
    offered = counts["events_offered"]
    assert offered == THREADS * calls, "an event was not counted"
    assert counts["events_accepted"] + counts["events_coalesced"] + counts["events_dropped"] == offered
    return took | {"taken_percent": 100.0 * (offered - counts["events_dropped"]) / offered}


def _queue(calls: int) -> Figures:
    from tocsin import AlertConfig

    waiting: queue.Queue[Any] = queue.Queue(AlertConfig().emit_queue_size)
    dropped, over = [0] * THREADS, threading.Event()

    def consume() -> None:
        while not over.wait(0.001):
            while not waiting.empty():
                waiting.get_nowait()

    def put(title: str, message: str) -> None:
        try:
            waiting.put_nowait((title, message, 2, "bench"))
        except queue.Full:
            dropped[TITLES.index(title)] += 1

    consumer = threading.Thread(target=consume)
    consumer.start()
    took = _storm(calls, put)
    over.set()
    consumer.join()
    return took | {"taken_percent": 100.0 * (1.0 - sum(dropped) / (THREADS * calls))}


def _count(_title: str, _message: str) -> None:
    for _ in _TURNS:
        pass


def _storm(calls: int, emit: Callable[[str, str], object]) -> Figures:
    """Call from all threads at once; the times of all calls, in microseconds."""
    took = [array("q", bytes(8 * calls)) for _ in range(THREADS)]
    ready = threading.Barrier(THREADS)

    def work(number: int) -> None:
        title, mine, now = TITLES[number], took[number], perf_counter_ns
        messages = [f"message {index % 100}" for index in range(calls)]
        ready.wait()
        for index in range(calls):
            message = messages[index]
            began = now()
            emit(title, message)
            mine[index] = now() - began

    threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    every = sorted(time for mine in took for time in mine)
    return {f"{name}_us": every[int(len(every) * share)] / 1000.0 for name, share in _SHARES.items()}


_SHARES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}


def _medians(rounds: list[Figures]) -> Figures:
    return {figure: median(one[figure] for one in rounds) for figure in rounds[0]}


def _nobody(alert: object) -> None:
    """A channel that costs nothing."""
