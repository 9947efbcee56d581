"""Forecasts of what fills: false alarms where nothing is wrong, lead and honesty where something does, and the cost.

A rule `will_exceed` with `for` ten minutes, on series of benchmarks/filling_series.py. *First* are the alarms of the
first two days, in which a swing may be seen for the first time: nobody can know then that it will turn back.
"""

from __future__ import annotations

import gc
import tracemalloc
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.filling_series import BENIGN, DAY_S, FILLS, LIMIT, PACES, benign, fill
from benchmarks.report import Figures, Result

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from tocsin.model.forecast import Forecast

HORIZON_S, FOR_S, QUIET_S = 4 * 3600.0, 600.0, 900.0
START_S = 1000.0


class Ring(NamedTuple):
    """A rule rang."""

    at_s: float  # from the beginning
    forecast: Forecast


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How long."""
    parser.add_argument("--days", type=float, default=7.0, help="days of each benign series (7)")
    parser.add_argument("--seeds", type=int, default=4, help="series of each kind (4)")


def run(args: argparse.Namespace) -> Result:
    """Every kind, then the cost."""
    figures: Figures = {}
    first = later = 0
    for kind in BENIGN:
        rings = [ring for seed in range(args.seeds) for ring in rings_of(benign(kind, seed, 60.0, args.days * DAY_S))]
        early = sum(ring.at_s < 2 * DAY_S for ring in rings)
        figures[f"first_{kind}_alarms"], figures[f"later_{kind}_alarms"] = early, len(rings) - early
        first, later = first + early, later + len(rings) - early
    weeks = len(BENIGN) * args.seeds * args.days / 7
    figures |= {"first_alarms": first, "later_alarms": later, "metric_weeks": weeks}
    for kind in FILLS:
        found = [judge_fill(fill(kind, pace, seed, 20.0), 20.0) for pace in PACES for seed in range(args.seeds)]
        leads = [one.lead_s for one in found]
        figures[f"fill_{kind}_told_share"] = sum(lead is not None for lead in leads) / len(leads)
        figures[f"fill_{kind}_lead_median_min"] = median(lead or 0.0 for lead in leads) / 60
        figures[f"fill_{kind}_in_interval_share"] = sum(one.inside for one in found) / sum(one.made for one in found)
    return Result(name="forecast", ours=figures | _cost(), packages=("msgspec",))


def rings_of(readings: Iterable[float], step_s: float = 60.0, horizon_s: float = HORIZON_S) -> list[Ring]:
    """When a rule would have begun to ring."""
    from tocsin.rules.outlook import Outlook
    from tocsin.series.envelope import Envelope

    envelope = Envelope(horizon_s)
    outlook = Outlook(envelope, LIMIT, LIMIT, horizon_s)
    rings: list[Ring] = []
    since_s: float | None = None
    last_s, ringing = 0.0, False
    for number, value in enumerate(readings):
        at_s = number * step_s
        envelope.push(START_S + at_s, value)
        outlook.look(START_S + at_s)
        if not outlook.is_bad(value):
            since_s = None
            ringing = ringing and at_s - last_s < QUIET_S
            continue
        last_s = at_s
        since_s = at_s if since_s is None else since_s
        if not ringing and at_s - since_s >= FOR_S and outlook.found is not None:
            ringing = True
            rings.append(Ring(at_s, outlook.found))
    return rings


class Judged(NamedTuple):
    """What became of a fill.

    Attributes:
        lead_s: from the alarm to the limit; None: it did not ring.
        made: how many forecasts there were on the way.
        inside: for how many of them the limit was reached within the interval.
    """

    lead_s: float | None
    made: int
    inside: int


def judge_fill(readings: list[float], step_s: float, horizon_s: float = HORIZON_S) -> Judged:
    """Follow a fill whose next reading is the first at the limit."""
    from tocsin.rules.outlook import look_ahead
    from tocsin.series.envelope import Envelope

    envelope, version, made, inside = Envelope(horizon_s), 0, 0, 0
    for number, value in enumerate(readings):
        now_s, left_s = START_S + number * step_s, (len(readings) - number) * step_s
        envelope.push(now_s, value)
        if envelope.version == version:
            continue
        version = envelope.version
        found = look_ahead(envelope, LIMIT, now_s)
        if found is not None:
            made += 1
            inside += found.early_s - step_s <= left_s <= found.late_s + step_s
    rings = rings_of(readings, step_s, horizon_s)
    return Judged(len(readings) * step_s - rings[0].at_s if rings else None, made, inside)


def _cost() -> Figures:
    from tocsin.rules.outlook import Outlook, look_ahead
    from tocsin.series.envelope import Envelope

    tracemalloc.start()
    kept: list[Envelope] = []
    for _ in range(11):
        envelope = Envelope(HORIZON_S)
        for number, value in enumerate(benign("noise", 0, 60.0, 3 * DAY_S)):
            envelope.push(number * 60.0, value)
        kept.append(envelope)
        if len(kept) == 1:  # the interpreter's own spare objects are there by now
            gc.collect()
            before = tracemalloc.get_traced_memory()[0]
    gc.collect()
    kib = (tracemalloc.get_traced_memory()[0] - before) / 10 / 1024
    tracemalloc.stop()
    readings = list(benign("noise", 0, 1.0, 2 * DAY_S))
    outlook = Outlook(envelope, LIMIT, LIMIT, HORIZON_S)
    start_s = 3 * DAY_S
    began = perf_counter()
    for number, value in enumerate(readings):
        envelope.push(start_s + number, value)
        outlook.look(start_s + number)
    each_ns = (perf_counter() - began) / len(readings) * 1e9
    filling = Envelope(HORIZON_S)
    for number, value in enumerate(fill("little_noise", 12.0, 0, 5.0)):
        filling.push(number * 5.0, value)
    began = perf_counter()
    for _ in range(500):
        assert look_ahead(filling, LIMIT, number * 5.0) is not None
    return {"reading_ns": each_ns, "forecast_us": (perf_counter() - began) / 500 * 1e6, "series_kib": kib}
