"""What it takes to try rules on the past: 30 days of 20 series at a reading each 10 s, 100 static rules.

The readings are made as they are played (noise about a level, with a daily wave and some hours of trouble), so that the
figure is the engine's; playing the same from a CSV file is a figure of its own, of some days. Memory is the most that
the process held, less what it held before; of one day and of all, since it must not grow with the history.
"""

from __future__ import annotations

import math
import os
import random
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter, process_time
from typing import TYPE_CHECKING

from benchmarks.report import Figures, Result

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from tocsin.config import AlertConfig
    from tocsin.model.readings import SeriesKey
    from tocsin.replay.moments import Moment

SERIES = 20
RULES = 100
EVERY_S = 10.0
DAY_STEPS = int(86_400 / EVERY_S)
START_S = datetime(2026, 1, 1, tzinfo=UTC).timestamp()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How much."""
    parser.add_argument("--days", type=int, default=30, help="days of history (30)")
    parser.add_argument("--learned-days", type=int, default=3, help="days of history for rules that learn (3)")
    parser.add_argument("--csv-days", type=int, default=3, help="days of history in a CSV file (3)")


def run(args: argparse.Namespace) -> Result:
    """One day, all days, and a CSV file."""
    ours: Figures = {}
    one = _try(Made(1))
    before = _peak_mb()
    began, began_cpu = perf_counter(), process_time()
    fired = _try(Made(args.days))
    ours[f"wall_{args.days}_days_s"] = perf_counter() - began
    ours[f"cpu_{args.days}_days_s"] = process_time() - began_cpu
    judged = args.days * DAY_STEPS * RULES
    ours["cpu_a_rule_and_reading_ns"] = ours[f"cpu_{args.days}_days_s"] / judged * 1e9
    ours["peak_growth_beyond_a_day_mb"] = _peak_mb() - before
    ours["fired"] = fired
    assert fired > one > 0, "no rule ever fired: nothing was measured"
    began_cpu = process_time()
    _try(Made(args.learned_days), _learned())
    learned_s = process_time() - began_cpu
    ours[f"cpu_learned_{args.learned_days}_days_s"] = learned_s
    ours["cpu_a_learned_rule_and_reading_us"] = learned_s / (args.learned_days * DAY_STEPS * SERIES) * 1e6
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        _write(path, args.csv_days)
        from tocsin.replay.csv_feed import CsvFeed

        began = perf_counter()
        _try(CsvFeed(path))
        ours[f"wall_csv_{args.csv_days}_days_s"] = perf_counter() - began
    return Result(
        name="backtest",
        ours=ours,
        peers={"bare loop": _floor(args.days)},
        packages=("msgspec",),
        notes=(
            f"{args.days} days, {SERIES} series, a reading each {EVERY_S:g} s, {RULES} rules.",
            "Five rules a series: three plain, one with `for`, one on the mean of five minutes.",
            f"Learned: {args.learned_days} days, one rule on what is anomalous for each series, {SERIES} in all.",
            f"The machine's load (1, 5, 15 minutes): {', '.join(f'{load:.1f}' for load in os.getloadavg())}.",
        ),
    )


def _floor(days: int) -> Figures:
    """The same readings, compared with a bound for each rule, and nothing else."""
    bounds = [85.0, 95.0, 105.0, 80.0, 75.0]
    began, began_cpu, beyond = perf_counter(), process_time(), 0
    for values in _readings(days * DAY_STEPS):
        for value in values:
            for bound in bounds:
                if value > bound:
                    beyond += 1
    cpu_s = process_time() - began_cpu
    assert beyond > 0
    return {
        f"wall_{days}_days_s": perf_counter() - began,
        f"cpu_{days}_days_s": cpu_s,
        "cpu_a_rule_and_reading_ns": cpu_s / (days * DAY_STEPS * RULES) * 1e9,
    }


class Made:
    """A feed that makes its readings as they are asked for."""

    def __init__(self, days: int) -> None:
        self._steps = days * DAY_STEPS

    def moments(self, wanted: Callable[[SeriesKey], bool]) -> Iterator[Moment]:
        from tocsin.model.inputs import NewSeries, Sample
        from tocsin.replay.moments import Moment, Timeline

        del wanted
        ids, timeline = tuple(range(SERIES)), Timeline(START_S)
        inputs: list[object] = [NewSeries(number, _key(number)) for number in range(SERIES)]
        for step, values in enumerate(_readings(self._steps)):
            inputs.append(Sample(ids, values))
            yield Moment(timeline.at(START_S + step * EVERY_S), inputs, EVERY_S)  # type: ignore[arg-type]
            inputs = []

    def share_done(self) -> float:
        return 0.0

    def remarks(self) -> list[str]:
        return []

    def close(self) -> None:
        pass


def _key(number: int) -> SeriesKey:
    from tocsin.model.readings import SeriesKey

    return SeriesKey(f"app.metric.{number}")


def _readings(steps: int) -> Iterator[list[float]]:
    """A daily wave, noise from a table, and trouble in one series at a time for an hour each day."""
    noise = [random.Random(1).gauss(0.0, 3.0) for _ in range(10_007)]
    for step in range(steps):
        level = 50.0 + 15.0 * math.sin(step * 2 * math.pi / DAY_STEPS)
        values = [level + noise[(step * 31 + number * 977) % 10_007] for number in range(SERIES)]
        if step % DAY_STEPS < 360:
            values[step // DAY_STEPS % SERIES] += 60.0
        yield values


def _config() -> AlertConfig:
    from tocsin import AlertCategory, AlertConfig, AlertRule, AlertSeverity

    def rule(name: str, number: int, threshold: float, **fields: float | str) -> AlertRule:
        metric = f"app.metric.{number}"
        return AlertRule(name, AlertCategory.GENERAL, AlertSeverity.WARNING, threshold, metric=metric, **fields)

    rules = []
    for number in range(SERIES):
        rules += [rule(f"high-{number}-{threshold}", number, threshold) for threshold in (85, 95, 105)]
        rules.append(rule(f"long-{number}", number, 80, for_s=300.0))
        rules.append(rule(f"mean-{number}", number, 75, window_s=300.0, aggregate="avg"))
    assert len(rules) == RULES
    return AlertConfig(rules=rules, default_rules=False)


def _learned() -> AlertConfig:
    from tocsin import AlertCategory, AlertCondition, AlertConfig, AlertRule, AlertSeverity

    rules = [
        AlertRule(
            f"odd-{number}", AlertCategory.GENERAL, AlertSeverity.WARNING, condition=AlertCondition.ANOMALOUS,
            metric=f"app.metric.{number}",
        )
        for number in range(SERIES)
    ]  # fmt: skip
    return AlertConfig(rules=rules, default_rules=False)


def _try(feed: object, config: AlertConfig | None = None) -> int:
    from tocsin.replay.backtest import Contender, run

    contender = Contender("rules", config or _config())
    run(feed, [contender])  # type: ignore[arg-type]
    return sum(account.fired for account in contender.account.rules.values())


def _write(path: Path, days: int) -> None:
    with path.open("w") as file:
        file.write("timestamp," + ",".join(_key(number).metric for number in range(SERIES)) + "\n")
        for step, values in enumerate(_readings(days * DAY_STEPS)):
            file.write(f"{START_S + step * EVERY_S:.0f}," + ",".join(f"{value:.3f}" for value in values) + "\n")


def _peak_mb() -> float:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000.0
