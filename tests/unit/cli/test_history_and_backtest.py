"""`tocsin history` and `tocsin backtest`, on the journal of a program that has ended."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tocsin import AlertConfig, AlertSystem, VirtualClock
from tocsin.journal.database import connect
from tocsin.journal.history.upkeep import Bounds, keep_small
from tocsin.testing import ScriptedSensor

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.cli.conftest import Result

    Command = Callable[..., Result]

RULES = """
default_rules = false
[[rule]]
name = "level-high"
metric = "app.level"
threshold = 80
for = "5s"
[[channel]]
type = "slack"
url = "env:A_SECRET_THAT_IS_NOT_HERE"
"""
WAVE_S = 200


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two hours of a wave that goes from 10 to 90 every 200 s, and of a counter with a label."""
    folder = tmp_path_factory.mktemp("state")
    clock = VirtualClock()
    wave = [50 - 40 * math.cos(number * 2 * math.pi / WAVE_S) for number in range(7200)]
    sensors = [
        ScriptedSensor("app.level", wave),
        ScriptedSensor("system.disk.io", [1000.0 * number for number in range(7200)],
                       labels={"device": "sda", "direction": "read"}),
    ]  # fmt: skip
    config = AlertConfig(state_dir=folder, channels=[], default_rules=False)
    system = AlertSystem(config, sensors=sensors, clock=clock)
    for _ in range(7200):
        system._core.one_pass()
        clock.advance(1.0)
    assert system.stop(20.0)
    return folder


def rules(place: Path, text: str = RULES, name: str = "rules.toml") -> Path:
    path = place / name
    path.write_text(text)
    return path


def backtest(call: Command, *args: object) -> dict[str, Any]:
    result = call("backtest", *args, "--json")
    assert result.code == 0, result.err
    answer: dict[str, Any] = json.loads(result.out)
    return answer


# -- history


def test_without_a_metric_all_are_listed(call: Command, state: Path) -> None:
    result = call("history", "--state-dir", state)
    assert result.code == 0
    assert {"app.level", "system.disk.io"} <= set(result.out.split("\n"))


def test_a_metric_is_shown_as_a_line_and_a_table(call: Command, state: Path) -> None:
    result = call("history", "--state-dir", state, "app.level")
    assert "least 10, mean 50, greatest 90" in result.out
    assert "7,200 readings from 2026-01-01 00:00:00 to 2026-01-01 01:59:59" in result.out
    assert result.out.count("2026-01-01 ") == 2 + 20


def test_a_counter_is_shown_by_the_second(call: Command, state: Path) -> None:
    result = call("history", "--state-dir", state, "system.disk.io", "device=sda")
    assert "device=sda, direction=read" in result.out
    assert "least 1 kB/s, mean 1 kB/s, greatest 1 kB/s" in result.out


def test_json_has_every_reading(call: Command, state: Path) -> None:
    result = call("history", "--state-dir", state, "app.level", "--since", "9s", "--json")
    [series] = json.loads(result.out)["series"]
    assert [point["at"] for point in series["points"]] == [f"2026-01-01T01:59:5{number}Z" for number in range(10)]


def test_csv_has_a_column_for_each_series_and_can_be_tried_on(call: Command, state: Path, place: Path) -> None:
    result = call("history", "--state-dir", state, "app.level", "--csv")
    rows = list(csv.reader(io.StringIO(result.out)))
    assert rows[0] == ["timestamp", "app.level"]
    assert len(rows) == 7201
    (place / "level.csv").write_text(result.out)

    by_table = backtest(call, rules(place), "--csv", place / "level.csv")["runs"]
    by_history = backtest(call, rules(place), "--history", state)["runs"]

    assert by_table == by_history


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["app.levle"], "did you mean 'app.level'?"),
        (["app.level", "device=sdb"], "no series of app.level has the labels device=sdb"),
    ],
)
def test_what_is_not_there_is_told(call: Command, state: Path, args: list[str], words: str) -> None:
    result = call("history", "--state-dir", state, *args)
    assert result.code == 1
    assert words in result.err


def test_a_wrong_call_is_told(call: Command, state: Path) -> None:
    assert call("history", "--state-dir", state, "app.level", "sda").code == 2
    assert call("history", "--state-dir", state, "app.level", "--csv", "--json").code == 2
    assert call("history", "--state-dir", state / "none", "app.level").code == 1


# -- backtest


def test_the_course_of_a_history_is_told_rule_by_rule(call: Command, state: Path, place: Path) -> None:
    """36 waves; each is above 80 for 46 s, and longer within the rule's hysteresis."""
    [run] = backtest(call, rules(place), "--history", state)["runs"]
    [rule] = run["rules"]
    assert (run["steps"], rule["fired"] + rule["flaps"]) == (7200, 36 + rule["fired"] - 1)
    assert run["notices"]["slack"]["firing"] >= 1


def test_the_table_for_people_says_the_same(call: Command, state: Path, place: Path) -> None:
    result = call("backtest", rules(place), "--history", state, "--times", "--since", "4min")
    assert result.code == 0
    assert "RULE        FIRED" in result.out
    assert "level-high      1" in result.out
    assert "Notices that would have gone out: slack 2 (1 firing, 1 resolved)." in result.out
    assert "! readings are as the journal keeps them" in result.out
    assert "an approximation" not in result.out


def test_minutes_are_said_to_be_an_approximation(call: Command, state: Path, place: Path, tmp_path: Path) -> None:
    """And their greatest finds what their mean hides."""
    older = tmp_path / "older"
    older.mkdir()
    (older / "journal.db").write_bytes((state / "journal.db").read_bytes())
    journal = connect(older / "journal.db")
    keep_small(journal, Bounds(raw_s=3600), VirtualClock().now().plus(3 * 3600).utc.timestamp())
    journal.close()
    path = rules(place, RULES.replace("= 80", "= 88.5"))

    mean = backtest(call, path, "--history", older)
    greatest = backtest(call, path, "--history", older, "--minutes", "max")

    assert "an approximation: " in mean["remarks"][0]
    assert "each, by its mean" in mean["remarks"][0]
    fired = [answer["runs"][0]["rules"][0]["fired"] for answer in (mean, greatest)]
    assert fired[0] < fired[1]


def test_two_files_are_compared(call: Command, state: Path, place: Path) -> None:
    other = rules(place, RULES.replace("= 80", "= 95"), "other.toml")
    result = call("backtest", rules(place), "--history", state, "--compare", other)
    assert f"A: {place / 'rules.toml'}" in result.out
    assert [line.split()[:3] for line in result.out.splitlines() if line[:3] in {"A  ", "B  "}] == [
        ["A", "level-high", "3"],
        ["B", "level-high", "0"],
    ]
    assert "1 rule differs, 0 would have done the same." in result.out
    same = call("backtest", rules(place), "--history", state, "--compare", rules(place))
    assert "0 rules differ, 1 would have done the same." in same.out


def test_a_rule_that_watched_nothing_is_named(call: Command, state: Path, place: Path) -> None:
    path = rules(place, RULES.replace("app.level", "app.lvel"))
    result = call("backtest", path, "--history", state)
    assert "'level-high' watched nothing: of app.lvel there is nothing here" in result.out


def test_rules_that_learn_are_named_where_there_is_less_than_a_day(call: Command, place: Path) -> None:
    path = rules(place, '[[rule]]\nname = "odd"\nmetric = "app.level"\ncondition = "anomalous"\n')
    remark = "! 'odd' learns: a series is known after a day"
    for until, is_said in ((86_399, True), (86_400, False)):
        table = place / "rows.csv"
        table.write_text(f"timestamp,app.level\n0,1\n{until},1\n", encoding="utf-8")
        assert (remark in call("backtest", path, "--csv", table).out) is is_said
    table.write_text("timestamp,app.other\n0,1\n", encoding="utf-8")
    assert remark not in call("backtest", path, "--csv", table).out


def test_each_time_that_something_was_unusual_says_what_was_expected(call: Command, place: Path) -> None:
    path = rules(place, '[[rule]]\nname = "odd"\nmetric = "app.level"\ncondition = "anomalous"\n')
    table = place / "rows.csv"
    rows = "".join(f"{number * 60},{90 if number == 1500 else 40 + number % 3}\n" for number in range(1501))
    table.write_text(f"timestamp,app.level\n{rows}", encoding="utf-8")
    result = call("backtest", path, "--csv", table, "--times")
    [line] = [line for line in result.out.splitlines() if "1970-01-02 01:00:00 to " in line]
    assert "app.level is 90, expected 41" in line
    assert "a sudden rise, this rare once per" in line


def test_a_column_named_value_is_what_all_rules_watch_or_what_is_said(call: Command, place: Path) -> None:
    (place / "rows.csv").write_text("timestamp,value\n" + "".join(f"{number},99\n" for number in range(10)))
    [alone] = backtest(call, rules(place), "--csv", "rows.csv")["runs"]
    [named] = backtest(call, rules(place), "--csv", "rows.csv", "--metric", "app.other")["runs"]
    assert [run["rules"][0]["fired"] for run in (alone, named)] == [1, 0]


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        ([], 2, "--history STATE_DIR, --csv FILE"),
        (["--history", ".", "--csv", "x.csv"], 2, "one of:"),
        (["--recording", "none", "--since", "1h"], 2, "a run is played from its beginning"),
        (["--recording", "none"], 1, "there is no recording here"),
        (["--csv", "none.csv"], 2, "none.csv: file: found a file that cannot be read"),
        (["--history", "."], 1, "there is no journal here"),
        (["--history", ".", "--since", "noon"], 2, "is not a time"),
    ],
)
def test_a_wrong_call_of_backtest_is_told(call: Command, place: Path, args: list[str], code: int, words: str) -> None:
    result = call("backtest", rules(place), *args)
    assert (result.code, words in result.err) == (code, True), result.err


def test_a_wrong_rule_is_told_with_its_line(call: Command, place: Path) -> None:
    result = call(
        "backtest", rules(place, "[[rule]]\nname = 'x'\nmetric = 'm'\nthreshold = 'high'\n"), "--csv", "x.csv"
    )
    assert result.code == 2
    assert "rules.toml:4: rule[0].threshold" in result.err


def test_a_bar_is_drawn_on_a_terminal_and_only_there(place: Path) -> None:
    (place / "rows.csv").write_text("timestamp,value\n" + "".join(f"{number},9\n" for number in range(5000)))
    argv = [sys.executable, "-m", "tocsin", "backtest", str(rules(place)), "--csv", "rows.csv"]
    import pty

    leader, follower = pty.openpty()
    shown = subprocess.run(argv, stderr=follower, stdout=subprocess.PIPE, check=True, timeout=60)
    os.close(follower)
    bar = os.read(leader, 65536)
    os.close(leader)
    plain = subprocess.run(argv, capture_output=True, check=True, timeout=60)
    assert b"100%" in bar
    assert plain.stderr == b""
    assert plain.stdout == shown.stdout


def test_a_recorded_run_is_tried(call: Command, place: Path) -> None:
    clock = VirtualClock()
    sensor = ScriptedSensor("app.level", [1.0] * 5 + [99.0] * 20)
    config = AlertConfig(record=place / "run.tocsin", channels=[], default_rules=False)
    system = AlertSystem(config, sensors=[sensor], clock=clock)
    for _ in range(20):
        system._core.one_pass()
        clock.advance(1.0)
    system.stop(20.0)

    [run] = backtest(call, rules(place), "--recording", "run.tocsin")["runs"]

    [rule] = run["rules"]
    assert run["steps"] >= 20
    assert (rule["fired"], rule["firing_s"]) == (1, 10.0)  # from the tenth second to the stop at the twentieth


def test_what_rules_would_have_done_is_shown_and_not_done(call: Command, state: Path, place: Path) -> None:
    acting = place / "acting.toml"
    mark = place / "it-ran"
    text = rules(place).read_text(encoding="utf-8")
    acting.write_text(text.replace("[[rule]]\n", f'[[rule]]\nactions = ["run:touch {mark}"]\n', 1), encoding="utf-8")

    table = call("backtest", acting, "--history", state, "--times")
    [run] = backtest(call, acting, "--history", state)["runs"]

    [rule] = run["rules"]
    [(action, acted)] = rule["actions"].items()
    assert action == f"run:touch {mark}"
    assert acted["due"] >= 1
    assert acted["due"] + acted["refused"] == rule["fired"]
    assert f"{acted['due']} run:touch {mark}" in table.out
    assert "ACTIONS: what would have been done besides; nothing was." in " ".join(table.out.split())
    assert f"acting: run:touch {mark}" in table.out
    assert not mark.exists()
    assert "ACTIONS" not in call("backtest", rules(place), "--history", state).out
