"""CPU time of a full sample of host and process at a real 1 Hz: Tocsin, psutil, and a C program that parses nothing.

All run at the same time in processes of their own, a third of a second apart, since a sampler that wakes once a second
finds its caches cold: a hot loop flatters everybody.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import fmean, median
from typing import TYPE_CHECKING, Any

from benchmarks.report import Figures, Result

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

HOT_LOOPS = 300

# What Tocsin's sensors read: kind (r read, s stat, v statvfs, d list), every how many samples, path.
FLOOR_READS = (
    "r:1:/proc/stat", "r:1:/proc/loadavg", "r:1:/proc/meminfo", "r:1:/proc/diskstats", "r:1:/proc/net/dev",
    "r:1:/proc/self/stat", "r:1:/proc/self/io", "s:10:/proc/self/fd",
    "r:10:/proc/vmstat", "r:10:/proc/self/mountinfo", "v:10:/", "d:10:/proc",
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of this benchmark."""
    parser.add_argument("--seconds", type=int, default=40, help="how long to sample at 1 Hz (default: 40)")


def run(args: argparse.Namespace) -> Result:
    """Start all samplers, let them sample, and compare."""
    with tempfile.TemporaryDirectory() as folder:
        commands: dict[str, list[str] | str] = {
            "ours": _child("tocsin", args.seconds, 0.0),
            "psutil": _child("psutil", args.seconds, 0.33),
            "C floor": _floor(Path(folder), args.seconds, 0.66),
        }
        if importlib.util.find_spec("psutil") is None:
            commands["psutil"] = "it is not installed"
        running = {
            name: subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            for name, command in commands.items()
            if not isinstance(command, str)
        }
        found = {
            name: _figures(json.loads(process.communicate()[0]), args.seconds) for name, process in running.items()
        }
    peers: dict[str, Figures | str] = {
        name: command if isinstance(command, str) else found[name]
        for name, command in commands.items()
        if name != "ours"
    }
    return Result(
        name="sampling",
        ours=found["ours"],
        peers=peers,
        packages=("psutil", "msgspec"),
        notes=(
            f"Mean of {args.seconds} samples; each tenth reads the slow tier too. Budget: at most 0.06 % of a core,",
            "and at most 2.5 times the C floor, for a machine with 200 values or more.",
        ),
    )


def _figures(found: dict[str, Any], seconds: int) -> Figures:
    samples = found["samples_us"]
    figures = {
        "sample_mean_us": fmean(samples),
        "sample_median_us": median(samples),
        "sample_hot_us": found["hot_us"],
        "process_core_percent": found["whole_us"] / seconds / 1e4,
        "sample_core_percent": fmean(samples) / 1e4,
    }
    if found["values"]:
        figures["values"] = found["values"]
        figures["mean_us_per_value"] = fmean(samples) / found["values"]
    return figures


def _child(kind: str, seconds: int, offset_s: float) -> list[str]:
    return [sys.executable, "-m", "benchmarks.sampling", kind, str(seconds), str(offset_s)]


def _floor(folder: Path, seconds: int, offset_s: float) -> list[str] | str:
    """The command of the C program, or why there is none."""
    if not sys.platform.startswith("linux"):
        return "there is no /proc"
    compiler = shutil.which("cc")
    if compiler is None:
        return "there is no C compiler `cc`"
    program = folder / "floor"
    source = Path(__file__).with_name("floor.c")
    built = subprocess.run(
        [compiler, "-O2", "-o", str(program), str(source)], capture_output=True, text=True, check=False
    )
    if built.returncode:
        return f"the compiler refused floor.c: {built.stderr.strip()[:200]}"
    return [str(program), str(seconds), str(offset_s), str(HOT_LOOPS), *FLOOR_READS]


def _sampler(kind: str) -> Callable[[], int]:
    """A function that takes a full sample and answers how many values it has."""
    return _tocsin_sampler() if kind == "tocsin" else _psutil_sampler()


def _tocsin_sampler() -> Callable[[], int]:
    from tocsin.clock import SystemClock
    from tocsin.monitor import PerformanceMonitor

    clock = SystemClock()
    monitor = PerformanceMonitor()
    slots: set[int] = set()

    def sample() -> int:
        batch = monitor.collect(clock.now(), 1.0)
        if len(batch.ids) > 60 or batch.new_keys:
            slots.update(batch.ids)  # the slow tier's are in some samples only
        return len(slots)

    return sample


def _psutil_sampler() -> Callable[[], int]:
    """The calls that gather the same, written as its documentation advises."""
    psutil: Any = importlib.import_module("psutil")
    process = psutil.Process()
    number = 0
    slow = 0

    def sample() -> int:
        nonlocal number, slow
        values = len(psutil.cpu_times_percent()) + 1
        values += len(psutil.cpu_percent(percpu=True))
        values += len(psutil.getloadavg()) + bool(psutil.cpu_stats().ctx_switches)
        values += 7 + 3 * bool(psutil.virtual_memory() and psutil.swap_memory())
        values += sum(7 for _ in psutil.disk_io_counters(perdisk=True))
        values += sum(8 for _ in psutil.net_io_counters(pernic=True))
        with process.oneshot():
            values += len(process.cpu_times()[:2]) + len(process.memory_info()[:2]) + len(process.num_ctx_switches())
            values += sum(map(bool, (process.num_threads(), process.num_fds(), process.create_time())))
            values += len(process.io_counters()[2:4]) + bool(process.cpu_percent() is not None)
        if number % 10 == 0:
            places = {part.device: part.mountpoint for part in psutil.disk_partitions()}
            slow = sum(4 for place in places.values() if psutil.disk_usage(place)) + bool(psutil.pids())
        number += 1
        return values + slow

    return sample


def _sample_at_1_hz(kind: str, seconds: int, offset_s: float) -> dict[str, Any]:
    sample = _sampler(kind)
    sample()  # opens files and learns what there is
    start_s = time.monotonic() + offset_s
    bell = threading.Event()
    whole_s = time.process_time()
    samples_us = []
    values = 0
    for number in range(1, seconds + 1):
        bell.wait(start_s + number - time.monotonic())
        before_s = time.thread_time()
        values = max(values, sample())
        samples_us.append((time.thread_time() - before_s) * 1e6)
    whole_s = time.process_time() - whole_s
    before_s = time.thread_time()
    for _ in range(HOT_LOOPS):
        sample()
    hot_us = (time.thread_time() - before_s) / HOT_LOOPS * 1e6
    return {"values": values, "whole_us": whole_s * 1e6, "hot_us": hot_us, "samples_us": samples_us}


if __name__ == "__main__":
    print(json.dumps(_sample_at_1_hz(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))))
    sys.stdout.flush()
    os._exit(0)  # what the interpreter does at its exit is not measured
