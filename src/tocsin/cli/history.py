"""`tocsin history`: what a program measured, as its journal has it."""

from __future__ import annotations

import csv
import sys
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from tocsin.channels.text import visible
from tocsin.cli import exits
from tocsin.cli.layout import terminal_width
from tocsin.cli.options import Since, json_option, since_unix_s
from tocsin.cli.sparkline import sparkline
from tocsin.errors import TocsinError
from tocsin.model.metrics import describe
from tocsin.model.series_text import write_series
from tocsin.model.units import format_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tocsin.journal.history.reading import HistoryPoint
    from tocsin.journal.history.rows import Extent, HistoryRows, Row
    from tocsin.model.readings import SeriesKey

ROWS: Final = 20
SPARKS: Final = 40
MAX_WEIGHT_S: Final = 600.0


@click.command()
@click.option(
    "--state-dir", metavar="DIR", type=click.Path(path_type=Path), required=True, help="The folder of the journal."
)
@click.option("--since", type=Since(), help="From this moment on; a time counts back from the last reading.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV: a row for each time, a column for each series.")
@json_option
@click.argument("metric", required=False)
@click.argument("labels", metavar="[LABEL=VALUE]...", nargs=-1)
def command(  # noqa: PLR0917 - click hands options over by name
    metric: str | None,
    labels: tuple[str, ...],
    state_dir: Path,
    since: float | datetime | None,
    as_csv: bool,  # noqa: FBT001 - as above
    as_json: bool,  # noqa: FBT001 - as above
) -> int:
    """Show what a program measured of METRIC: a line for each series, and of a single one a table.

    Without METRIC the metrics are listed. With labels only the series that carry all of them are shown. The program may
    be running meanwhile. Times are UTC, counters are shown by the second (in CSV and JSON as they were read).
    """
    if as_csv and as_json:
        raise click.UsageError("--csv and --json exclude each other")
    wanted = _read_labels(labels)
    from tocsin.system.left.stopped import reading  # noqa: PLC0415 - help should not wait for it

    with reading(state_dir) as journal:
        history = journal.history_rows()
        extent, keys = history.extent(), history.keys()
        if extent is None:
            raise TocsinError(f"{state_dir}: nothing was measured yet; readings are written every five minutes")
        if metric is None:
            _list(keys, as_json=as_json)
            return exits.OK
        chosen = [key for key in keys if key.metric == metric and wanted.items() <= dict(key.labels).items()]
        if not chosen:
            raise TocsinError(_unknown(metric, wanted, keys))
        since_s = since_unix_s(since, extent.ended_unix_s)
        if as_csv:
            _write_csv(chosen, history, since_s, extent)
            return exits.OK
        points = journal.history.points(chosen, since_unix_s=since_s, until_unix_s=extent.ended_unix_s)
    if as_json:
        click.echo(msgspec.json.encode(_as_json(metric, points)))
    else:
        click.echo("\n".join(_lines(metric, points, terminal_width())))
    return exits.OK


def _read_labels(texts: Sequence[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in texts]
    for text, (name, equals, _) in zip(texts, pairs, strict=True):
        if not name or not equals:
            raise click.UsageError(f"found {text!r}, expected a label such as device=sda")
    return {name: value for name, _, value in pairs}


def _list(keys: Sequence[SeriesKey], *, as_json: bool) -> None:
    counts: dict[str, int] = {}
    for key in keys:
        counts[key.metric] = counts.get(key.metric, 0) + 1
    if as_json:
        listed = [
            {"metric": metric, "unit": describe(metric).unit, "series": count} for metric, count in counts.items()
        ]
        click.echo(msgspec.json.encode({"metrics": listed}))
        return
    for metric, count in counts.items():
        click.echo(visible(metric) + (f"  ({count} series)" if count > 1 else ""))


def _unknown(metric: str, wanted: dict[str, str], keys: Sequence[SeriesKey]) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - only for a mistake

    known = {key.metric for key in keys}
    if metric in known:
        labels = ", ".join(f"{name}={value}" for name, value in wanted.items())
        return f"no series of {metric} has the labels {labels}; show them all with: tocsin history {metric}"
    near = get_close_matches(metric, known, n=1)
    meant = f" (did you mean {near[0]!r}?)" if near else ""
    return f"nothing was measured of {metric!r}{meant}; without a metric all of them are listed"


# -- for people


def _lines(metric: str, points: dict[SeriesKey, list[HistoryPoint]], width: int) -> Iterator[str]:
    info = describe(metric)
    unit = f"{info.unit}/s" if info.kind == "counter" else info.unit
    shown = {key: _rates(found) if info.kind == "counter" else found for key, found in points.items()}
    yield f"{visible(metric)}: {info.text}"
    for key, found in shown.items():
        yield from _series(key, found, unit, min(SPARKS, width - 2))
    if len(shown) == 1:
        yield from _table(next(iter(shown.values())), unit)


def _series(key: SeriesKey, points: Sequence[HistoryPoint], unit: str, width: int) -> Iterator[str]:
    from tocsin.journal.history.reading import thinned  # noqa: PLC0415 - help should not wait for it

    if key.labels:
        yield visible(", ".join(f"{name}={value}" for name, value in key.labels))
    if not points:
        yield "  no readings in this time"
        return
    drawn = [point.value for point in thinned(list(points), width)]
    figures = {
        "least": min(point.low for point in points), "mean": _mean(points),
        "greatest": max(point.high for point in points), "last": points[-1].value,
    }  # fmt: skip
    said = ", ".join(f"{word} {format_value(value, unit)}" for word, value in figures.items())
    yield f"  {_drawn(drawn, width)}"
    yield f"  {said}; {len(points):,} readings from {_stamp(points[0].at_unix_s)} to {_stamp(points[-1].at_unix_s)}"


def _mean(points: Sequence[HistoryPoint]) -> float:
    """Weighted by time, since minutes and readings stand side by side; over a gap nothing goes on."""
    weights = [min(after.at_unix_s - before.at_unix_s, MAX_WEIGHT_S) for before, after in pairwise(points)]
    weights.append(weights[-1] if weights else 1.0)
    total = sum(weights) or 1.0
    return sum(weight * point.value for weight, point in zip(weights, points, strict=True)) / total


def _drawn(values: Sequence[float], width: int) -> str:
    try:
        "▁".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return sparkline(values, width, ascii_only=True)
    return sparkline(values, width)


def _table(points: Sequence[HistoryPoint], unit: str) -> Iterator[str]:
    from tocsin.journal.history.reading import thinned  # noqa: PLC0415 - as above

    if not points:
        return
    yield ""
    yield f"{'FROM (UTC)':<20}{'MEAN':>12}{'LEAST':>12}{'GREATEST':>12}"
    for point in thinned(list(points), ROWS):
        figures = (point.value, point.low, point.high)
        yield f"{_stamp(point.at_unix_s):<20}" + "".join(f"{format_value(value, unit):>12}" for value in figures)


def _rates(points: Sequence[HistoryPoint]) -> list[HistoryPoint]:
    """A counter's rises by the second; a fall is a reset, of which nothing is known."""
    found = []
    for before, after in pairwise(points):
        passed_s = after.at_unix_s - before.at_unix_s
        if passed_s > 0:
            rate = max(after.value - before.value, 0.0) / passed_s
            found.append(after._replace(value=rate, low=rate, high=rate))
    return found


def _stamp(at_unix_s: float) -> str:
    return f"{datetime.fromtimestamp(at_unix_s, UTC):%Y-%m-%d %H:%M:%S}"


# -- for programs


def _as_json(metric: str, points: dict[SeriesKey, list[HistoryPoint]]) -> dict[str, Any]:
    info = describe(metric)
    return {
        "metric": metric, "unit": info.unit, "kind": info.kind,
        "series": [
            {
                "labels": dict(key.labels),
                "points": [
                    {"at": datetime.fromtimestamp(point.at_unix_s, UTC), **_figures(point)} for point in found
                ],
            }
            for key, found in points.items()
        ],
    }  # fmt: skip


def _figures(point: HistoryPoint) -> dict[str, float]:
    return {"value": point.value, "low": point.low, "high": point.high}


def _write_csv(keys: Sequence[SeriesKey], history: HistoryRows, since_s: float, extent: Extent) -> None:
    """A row for each time, oldest first, in a form that `tocsin backtest --csv` reads."""
    from tocsin.journal.history.rows import together  # noqa: PLC0415 - as above

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["timestamp", *(write_series(key) for key in keys)])
    minutes = 0
    rows = history.rows(frozenset(keys), since_unix_s=since_s, until_unix_s=extent.ended_unix_s)
    for group in together(rows):
        minutes += any(row.is_minute for row in group)
        values = _by_key(group)
        at = datetime.fromtimestamp(group[0].at_unix_s, UTC).isoformat().replace("+00:00", "Z")
        writer.writerow([at, *(repr(values[key]) if key in values else "" for key in keys)])
    if minutes:
        click.echo(
            f"{minutes:,} rows stand for a minute each: gauges are means, counters where they stood last", err=True
        )


def _by_key(rows: Iterable[Row]) -> dict[SeriesKey, float]:
    pairs = (pair for row in rows for pair in zip(row.keys, row.values, strict=True))
    return {key: value for key, value in pairs if value == value}  # noqa: PLR0124 - NaN alone differs from itself
