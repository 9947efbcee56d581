"""Run one program under the detector: `python -m benchmarks.leak_programs NAME [--seed 1] [--ticks 600] …`.

It prints one JSON object: the verdicts at the end, and when the right one came. A tick counts as a second, so nothing
is waited for.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from typing import TYPE_CHECKING, Any

from benchmarks.leak_programs import Case, cases
from benchmarks.leak_programs.due import find_due
from tocsin.memory.leaks import LeakDetector
from tocsin.memory.profiler import MemoryProfiler

if TYPE_CHECKING:
    from benchmarks.leak_programs.due import Due
    from tocsin.model.memory import LeakSite


def main() -> None:
    """Say what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--ticks", type=int, default=600)
    parser.add_argument("--every", type=int, default=5, help="ticks between two snapshots")
    parser.add_argument("--interval", type=float, default=131072.0, help="mean bytes between two samples")
    args = parser.parse_args()
    case = cases()[args.name]
    print(json.dumps(_Run(case, args).result()))


class _Run:
    def __init__(self, case: Case, args: argparse.Namespace) -> None:
        self.case, self.args = case, args
        self.lines = case.lines()
        self.detector = LeakDetector()
        self.times: list[float] = []
        self.detected_s: float | None = None
        self.seconds: list[float] = []

    def result(self) -> dict[str, Any]:
        profiler = MemoryProfiler(self.args.interval)
        profiler.start(0.0)
        last = None
        program = self.case.program(random.Random(self.args.seed), self.args.ticks)
        for tick, _ in enumerate(program, start=1):
            if tick % self.args.every == 0:
                snapshot = profiler.snapshot(float(tick))
                began = time.perf_counter()
                self.detector.observe(snapshot, float(tick))
                self.seconds.append(time.perf_counter() - began)
                self.times.append(float(tick))
                self._look(float(tick))
                last = snapshot  # while the program still has what it keeps
        profiler.stop()
        due = find_due(last, self.times, self.lines, from_s=float(self.case.begins)) if last else None
        return self._summary(due)

    def _is_right(self, site: LeakSite) -> bool:
        return site.kind == "native" if self.case.native else (site.file, site.line) in self.lines

    def _look(self, now_s: float) -> None:
        leaks = self.detector.analyze(now_s).potential_leaks
        if self.detected_s is None and any(self._is_right(site) for site in leaks):
            self.detected_s = now_s

    def _summary(self, due: Due | None) -> dict[str, Any]:
        analysis = self.detector.analyze()
        leaks = analysis.potential_leaks
        return {
            "name": self.case.name,
            "part": self.case.part,
            "leaks": self.case.leaks,
            "native": self.case.native,
            "right": any(self._is_right(site) for site in leaks),
            "wrong": [_words(site) for site in leaks if not self._is_right(site)],
            "sites": [_words(site) for site in analysis.sites],
            "detected_s": self.detected_s,
            "due_s": due.due_s if due else None,
            "begun_s": due.begun_s if due else None,
            "observe_ms": 1e3 * sum(self.seconds) / len(self.seconds),
        }


def _words(site: LeakSite) -> str:
    place = f"{site.file.rpartition('/')[2]}:{site.line} in {site.function}" if site.file else site.kind
    return f"{site.state} {place}: {site.reason}"


if __name__ == "__main__":
    main()
