"""What the heap profiler costs programs that allocate: CPU time and resident memory, or instructions.

Eight programs, each run in processes of its own: without a profiler, without one again (A/A, which is what the machine
alone makes of nothing), under ours and under each peer that is installed, in random order, round by round. A ratio is
that of two runs of one round; figures are medians over the rounds, with a 95 % bootstrap interval for the geometric
mean of the programs. `--instructions` counts what the processor executes instead, under valgrind, less what starting
costs.
"""

from __future__ import annotations

import json
import math
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.report import Figures, Result

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    Runs = dict[str, list[dict[str, float]]]

ROOT = Path(__file__).parents[1]
PROGRAMS = ("json_", "pickle_", "template", "dict_list", "richards", "deltablue", "numpy_", "sqlite")
COUNTED = ("json_", "dict_list")
OURS, BASE, AGAIN = "tocsin", "none", "A/A"
PEERS = ("tracemalloc", "memray", "ddtrace")
RESAMPLES = 2000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How much."""
    parser.add_argument("--rounds", type=int, default=12, help="rounds of each program (12)")
    parser.add_argument("--peer-rounds", type=int, default=3, help="of them with the peers, which are slow (3)")
    parser.add_argument("--cpu-s", type=float, default=0.4, help="CPU seconds of a run without a profiler (0.4)")
    parser.add_argument("--programs", nargs="+", choices=PROGRAMS, default=PROGRAMS, help="some of the programs")
    parser.add_argument("--instructions", action="store_true", help="count instructions instead (some minutes)")
    parser.add_argument("--seed", type=int, default=1, help="of the order")


def run(args: argparse.Namespace) -> Result:
    """CPU time and memory, or instructions."""
    if args.instructions:
        return _instructions()
    programs = [name for name in args.programs if name != "numpy_" or find_spec("numpy") is not None]
    rng = random.Random(args.seed)
    runs = {name: _measure(name, args, rng) for name in programs}
    absent: dict[str, Figures | str] = {peer: _reason_against(peer, args.peer_rounds) for peer in PEERS}
    absent = {peer: reason for peer, reason in absent.items() if reason}
    peers = {mode: _figures(runs, mode, rng) for mode in (AGAIN, *PEERS) if mode not in absent}
    missing = set(args.programs) - set(programs)
    return Result(
        name="memory",
        ours=_figures(runs, OURS, rng),
        peers={**peers, **absent},
        packages=("numpy", "memray", "ddtrace"),
        notes=(
            f"{args.rounds} rounds, the peers {min(args.rounds, args.peer_rounds)}; low and high: 95 %.",
            *(f"{name}: not run: not installed" for name in missing),
        ),
    )


def _is_there(peer: str) -> bool:
    return find_spec(peer) is not None


def _reason_against(peer: str, rounds: int) -> str:
    if not _is_there(peer):
        return "not installed"
    return "" if rounds else "no rounds with peers were asked for"


def _child(program: str, mode: str, rounds: int, scratch: str) -> list[str]:
    profiler = BASE if mode == AGAIN else mode
    environment = ["env", f"SCRATCH={scratch}", "PYTHONHASHSEED=0", f"PYTHONPATH={ROOT}{os.pathsep}{ROOT / 'src'}"]
    return [*environment, sys.executable, "-m", "benchmarks.programs", program, profiler, str(rounds)]


def _run(program: str, mode: str, rounds: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as scratch:
        command = _child(program, mode, rounds, scratch)
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{program} under {mode} ended with {done.returncode}:\n{done.stderr}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _measure(program: str, args: argparse.Namespace, rng: random.Random) -> Runs:
    """All runs of a program, by mode; the runs of one round have one place."""
    trial = 20
    rounds = max(1, round(trial * args.cpu_s / _run(program, BASE, trial)["cpu_s"]))
    runs: Runs = {mode: [] for mode in (BASE, AGAIN, OURS, *PEERS)}
    for turn in range(args.rounds):
        peers = [peer for peer in PEERS if turn < args.peer_rounds and _is_there(peer)]
        modes = [BASE, AGAIN, OURS, *peers]
        rng.shuffle(modes)
        for mode in modes:
            runs[mode].append(_run(program, mode, rounds))
            assert runs[mode][-1]["checked"] == runs[modes[0]][-1]["checked"], f"{program} under {mode} went wrong"
    return runs


def _ratios(runs: Runs, mode: str) -> list[float]:
    return [run["cpu_s"] / base["cpu_s"] for run, base in zip(runs[mode], runs[BASE], strict=False)]


def _percent(ratio: float) -> float:
    return 100 * (ratio - 1)


def _geomean(values: list[float]) -> float:
    return math.exp(statistics.fmean(map(math.log, values)))


def _interval(ratios: list[list[float]], rng: random.Random) -> tuple[float, float]:
    """95 % of the geometric means of medians, if the rounds of each program are drawn anew."""
    found = sorted(
        _geomean([statistics.median(rng.choices(program, k=len(program))) for program in ratios])
        for _ in range(RESAMPLES)
    )
    return found[RESAMPLES // 40], found[-RESAMPLES // 40]


def _figures(runs: dict[str, Runs], mode: str, rng: random.Random) -> Figures:
    ratios = {program: _ratios(found, mode) for program, found in runs.items()}
    medians = {program: statistics.median(values) for program, values in ratios.items()}
    low, high = _interval(list(ratios.values()), rng)
    added = {
        program: statistics.median(
            run["rss_bytes"] - base["rss_bytes"] for run, base in zip(found[mode], found[BASE], strict=False)
        )
        for program, found in runs.items()
    }
    return {
        "cpu_added_geomean_percent": _percent(_geomean(list(medians.values()))),
        "cpu_added_low_percent": _percent(low),
        "cpu_added_high_percent": _percent(high),
        "cpu_added_worst_percent": _percent(max(medians.values())),
        **{f"{program.rstrip('_')}_cpu_added_percent": _percent(value) for program, value in medians.items()},
        "rss_added_median_mb": statistics.median(added.values()) / 1e6,
        "rss_added_worst_mb": max(added.values()) / 1e6,
    }


def _instructions() -> Result:
    if shutil.which("valgrind") is None:
        sys.exit("valgrind is not installed: apt install valgrind")
    counts = {mode: {program: _count(program, mode) for program in COUNTED} for mode in (BASE, AGAIN, OURS)}

    def figures(mode: str) -> Figures:
        return {
            f"{program.rstrip('_')}_instructions_added_percent": _percent(counts[mode][program] / counts[BASE][program])
            for program in COUNTED
        }

    return Result(name="memory", ours=figures(OURS), peers={AGAIN: figures(AGAIN)})


def _count(program: str, mode: str) -> float:
    """Instructions of one round: the difference of two runs, divided by the difference of their rounds."""
    few, many = 2, 22
    _run(program, mode, 1)  # the first run may compile its modules, which is none of what is counted
    found = [total for rounds in (few, many) for total in _counted(program, mode, rounds)]
    return (found[1] - found[0]) / (many - few)


def _counted(program: str, mode: str, rounds: int) -> Iterator[int]:
    with tempfile.TemporaryDirectory() as scratch:
        valgrind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={scratch}/callgrind.out"]
        command = _child(program, mode, rounds, scratch)
        split = command.index(sys.executable)
        command = [*command[:split], *valgrind, *command[split:]]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{program} under {mode} and valgrind ended with {done.returncode}:\n{done.stderr}")
    for line in done.stderr.splitlines():
        if "Collected :" in line:
            yield int(line.split()[-1])
