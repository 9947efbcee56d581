"""Which programs leak: the verdicts at the end of each run, of real allocations, seen through the hook.

Each program runs in a process of its own, once for each seed; a tick counts as a second. Precision is of sites: of all
that are confirmed at the end, those that are a line that leaks. Recall is of runs: of those that leak, in how many a
right line is confirmed. Detection is due at the latest of 12 surviving samples, 6 snapshots and 10 seconds; it is in
time if the right line is confirmed by then, of all runs that leak and come so far. Growth of C code has no samples, and
no such time. Each share is given with its 95 % interval, and what is late is listed.
"""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from math import inf
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.leak_programs import PARTS, cases
from benchmarks.report import Result

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    Run = dict[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How often, and which."""
    parser.add_argument("--seeds", type=int, default=3, help="runs of each program (3)")
    parser.add_argument("--ticks", type=int, default=600, help="ticks of a run (600)")
    parser.add_argument("--every", type=int, default=5, help="ticks between two snapshots (5)")
    parser.add_argument("--interval", type=float, default=131072.0, help="mean bytes between two samples (131072)")
    parser.add_argument("--part", choices=PARTS, help="only this part")
    parser.add_argument("--only", nargs="*", help="only these programs")
    parser.add_argument("--jobs", type=int, default=2, help="runs at once (2)")


def run(args: argparse.Namespace) -> Result:
    """All programs, and what is thought of them."""
    chosen = [
        case.name
        for case in cases().values()
        if (args.part in {None, case.part}) and (not args.only or case.name in args.only)
    ]
    orders = [(name, seed) for name in chosen for seed in range(1, args.seeds + 1)]
    with ThreadPoolExecutor(args.jobs) as workers:
        runs = list(workers.map(lambda order: _run(*order, args), orders))
    ours = _figures("", runs)
    for part in PARTS:
        some = [one for one in runs if one["part"] == part]
        if some and len(some) < len(runs):
            ours |= _figures(f"{part}_", some)
    return Result(name="leaks", ours=ours, notes=tuple(_lines(chosen, runs)))


def _run(name: str, seed: int, args: argparse.Namespace) -> Run:
    command = [sys.executable, "-m", "benchmarks.leak_programs", name, "--seed", str(seed)]
    command += ["--ticks", str(args.ticks), "--every", str(args.every), "--interval", str(args.interval)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=600, cwd=Path(__file__).parent.parent
    )
    if done.returncode:
        raise RuntimeError(f"{name} with seed {seed} ended with {done.returncode}:\n{done.stderr}")
    found: Run = json.loads(done.stdout)
    return found | {"seed": seed}


def _figures(prefix: str, runs: list[Run]) -> dict[str, float]:
    leaking = [one for one in runs if one["leaks"]]
    right = sum(one["right"] for one in leaking)
    wrong = sum(len(one["wrong"]) for one in runs)
    found = {"programs": float(len({one["name"] for one in runs})), "runs": float(len(runs))}
    found |= _share("precision", right, right + wrong)
    found |= _share("recall_with_the_right_line", right, len(leaking))
    ratios = _detection(leaking)
    if ratios:
        found |= _share("detected_by_due_time", sum(ratio <= 1.0 for ratio in ratios.values()), len(ratios))
        found["detected_median_of_due_time"] = median(ratios.values())
    found["observe_ms"] = median(one["observe_ms"] for one in runs)
    return {prefix + name: value for name, value in found.items()}


def _share(name: str, hits: int, of: int) -> dict[str, float]:
    """A share, and its 95 % interval (Wilson 1927)."""
    if not of:
        return {}
    share, squared = hits / of, 1.96**2
    centre = (share + squared / of / 2) / (1 + squared / of)
    half = (share * (1 - share) * squared / of + (squared / of / 2) ** 2) ** 0.5 / (1 + squared / of)
    return {name: share, f"{name}_low": centre - half, f"{name}_high": min(centre + half, 1.0)}


def _detection(runs: Iterable[Run]) -> dict[tuple[str, int], float]:
    """Of each run, when the right line was first confirmed, as a share of the time that it might take."""
    found = {}
    for one in runs:
        if one["due_s"] is not None:
            took_s = inf if one["detected_s"] is None else one["detected_s"] - one["begun_s"]
            found[one["name"], one["seed"]] = took_s / (one["due_s"] - one["begun_s"])
    return found


def _lines(names: list[str], runs: list[Run]) -> Iterable[str]:
    """What was thought of each program, and what was late."""
    yield ""
    ratios = _detection(runs)
    late = {run: ratio for run, ratio in ratios.items() if ratio > 1.0}
    yield f"in time: {len(ratios) - len(late)} of {len(ratios)}" + ("; late:" if late else "")
    for name in dict.fromkeys(name for name, _ in late):
        times = [f"{ratio:.2f}" for (other, _), ratio in late.items() if other == name]
        runs_of_it = sum(one == name for one, _ in ratios)
        yield f"    {name}: {len(times)} of {runs_of_it}, after {', '.join(times)} of its time"
    yield ""
    for name in names:
        some = [one for one in runs if one["name"] == name]
        wrong = [words for one in some for words in one["wrong"]]
        good = sum(one["right"] if one["leaks"] else not one["wrong"] for one in some)
        kind = "leaks" if some[0]["leaks"] else "fine"
        ratios = [f"{ratio:.2f}" for ratio in _detection(some).values()]
        detected = f"  detected at {' '.join(ratios)} of the due time" if ratios else ""
        yield f"{some[0]['part']:10s} {kind:6s} {name:24s} right in {good} of {len(some)}{detected}"
        yield from (f"    wrong: {words}" for words in wrong)
        for one in some:
            if one["leaks"] and not one["right"]:
                yield from (f"    missed with seed {one['seed']}: {words}" for words in one["sites"] or ["no site"])
