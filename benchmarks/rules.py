"""What a threshold rule with `for` costs on one series, each second: remembering, judging and deciding.

CPU time of the stepping thread, medians over the steps. All quiet, then all firing; the step in which all begin to ring
is a figure of its own. The floor is the same comparison and append in a bare Python loop.
"""

from __future__ import annotations

from statistics import median
from time import thread_time_ns
from typing import TYPE_CHECKING

from benchmarks.report import Figures, Result

if TYPE_CHECKING:
    import argparse

SIZES = (100, 1_000, 10_000)
FOR_S = 3.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How long."""
    parser.add_argument("--steps", type=int, default=30, help="steps of each kind (30)")


def run(args: argparse.Namespace) -> Result:
    """Every size, quiet and firing."""
    ours: Figures = {}
    floor: Figures = {}
    for size in SIZES:
        ours |= _ours(size, args.steps)
        floor |= _floor(size, args.steps)
    return Result(
        name="rules",
        ours=ours,
        peers={"bare loop": floor},
        packages=("msgspec",),
        notes=("Prometheus 2.42 was measured elsewhere at 145 µs a quiet rule and 577 µs a firing one.",),
    )


def _ours(size: int, steps: int) -> Figures:
    from tocsin import AlertRule, VirtualClock
    from tocsin.alerts.settings import AlertSettings, Route
    from tocsin.engine import Engine
    from tocsin.model.inputs import NewSeries, Sample
    from tocsin.model.levels import AlertCategory, AlertSeverity
    from tocsin.model.readings import SeriesKey

    general, warning = AlertCategory.GENERAL, AlertSeverity.WARNING
    rules = [AlertRule(f"r{n}", general, warning, 50.0, metric=f"m{n}", for_s=FOR_S) for n in range(size)]
    engine, clock = Engine(rules, AlertSettings(routes=(Route(channel="c"),))), VirtualClock()
    engine.step([NewSeries(n, SeriesKey(f"m{n}")) for n in range(size)], clock.now())

    def step(value: float) -> tuple[float, int]:
        clock.advance(1.0)
        sample, now = Sample(list(range(size)), [value] * size), clock.now()
        began = thread_time_ns()
        outcome = engine.step([sample], now)
        return (thread_time_ns() - began) / size, len(outcome.changes)

    quiet = median(step(1.0)[0] for _ in range(steps))
    ringing = [step(99.0) for _ in range(int(FOR_S) + 1)]
    assert ringing[-1][1] == size, "not every rule began to ring"
    firing = median(step(99.0)[0] for _ in range(steps))
    return {f"quiet_{size}_ns": quiet, f"firing_{size}_ns": firing, f"begins_to_ring_{size}_ns": ringing[-1][0]}


def _floor(size: int, steps: int) -> Figures:
    remembered: list[list[float]] = [[] for _ in range(size)]
    bounds = [50.0] * size

    def step(value: float) -> float:
        values = [value] * size
        began = thread_time_ns()
        bad = 0
        for kept, bound, reading in zip(remembered, bounds, values, strict=True):
            kept.append(reading)
            if reading > bound:
                bad += 1
        return (thread_time_ns() - began) / size

    return {
        f"quiet_{size}_ns": median(step(1.0) for _ in range(steps)),
        f"firing_{size}_ns": median(step(99.0) for _ in range(steps)),
    }
