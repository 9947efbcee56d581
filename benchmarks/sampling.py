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
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import fmean, median
from typing import TYPE_CHECKING, Any

from benchmarks.report import Figures, Result

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

HOT_LOOPS = 300
_EACH = "each sensor"

WANTED_VALUES = 200


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of this benchmark."""
    parser.add_argument("--seconds", type=int, default=60, help="how long to sample at 1 Hz (default: 60)")


def run(args: argparse.Namespace) -> Result:
    """Start all samplers, let them sample, and compare."""
    with tempfile.TemporaryDirectory() as folder:
        commands: dict[str, list[str] | str] = {
            "ours": _child("tocsin", args.seconds, 0.0),
            "psutil": _child("psutil", args.seconds, 0.25),
            "C floor": _floor(Path(folder), args.seconds, 0.5),
            _EACH: _child("each", args.seconds, 0.75),
        }
        if importlib.util.find_spec("psutil") is None:
            commands["psutil"] = "it is not installed"
        running = {
            name: subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            for name, command in commands.items()
            if not isinstance(command, str)
        }
        printed = {name: json.loads(process.communicate()[0]) for name, process in running.items()}
        each = printed.pop(_EACH)
        found = {name: _figures(one, args.seconds) for name, one in printed.items()}
    peers: dict[str, Figures | str] = {
        name: command if isinstance(command, str) else found[name]
        for name, command in commands.items()
        if name not in {"ours", _EACH}
    }
    values = int(found["ours"]["values"])
    return Result(
        name="sampling",
        ours=found["ours"] | {f"of_it_{name}_us": cost_us for name, cost_us in each.items()},
        peers=peers,
        packages=("psutil", "msgspec"),
        notes=(
            f"Mean of {args.seconds} samples; each tenth reads the slow tier, each sixtieth the processes.",
            "The C floor reads the very files that Tocsin was seen to read here, as often, and parses nothing.",
            "of_it_…: each sensor's share of a sample, read by itself, as wall time in a process of its own.",
            f"The machine's load (1, 5, 15 minutes): {', '.join(f'{load:.1f}' for load in os.getloadavg())}.",
            "Budget: at most 0.06 % of a core, and at most 2.5 times the C floor, for 200 values or more.",
            f"This machine yields {values} values"
            + (
                "."
                if values >= WANTED_VALUES
                else f", fewer than {WANTED_VALUES}: the budget is for more than was read."
            ),
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
    return [str(program), str(seconds), str(offset_s), str(HOT_LOOPS), *_reads_of_ours()]


def _reads_of_ours() -> list[str]:
    """What Tocsin's sensors read here, as arguments of the floor: seen by looking over the shoulder of each."""
    # Plain Python's reads can be seen; the C module is hidden, and the samplers have processes of their own.
    sys.modules["tocsin.sensors.linux._numbers"] = None  # type: ignore[assignment]
    from tocsin.clock import SystemClock
    from tocsin.monitor import PerformanceMonitor
    from tocsin.sensors.protocol import Tier

    clock, monitor = SystemClock(), PerformanceMonitor()
    monitor.collect(clock.now(), 1.0)
    seen: list[str] = []
    for watched in monitor._watched:
        every = int(watched.sensor.tier)
        if every == Tier.SLOWEST:
            seen.append(f"p:{every}:/proc")
            continue
        with _recorded(every, seen):
            watched.sensor.read(clock.now())
    return list(dict.fromkeys(seen))


@contextmanager
def _recorded(every: int, seen: list[str]) -> Iterator[None]:
    """Note what is read meanwhile, by which of the functions that sensors use."""
    plain = {name: getattr(os, name) for name in ("pread", "fstat", "stat", "statvfs")}
    kinds = {"pread": "r", "fstat": "f", "stat": "s", "statvfs": "v"}

    def recording(name: str) -> Callable[..., Any]:
        def call(place: Any, *rest: Any, **options: Any) -> Any:
            path = str(Path(f"/proc/self/fd/{place}").readlink()) if isinstance(place, int) else os.fspath(place)
            seen.append(f"{kinds[name]}:{every}:{path.replace(f'/proc/{os.getpid()}/', '/proc/self/')}")
            return plain[name](place, *rest, **options)

        return call

    for name in plain:
        setattr(os, name, recording(name))
    try:
        yield
    finally:
        for name, function in plain.items():
            setattr(os, name, function)


def _sampler(kind: str) -> Callable[[], int]:
    """A function that takes a full sample and answers how many values it has."""
    return {"tocsin": _tocsin_sampler, "psutil": _psutil_sampler, "each": _tocsin_sampler}[kind]()


def _tocsin_sampler() -> Callable[[], int]:
    from tocsin.clock import SystemClock
    from tocsin.monitor import PerformanceMonitor

    clock = SystemClock()
    monitor = PerformanceMonitor()
    slots: set[int] = set()

    def sample() -> int:
        batch = monitor.collect(clock.now(), 1.0)
        if len(batch.ids) > 170 or batch.new_keys:
            slots.update(batch.ids)  # the slow tier's are in some samples only
        return len(slots)

    return sample


def _psutil_sampler() -> Callable[[], int]:
    """The calls that gather the same, as far as it can, as often, and written as its documentation advises.

    It has nothing of pressure, containers, TCP, sockets, page faults, the kernel's tables, soft interrupts, queues of
    disks, the parts of a process's memory, and half of what we read of the machine's.
    """
    psutil: Any = importlib.import_module("psutil")
    process = psutil.Process()
    number = 0
    slow = 0

    def sample() -> int:
        nonlocal number, slow
        values = len(psutil.cpu_times_percent()) + len(psutil.cpu_times()) + 1
        values += len(psutil.cpu_percent(percpu=True)) + bool(psutil.cpu_count()) + len(psutil.cpu_stats())
        values += len(psutil.virtual_memory()) + len(psutil.swap_memory())
        values += sum(map(len, psutil.disk_io_counters(perdisk=True).values()))
        values += sum(map(len, psutil.net_io_counters(pernic=True).values()))
        with process.oneshot():
            values += len(process.cpu_times()[:2]) + len(process.memory_info()[:3]) + len(process.num_ctx_switches())
            values += len(process.io_counters()) + bool(process.create_time()) + (process.cpu_percent() is not None)
        if number % 10 == 0:
            places = {part.device: part.mountpoint for part in psutil.disk_partitions()}
            slow = sum(4 for place in places.values() if psutil.disk_usage(place)) + bool(psutil.pids())
            slow += len(psutil.getloadavg()) + bool(process.num_fds()) + bool(process.num_threads())
        number += 1
        return values + slow

    return sample


def _each_sensor_at_1_hz(seconds: int, offset_s: float) -> dict[str, float]:
    """Microseconds of each sensor in a mean sample, by the clock on the wall: the CPU's is too coarse for some."""
    from tocsin.clock import SystemClock
    from tocsin.monitor import PerformanceMonitor

    clock, monitor = SystemClock(), PerformanceMonitor()
    spent_ns: dict[str, int] = {}

    def timed(name: str, read: Callable[[Any], list[float]]) -> Callable[[Any], list[float]]:
        def call(now: Any) -> list[float]:
            before_ns = time.perf_counter_ns()
            try:
                return read(now)
            finally:
                spent_ns[name] = spent_ns.get(name, 0) + time.perf_counter_ns() - before_ns

        return call

    for watched in monitor._watched:
        watched.read = timed(watched.sensor.name, watched.read)
    monitor._sweep = monitor._plain  # by themselves: in one call of C nothing is to be told apart
    monitor.collect(clock.now(), 1.0)
    spent_ns.clear()
    start_s, bell = time.monotonic() + offset_s, threading.Event()
    for number in range(1, seconds + 1):
        bell.wait(start_s + number - time.monotonic())
        monitor.collect(clock.now(), 1.0)
    return {name: ns / seconds / 1e3 for name, ns in sorted(spent_ns.items(), key=lambda pair: -pair[1])}


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
    how = _each_sensor_at_1_hz if sys.argv[1] == "each" else partial(_sample_at_1_hz, sys.argv[1])
    print(json.dumps(how(int(sys.argv[2]), float(sys.argv[3]))))
    sys.stdout.flush()
    os._exit(0)  # what the interpreter does at its exit is not measured
