"""What it costs to know that an alert is on disk: durable emits a second, and how long each waits.

Beside it, in turn, a program that appends a line to a log file and calls `fsync` for each, from as many threads, on the
same disk. Ours writes an alert, its transition and its notice for each emit, in one transaction for all that wait.
"""

from __future__ import annotations

import logging
import os
import tempfile
import threading
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

from benchmarks.report import Figures, Result

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How much, from how many, and where."""
    parser.add_argument("--threads", type=int, default=64, help="threads that wait for their receipts (64)")
    parser.add_argument("--calls", type=int, default=100, help="calls of each thread in each round (100)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds, the two in turn (3)")
    parser.add_argument("--folder", default=None, help="a folder on the disk that is measured (the temporary one)")


def run(args: argparse.Namespace) -> Result:
    """Let both take turns, and take the median of each figure."""
    ours: list[Figures] = []
    theirs: list[Figures] = []
    for _ in range(args.rounds):
        with tempfile.TemporaryDirectory(dir=args.folder) as name:
            ours.append(_ours(Path(name), args.threads, args.calls))
            theirs.append(_logger(Path(name) / "log", args.threads, args.calls))
    return Result(
        name="outbox",
        ours=_medians(ours),
        peers={"logger + fsync": _medians(theirs)},
        packages=("msgspec",),
        notes=(f"{args.threads} threads, {args.calls} calls each, medians of {args.rounds} rounds.",),
    )


def _ours(folder: Path, threads: int, calls: int) -> Figures:
    from tocsin import AlertConfig, AlertSystem
    from tocsin.system.records.recorder import Recorder

    config = AlertConfig(state_dir=folder / "state", channels=[_nobody], default_rules=False)
    with AlertSystem(config, sensors=()) as system:

        def emit(thread: int, number: int) -> None:
            receipt = system.emit(f"title {thread}", f"message {number}", "warning", f"source {thread}", durable=True)
            assert receipt.durable, receipt

        found = _all(emit, threads, calls)
        recorder = system._core.recorder
        assert isinstance(recorder, Recorder)
        journal = recorder._journal
        assert journal is not None
        return found | {"emits_per_commit": threads * calls / max(journal.commits, 1)}


def _logger(path: Path, threads: int, calls: int) -> Figures:
    logger = logging.Logger("bench")  # noqa: LOG001 - of its own, so that nobody else's handlers are called

    class Syncing(logging.FileHandler):
        def emit(self, record: logging.LogRecord) -> None:
            super().emit(record)
            os.fsync(self.stream.fileno())

    handler = Syncing(path)
    logger.addHandler(handler)
    found = _all(lambda thread, number: logger.warning("title %d: message %d", thread, number), threads, calls)
    handler.close()
    return found


def _nobody(_alert: object) -> None:
    """A channel."""


def _all(call: Callable[[int, int], object], threads: int, calls: int) -> Figures:
    took: list[list[float]] = [[] for _ in range(threads)]
    ready = threading.Barrier(threads + 1)

    def work(thread: int) -> None:
        ready.wait()
        for number in range(calls):
            began_s = perf_counter()
            call(thread, number)
            took[thread].append(perf_counter() - began_s)

    workers = [threading.Thread(target=work, args=(thread,)) for thread in range(threads)]
    for worker in workers:
        worker.start()
    ready.wait()
    began_s = perf_counter()
    for worker in workers:
        worker.join()
    all_s = perf_counter() - began_s
    times = sorted(time_s for mine in took for time_s in mine)
    return {
        "per_second": threads * calls / all_s,
        "p50_ms": 1e3 * times[len(times) // 2],
        "p99_ms": 1e3 * times[len(times) * 99 // 100],
    }


def _medians(rounds: list[Figures]) -> Figures:
    return {name: median(one[name] for one in rounds) for name in rounds[0]}
