"""What it costs to look at the heap: a snapshot, the detector's thoughts about it, and the report, as a system does it.

CPU time of the calling thread, medians. The program has as many stacks as is said, each of which replaces what it holds
between two looks, and one that leaks. A look in five seconds is what a system takes while something grows, one in ten
in calm times. `python -m benchmarks memory` measures the other half, what sampling costs the program itself.
"""

from __future__ import annotations

import subprocess
import sys
from statistics import median
from time import thread_time_ns
from typing import TYPE_CHECKING, Any

from benchmarks.report import Figures, Result

if TYPE_CHECKING:
    import argparse

STACKS = (300, 3000)
INTERVAL_BYTES = 4096
HELD_BYTES = 20_000
CLOSE_S, CALM_S = 5.0, 10.0
MAKER = "def make_{0}():\n    return bytearray({1})\n"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How long."""
    parser.add_argument("--looks", type=int, default=40, help="looks at each program (40)")


def run(args: argparse.Namespace) -> Result:
    """A process for each size, since the hook remembers every stack that was ever sampled."""
    ours: Figures = {}
    for stacks in STACKS:
        words = [sys.executable, "-m", "benchmarks.looks", str(stacks), str(args.looks)]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        look_us, seen = map(float, done.stdout.split())
        ours[f"look_at_{stacks}_stacks_us"] = look_us
        ours[f"look_at_{stacks}_stacks_percent_of_a_core_every_5_s"] = look_us / 1e4 / CLOSE_S
        ours[f"look_at_{stacks}_stacks_percent_of_a_core_every_10_s"] = look_us / 1e4 / CALM_S
        ours[f"stacks_seen_of_{stacks}"] = seen
    return Result(
        name="looks",
        ours=ours,
        notes=(f"a sample for {INTERVAL_BYTES} bytes; each stack replaces {HELD_BYTES} bytes between two looks",),
    )


def _looks(stacks: int, looks: int) -> tuple[float, int]:
    """Microseconds of a look, and the stacks that it saw."""
    from tocsin import AlertConfig, VirtualClock
    from tocsin.system.memory.room import MemoryRoom

    clock = VirtualClock()
    config = AlertConfig(memory={"interval": INTERVAL_BYTES})
    room = MemoryRoom(config, clock, wanted=True, limit_bytes=lambda: 8e9)
    room.begin()
    makers: dict[str, Any] = {}
    exec(  # noqa: S102 - our own text: functions of as many lines
        compile("".join(MAKER.format(number, HELD_BYTES) for number in range(stacks)), "makers.py", "exec"), makers
    )
    held: dict[int, bytearray] = {}
    leak = []
    costs_us = []
    for _ in range(looks):
        for number in range(stacks):
            held[number] = makers[f"make_{number}"]()
        leak.append(bytearray(HELD_BYTES * 5))
        clock.advance(CLOSE_S)
        began_ns = thread_time_ns()
        room.look(clock.now())
        costs_us.append((thread_time_ns() - began_ns) / 1000)
    seen = len(room.snapshot().stacks)
    room.end(0.0)
    return median(costs_us[looks // 4 :]), seen


if __name__ == "__main__":
    print(*_looks(int(sys.argv[1]), int(sys.argv[2])))
