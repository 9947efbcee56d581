from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import pytest
from rich.cells import cell_len
from rich.console import Console

from tocsin.cli.alert_text import OpenAlert, age, of_alert, of_status
from tocsin.cli.panel import HOST, PROCESS, Figure, Line, Panel, words_of
from tocsin.cli.screen import Screen
from tocsin.cli.sparkline import sparkline
from tocsin.clock import Instant
from tocsin.model.alert import Acknowledgement, PerformanceAlert
from tocsin.model.levels import AlertSeverity
from tocsin.model.readings import SeriesKey

NAN = float("nan")
NOON = Instant(0, 0, datetime(2026, 1, 1, 12, tzinfo=UTC))


def alert(title: str = "memory-high", message: str = "too much") -> OpenAlert:
    return OpenAlert(AlertSeverity.WARNING, title, message, "3 min", "id", ())


def draw(screen: Screen, width: int = 80, height: int = 24, encoding: str = "utf-8") -> list[str]:
    out = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    console = Console(file=out, width=width, height=height, force_terminal=True, color_system=None)
    console.print(screen)
    out.flush()
    assert isinstance(out.buffer, io.BytesIO)
    return out.buffer.getvalue().decode(encoding).splitlines()


LINES = [Line(figure.text, "123.4 MB/s", tuple(range(40)), figure.top) for figure in (*HOST, *PROCESS)]
LONG = [alert(f"alert {number} " + "with a long title " * 9, "message " * 40) for number in range(9)]


@pytest.mark.parametrize(("width", "height"), [(80, 24), (40, 8), (200, 60), (80, 10), (20, 5)])
@pytest.mark.parametrize("alerts", [[], LONG[:1], LONG], ids=["no-alert", "one-alert", "many-alerts"])
def test_no_line_is_wider_than_the_terminal_and_none_is_lost_below_it(
    width: int, height: int, alerts: list[OpenAlert]
) -> None:
    rows = draw(Screen("head " * 30, LINES, alerts, "foot " * 30), width, height)
    assert max(map(cell_len, rows)) <= width
    assert len(rows) <= height


def test_wide_characters_are_counted_by_the_columns_they_take() -> None:
    rows = draw(Screen("head", LINES, [alert("記憶體不足" * 30, "プロセス" * 40)]))
    assert max(map(cell_len, rows)) <= 80


def test_all_figures_and_the_first_alerts_are_seen_on_a_usual_terminal() -> None:
    rows = draw(Screen("head", LINES, LONG[:3], "foot"))
    assert sum("123.4 MB/s" in row for row in rows) == len(LINES)
    assert sum("alert" in row and "long title" in row for row in rows) == 3
    assert rows[-1].strip() == "foot"


def test_alerts_that_do_not_fit_are_counted() -> None:
    rows = draw(Screen("head", LINES, LONG, "foot"))
    assert any("open alerts: 9, 4 of them not shown" in row for row in rows)


def test_a_quiet_machine_says_so() -> None:
    assert any("no open alerts" in row for row in draw(Screen("head", LINES, [])))


def test_a_terminal_without_unicode_gets_bars_it_can_show() -> None:
    rows = draw(Screen("head", LINES, LONG[:1], "foot"), encoding="ascii")
    assert any("_" in row and "#" in row for row in rows)


# --- figures ---


def test_a_sparkline_draws_from_zero_to_the_top() -> None:
    assert sparkline([0, 0.5, 1.0], 10, top=1.0) == "▁▅█"
    assert sparkline([0, 5, 10], 10) == "▁▅█"
    assert sparkline([2.0], 10, top=1.0) == "█"


def test_a_sparkline_shows_the_last_values_that_fit() -> None:
    assert sparkline([9, 9, 1, 2], 2, top=2) == "▅█"
    assert sparkline([1, 2], 0) == ""
    assert sparkline([], 5) == ""


def test_a_sparkline_of_nothing_is_flat_and_a_missing_value_is_a_gap() -> None:
    assert sparkline([0, NAN, 0], 5) == "▁ ▁"
    assert sparkline([-1, -2], 5) == "▁▁"


def key(metric: str, **labels: str) -> SeriesKey:
    return SeriesKey(metric, tuple(sorted(labels.items())))


def test_the_series_of_a_metric_become_one_figure() -> None:
    latest = {
        key("system.disk.io", device="sda", direction="read"): 1e6,
        key("system.disk.io", device="sdb", direction="read"): 2e6,
        key("system.disk.io", device="sda", direction="write"): 9e6,
        key("system.filesystem.utilization", mountpoint="/"): 0.5,
        key("system.filesystem.utilization", mountpoint="/data"): 0.9,
    }
    panel = Panel(HOST)
    panel.take(latest)
    shown = {line.text: line.value for line in panel.lines()}
    assert shown == {"disk, read": "3 MB/s", "disk, written": "9 MB/s", "fullest file system": "90 %"}


def test_a_figure_that_was_never_read_is_left_out_and_one_that_fell_silent_says_so() -> None:
    panel = Panel([Figure("CPU", "cpu"), Figure("disk", "disk")])
    panel.take({key("cpu"): 1.0})
    panel.take({})
    assert [(line.text, line.value) for line in panel.lines()] == [("CPU", "no data")]


def test_the_past_of_a_figure_is_bounded() -> None:
    panel = Panel([Figure("CPU", "cpu")])
    for number in range(1000):
        panel.take({key("cpu"): float(number)})
    assert panel.lines()[0].past == tuple(range(960, 1000))


def test_a_metric_of_the_programs_own_keeps_its_name() -> None:
    assert words_of("process.cpu.utilization") == "CPU of the program"
    assert words_of("orders.open") == "orders.open"


# --- alerts ---


@pytest.mark.parametrize(
    ("seconds", "text"), [(-1, "0 s"), (0, "0 s"), (59.9, "60 s"), (60, "1 min"), (7199, "1 h"), (2e5, "2 d")]
)
def test_an_age_is_told_in_one_unit(seconds: float, text: str) -> None:
    assert age(seconds) == text


def test_an_alert_reads_the_same_from_a_system_and_from_a_status() -> None:
    started_at = NOON.utc - timedelta(minutes=3)
    mark = Acknowledgement("ada", NOON.utc)
    ours = PerformanceAlert(
        "t",
        "m",
        AlertSeverity.CRITICAL,
        id="1",
        started_at=started_at,
        count=4,
        component="orders",
        acknowledgement=mark,
    )
    theirs = {
        "title": "t", "message": "m", "severity": "critical", "id": "1", "started_at": started_at.isoformat(),
        "count": 4, "component": "orders", "acknowledged_by": "ada", "state": "firing",
    }  # fmt: skip
    assert of_alert(ours, NOON) == of_status(theirs, NOON)
    assert of_alert(ours, NOON).head() == "CRITICAL t  (for 3 min, 4 times, in orders, acknowledged by ada)"


def test_a_status_with_holes_or_escape_sequences_is_shown_all_the_same() -> None:
    assert of_status({}, NOON).age == "?"
    odd = of_status({"title": "\x1b[31mred\nnext", "message": "\u202eturned", "started_at": "yesterday"}, NOON)
    assert odd.title == "\\x1b[31mred\\nnext"
    assert odd.message == "\\u202eturned"
