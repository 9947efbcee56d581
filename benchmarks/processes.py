"""The table of processes: one raw pass against psutil.process_iter with six attributes, in turns, in one process.

Idle children are started until there are `--processes`. CPU time of the calling thread, medians over the rounds. Both
give pid, name, CPU time, resident memory, state and start; psutil's attributes are those that the portable table asks
for.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from statistics import median
from time import thread_time_ns
from typing import TYPE_CHECKING, Any

from benchmarks.report import Figures, Result

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

ATTRIBUTES = ["pid", "name", "cpu_times", "memory_info", "status", "create_time"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How many, and how often."""
    parser.add_argument("--processes", type=int, default=400, help="start idle children until there are so many (400)")
    parser.add_argument("--rounds", type=int, default=21, help="passes of each (21)")


def run(args: argparse.Namespace) -> Result:
    """Start what is missing, take turns, and end what was started."""
    if not sys.platform.startswith("linux"):
        return Result(name="processes", ours={}, peers={"psutil": "there is no /proc"})
    children: list[subprocess.Popen[bytes]] = []
    try:
        while _count() < args.processes:
            children.append(subprocess.Popen(["sleep", "600"]))
        passes, reason = _passes()
        spent_ns: dict[str, list[int]] = {name: [] for name in passes}
        for _ in range(args.rounds):
            for name, one_pass in passes.items():
                before_ns = thread_time_ns()
                found = one_pass()
                spent_ns[name].append(thread_time_ns() - before_ns)
                assert found >= len(children), f"{name} saw {found} processes of {_count()}"
        processes = _count()
    finally:
        for child in children:
            child.kill()
        for child in children:
            child.wait()
    figures: dict[str, Figures] = {
        name: {"pass_ms": median(spent) / 1e6, "us_per_process": median(spent) / 1e3 / processes}
        for name, spent in spent_ns.items()
    }
    return Result(
        name="processes",
        ours=figures.pop("ours") | {"processes": processes},
        peers=figures or {"psutil": reason},
        packages=("psutil",),
        notes=(
            "In brackets: the smaller, the better for us. psutil keeps its Process objects from pass to pass.",
            "Ours keeps no descriptors: they would be the host program's. The table is read once a minute.",
        ),
    )


def _passes() -> tuple[dict[str, Callable[[], int]], str]:
    from tocsin.clock import SystemClock
    from tocsin.sensors.linux.table import ProcessTable

    table, clock = ProcessTable(), SystemClock()
    passes: dict[str, Callable[[], int]] = {"ours": lambda: int(table.read(clock.now())[0])}
    try:
        psutil: Any = importlib.import_module("psutil")
    except ImportError:
        return passes, "it is not installed"
    passes["psutil"] = lambda: sum(1 for process in psutil.process_iter(ATTRIBUTES) if process.info["name"])
    return passes, ""


def _count() -> int:
    return sum(entry.name.isdecimal() for entry in Path("/proc").iterdir())
