"""Scores for every series of the Numenta Anomaly Benchmark, in files for its referee: one row for each reading.

    python -m benchmarks nab --out DIR [--data NAB/data]

The referee takes one threshold for all rows of all files and counts rows, where the detector rings once in an episode.
So a row's score is the detector's where it is higher than those before it (a memory that fades by a fiftieth a row),
and next to nothing where it repeats what was said; what is far beyond the bell's level counts as equally far.
The settings are the same for all files: those of the detector.
"""

from __future__ import annotations

import csv
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.report import Result

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

FADES: Final = 0.98
REPEATED: Final = 0.001
PLACE: Final = Path("shared", "data", "nab", "data")
HIGHEST: Final = 10.0  # the bell rings at about 7.6, where readings come every five minutes


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """From where, and to where."""
    parser.add_argument("--data", type=Path, help="the folder `data` of NAB (shared/data/nab/data beside the project)")
    parser.add_argument("--out", type=Path, required=True, help="where the scores go")


def run(args: argparse.Namespace) -> Result:
    """Every file below the data folder."""
    data = args.data or beside_the_project()
    files = sorted(data.rglob("*.csv"))
    if not files:
        sys.exit(f"nab: no CSV file below {data}; give the folder `data` of NAB: --data NAB/data")
    rows = alarms = 0
    for path in files:
        scores, rang = score(path)
        rows, alarms = rows + len(scores), alarms + rang
        out = args.out / path.relative_to(data)
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text("anomaly_score\n" + "".join(f"{one!r}\n" for one in scores), "utf-8")
    return Result(
        name="nab",
        ours={"files": float(len(files)), "rows": float(rows), "alarms_at_1_a_week": float(alarms)},
        notes=(f"Written to {args.out}; the referee scores them.",),
    )


def beside_the_project() -> Path:
    """The series where they are usually kept: in `shared` of the folder that holds the project, or of one above it."""
    places = [above / PLACE for above in Path(__file__).resolve().parents[1:]]
    for place in places:
        if place.is_dir():
            return place
    sys.exit(
        f"nab: no series: {places[1]} is not there. Get them (git clone https://github.com/numenta/NAB) and give their"
        " folder: --data NAB/data"
    )


def score(path: Path) -> tuple[list[float], int]:
    """The scores of one file, and how often the bell rang."""
    from tocsin.rules.detectors.anomaly import AnomalyDetector

    detector, told, scores, alarms = AnomalyDetector(), 0.0, [], 0
    for at_s, value in readings(path):
        verdict = detector.update(value, at_s)
        alarms += verdict.alarm
        found = min(verdict.score, HIGHEST)
        scores.append(found if found > told else REPEATED * found)
        told = max(told * FADES, found)
    return scores, alarms


def readings(path: Path) -> Iterator[tuple[float, float]]:
    """Unix seconds and value of each row."""
    with path.open(newline="") as handle:
        for row in csv.DictReader(handle):
            at = datetime.fromisoformat(row["timestamp"].strip()[:19]).replace(tzinfo=UTC)
            yield at.timestamp(), float(row["value"])
