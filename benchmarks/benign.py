"""False alarms where nothing is wrong, and faults that are found there: twelve kinds of series, five seeds each.

Two weeks at a reading a minute, counted after the first day, and six hours at a reading a second, counted after half an
hour, at a budget of one false alarm a week. Then six kinds of faults are put in, each half as large again as what the
clean series reaches in a month: whether the bell rings while the fault lasts, and whether the reason names it.
"""

from __future__ import annotations

import os
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING, Final, NamedTuple

from benchmarks.benign_faults import FAULTS, STEP_S, cases, clean_month
from benchmarks.benign_series import DAY_S, KINDS, START_S, series
from benchmarks.report import Figures, Result

if TYPE_CHECKING:
    import argparse

WEEK_S: Final = 7 * DAY_S
ROW_MOST: Final = 20
FAST_ROW_MOST: Final = 2


class Suite(NamedTuple):
    """How long, at what pace, and from when on alarms count."""

    step_s: float
    length_s: float
    from_s: float


SLOW = Suite(STEP_S, 14 * DAY_S, DAY_S)
FAST = Suite(1.0, 6 * 3600.0, 1800.0)


class Outcome(NamedTuple):
    """What became of one fault."""

    kind: str
    fault: str
    found: bool
    named: bool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How much."""
    parser.add_argument("--seeds", type=int, default=5, help="series of each kind (5)")
    parser.add_argument("--no-faults", action="store_true", help="count false alarms only")


def run(args: argparse.Namespace) -> Result:
    """Every kind and seed, on all cores."""
    seeds = range(args.seeds)
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        figures: Figures = {}
        for name, suite in (("minutes", SLOW), ("seconds", FAST)):
            rows: dict[str, int] = defaultdict(int)
            jobs = [(kind, seed, suite) for kind in KINDS for seed in seeds]
            for (kind, _seed, _suite), alarms in zip(jobs, pool.map(false_alarms, jobs), strict=True):
                rows[kind] += alarms
            weeks = len(jobs) * (suite.length_s - suite.from_s) / WEEK_S
            figures |= {f"{name}_{kind}_alarms": float(count) for kind, count in rows.items()}
            figures[f"{name}_worst_row_alarms"] = float(max(rows.values()))
            if suite is SLOW:
                figures[f"{name}_alarms_per_metric_week"] = sum(rows.values()) / weeks
        if not args.no_faults:
            jobs_of_faults = [(kind, seed) for kind in KINDS for seed in seeds]
            figures |= _recall([one for some in pool.map(find_faults, jobs_of_faults) for one in some])
    return Result(
        name="benign",
        ours=figures,
        notes=(
            f"alarms: of all {args.seeds} seeds of a kind. minutes: two weeks, a reading a minute, from day 2;",
            "seconds: six hours at a reading a second, after half an hour.",
            f"Allowed with five seeds: one a metric-week in the mean, {ROW_MOST} in a row of minutes (99.9 % point of",
            f"what chance allows), and {FAST_ROW_MOST} in a row of seconds.",
            "found: the share of faults at which the bell rings while they last; named: and the reason is theirs at",
            "some time of the episode (a step is a residual at first, and a shift once it stays).",
        ),
    )


def false_alarms(job: tuple[str, int, Suite]) -> int:
    """How often the bell rings in one series."""
    from tocsin.rules.detectors.anomaly import AnomalyDetector

    kind, seed, suite = job
    detector, count = AnomalyDetector(), 0
    for number, value in enumerate(series(kind, seed, suite.step_s, int(suite.length_s / suite.step_s))):
        verdict = detector.update(value, START_S + number * suite.step_s)
        count += verdict.alarm and number * suite.step_s >= suite.from_s
    return count


def find_faults(job: tuple[str, int]) -> list[Outcome]:
    """Put each fault into one series, after nine to eleven days; a lost week needs three weeks to be known."""
    from tocsin.rules.detectors.anomaly import AnomalyDetector

    kind, seed = job
    begin = int(((23.3 if kind == "weekly" else 9.3) + 0.37 * seed) * DAY_S / STEP_S)
    values = series(kind, f"fault {seed}", STEP_S, begin + int(2 * DAY_S / STEP_S))
    detector, clean, found = AnomalyDetector(), clean_month(kind), []
    for number, value in enumerate(values[:begin]):
        detector.update(value, START_S + number * STEP_S)
    state = detector.to_state()
    for name in [fault for one, fault in cases() if one == kind]:
        fault = FAULTS[name](values[begin:], clean)
        if fault is None:
            continue
        one, rang, reasons = AnomalyDetector.from_state(state), False, set()
        for number, value in enumerate(fault.values, begin):
            verdict = one.update(value, START_S + number * STEP_S)
            rang |= verdict.alarm
            if rang and verdict.abnormal:
                reasons.add(str(verdict.reason))
        found.append(Outcome(kind, name, rang, rang and bool(fault.reasons & reasons)))
    return found


def _recall(outcomes: list[Outcome]) -> Figures:
    figures: Figures = {}
    for name in [*FAULTS, "all"]:
        some = [one for one in outcomes if name in ("all", one.fault)]
        figures[f"{name}_found"] = sum(one.found for one in some) / len(some)
        figures[f"{name}_named"] = sum(one.named for one in some) / len(some)
    return figures
