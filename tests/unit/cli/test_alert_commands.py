"""The commands that list alerts and take orders, on a running program and on what a stopped one left."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest
from tests.unit.cli.watched_program import BOTH, ENOUGH_S, until

from tocsin import AlertCategory, AlertConfig, AlertRule, AlertSeverity, AlertSystem

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.cli.conftest import Result
    from tests.unit.cli.watched_program import Program


# -- alerts


@BOTH
def test_alerts_lists_what_is_open_and_what_was(program: Program, call: Callable[..., Result], where: str) -> None:
    over = program.emit("Slow", component="db")
    [alert] = program.system.preview("title=Slow")
    program.system.resolve(alert.fingerprint)
    program.emit("Full", "critical", component="archive")
    options = program.where(where)
    result = call("alerts", *options)
    assert (result.code, result.err) == (1, "")
    assert "1 open, 1 over" in result.out
    assert re.search(r"CRITICAL Full\n {9}firing for \d+ s, in archive, id \w+\n {9}Full is bad", result.out)
    assert re.search(rf"WARNING  Slow\n {{9}}over for \d+ s, lasted \d+ s, in db, id {over}", result.out)
    assert all(len(line) <= 80 for line in result.out.splitlines())


@BOTH
def test_alerts_says_at_which_value_one_was_over(program: Program, call: Callable[..., Result], where: str) -> None:
    program.system.add_rule(AlertRule("deep", AlertCategory.GENERAL, AlertSeverity.WARNING, 10, metric="app.depth"))
    program.system.record("app.depth", 99.0)
    until(lambda: bool(program.bell.alerts))
    program.system.record("app.depth", 2.0)
    until(lambda: bool(program.bell.resolved))
    out = call("alerts", *program.where(where)).out
    assert re.search(
        r"WARNING  deep\n {9}over for \d+ s, lasted \d+ s, 2 at the end, id \w+\n {9}app.depth is 99,", out
    )


@BOTH
def test_alerts_can_be_narrowed_and_read_by_a_program(
    program: Program, call: Callable[..., Result], where: str
) -> None:
    taken = program.emit("Slow", category=AlertCategory.DISK_IO)
    program.system.acknowledge(taken, "ann")
    program.emit("Full")
    options = program.where(where)
    titles = [alert["title"] for alert in json.loads(call("alerts", "--json", *options).out)["alerts"]]
    assert sorted(titles) == ["Full", "Slow"]
    [only] = json.loads(call("alerts", "--unacked", "--json", *options).out)["alerts"]
    assert (only["title"], only["severity"], only["acknowledgement"]) == ("Full", "warning", None)
    assert "Slow" in call("alerts", "--category", "disk_io", *options).out
    assert "Full" not in call("alerts", "--category", "disk_io", *options).out


def test_a_mark_that_the_alert_has_outgrown_does_not_count(program: Program, call: Callable[..., Result]) -> None:
    alert_id = program.emit("Full")
    program.system.acknowledge(alert_id, "ann")
    assert "none open" in call("alerts", "--unacked", "--name", "orders").out
    program.emit("Full", "critical")
    for where in ("running", "stopped"):
        out = call("alerts", "--unacked", *program.where(where)).out
        assert "acknowledged by ann, which is void by now" in " ".join(out.split())


def test_an_alert_that_has_been_over_for_long_is_not_listed(program: Program, call: Callable[..., Result]) -> None:
    program.emit("Slow")
    [alert] = program.system.preview("title=Slow")
    program.system.resolve(alert.fingerprint)
    options = program.where("stopped")
    assert "none open, 1 over" in call("alerts", *options).out
    result = call("alerts", "--since", "1ms", *options)
    assert (result.code, "none open, none over" in result.out) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--since", "soon"], "'soon' is not a time such as"),
        (["--since", "2y"], "is not a time"),
        (["--since", "400d"], "more than 366 days"),
        (["--category", "disk"], "disk_io"),
        (["--state-dir", "here", "--pid", "1"], "--pid and --name choose one that runs"),
    ],
)
def test_a_wrong_call_is_told_in_words(call: Callable[..., Result], arguments: list[str], words: str) -> None:
    result = call("alerts", *arguments)
    assert (result.code, result.out) == (2, "")
    assert words in result.err


def test_a_folder_without_a_journal_and_no_running_program_are_told(call: Callable[..., Result], place: Path) -> None:
    result = call("alerts", "--state-dir", place)
    assert (result.code, result.out) == (1, "")
    assert "there is no journal here; name the folder that holds journal.db" in result.err
    result = call("alerts")
    assert result.code == 3
    assert "--state-dir" in result.err


# -- ack


@BOTH
def test_ack_marks_an_alert_and_the_mark_is_there_in_the_next_run(
    program: Program, call: Callable[..., Result], where: str
) -> None:
    alert_id = program.emit("Full")
    options = program.where(where)
    result = call("ack", alert_id, "--comment", "on it", "--by", "ann", "--for", "2h", *options)
    assert (result.code, result.err) == (0, "")
    assert "acknowledged by ann (on it)" in result.out
    assert "acknowledged by ann" in call("alerts", *options).out
    [alert] = program.again().open_alerts()
    assert alert.acknowledgement is not None
    assert (alert.acknowledgement.by, alert.acknowledgement.comment) == ("ann", "on it")
    assert alert.acknowledgement.expires_at is not None
    assert [step.what for step in alert.trace].count("acknowledged") == 1


@BOTH
def test_a_second_ack_leaves_the_first(program: Program, call: Callable[..., Result], where: str) -> None:
    alert_id = program.emit("Full")
    options = program.where(where)
    call("ack", alert_id, "--by", "ann", *options)
    assert "acknowledged by ann" in call("ack", alert_id, "--by", "bob", *options).out


@BOTH
def test_ack_of_an_alert_that_has_ended_is_kept(program: Program, call: Callable[..., Result], where: str) -> None:
    alert_id = program.emit("Slow")
    [alert] = program.system.preview("title=Slow")
    program.system.resolve(alert.fingerprint)
    options = program.where(where)
    assert call("ack", alert_id, "--by", "ann", *options).code == 0
    [found] = json.loads(call("alerts", "--json", *options).out)["alerts"]
    assert found["acknowledgement"]["by"] == "ann"


@BOTH
@pytest.mark.parametrize("command", [["ack"], ["explain"], ["silence", "expire"], ["deliveries", "--replay"]])
def test_what_does_not_exist_is_told_with_its_id(
    program: Program, call: Callable[..., Result], where: str, command: list[str]
) -> None:
    program.emit("Full")
    result = call(*command, "nobody", *program.where(where))
    assert (result.code, result.out) == (1, "")
    assert "'nobody'" in result.err


def test_the_journal_of_a_running_program_is_only_read(program: Program, call: Callable[..., Result]) -> None:
    alert_id = program.emit("Full")
    assert program.system.flush(ENOUGH_S)
    assert "Full" in call("alerts", "--state-dir", program.state).out
    for command in (["ack", alert_id], ["silence", "add", "a=b", "--for", "1h"], ["silence", "expire", "x"]):
        result = call(*command, "--state-dir", program.state)
        assert result.code == 1
        assert "a running program has it; leave --state-dir away" in result.err


# -- silence


@BOTH
def test_silence_add_shows_what_it_holds_back_and_the_next_run_obeys_it(
    program: Program, call: Callable[..., Result], where: str
) -> None:
    program.emit("Slow", component="db")
    options = program.where(where)
    result = call(
        "silence",
        "add",
        "component=db",
        "severity!=critical",
        "--for",
        "2h",
        "--comment",
        "move",
        "--by",
        "jo",
        *options,
    )
    assert (result.code, result.err) == (0, "")
    assert 'component="db", severity!="critical"' in result.out
    assert ", by jo: move" in result.out.replace("\n         ", " ")
    assert "it holds back 1 open alert:\nWARNING  Slow" in result.out
    assert ", by jo: move" in call("silence", "list", *options).out.replace("\n         ", " ")
    system = program.again()
    assert [one.author for one in system.silences()] == ["jo"]
    before = len(program.bell.notices)
    program.emit("Slower", component="db")
    assert system.flush(ENOUGH_S)
    assert len(program.bell.notices) == before


def test_a_program_that_starts_again_obeys_what_was_ordered_while_it_stood_still(
    program: Program, call: Callable[..., Result]
) -> None:
    alert_id = program.emit("Slow", component="db")
    old = program.system.silence("component=old", for_s=7200)
    options = program.where("stopped")
    assert call("silence", "add", "component=db", "--for", "2h", "--by", "jo", *options).code == 0
    assert call("silence", "expire", old.id, *options).code == 0
    assert call("ack", alert_id, "--by", "ann", *options).code == 0
    with program.system as system:
        program.emit("Slower", component="db")
        assert [one.author for one in system.silences()] == ["jo"]
        [alert] = system.preview("title=Slow")
        assert alert.acknowledgement is not None
        assert (alert.acknowledgement.by, alert.trace[-1].what) == ("ann", "acknowledged")
        assert program.bell.notices[-1].alerts[0].title == "Slow"


def test_a_second_stop_leaves_the_folder_to_whoever_has_it_by_then(program: Program, tmp_path: Path) -> None:
    program.emit("Slow", component="db")
    first, second = program.system, program.again()
    [alert] = second.open_alerts()
    assert first.stop(ENOUGH_S)
    assert second.flush(ENOUGH_S)
    assert [one.id for one in second.open_alerts()] == [alert.id]
    assert [path.name for path in program.state.iterdir() if path.is_dir()] == []


@BOTH
def test_silence_add_says_when_it_matches_nothing(program: Program, call: Callable[..., Result], where: str) -> None:
    program.emit("Slow", component="db")
    options = program.where(where)
    assert (
        "it holds back none of the open alerts; is there a slip"
        in call("silence", "add", "component=bd", "--for", "2h", *options).out
    )
    assert "it would hold back 1 open alert:" in call("silence", "preview", "component=db", *options).out
    assert "none of the open" in call("silence", "preview", "component=bd", *options).out


@BOTH
def test_silence_expire_ends_it(program: Program, call: Callable[..., Result], where: str) -> None:
    options = program.where(where)
    added = json.loads(call("silence", "add", "a=b", "--for", "2h", "--json", *options).out)
    assert added["durable"]
    silence_id = added["silence"]["id"]
    assert [one["id"] for one in json.loads(call("silence", "list", "--json", *options).out)["silences"]] == [
        silence_id
    ]
    assert call("silence", "expire", silence_id, *options).code == 0
    assert call("silence", "list", *options).out == "no silence is in force\n"
    assert program.again().silences() == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["add", "component", "--for", "1h"], "expected NAME=VALUE"),
        (["add", "component=~(", "--for", "1h"], "is no regular expression"),
        (["add", "--for", "1h"], "MATCHER"),
        (["add", "component=db"], "--for"),
        (["add", "component=db", "--for", "400d"], "more than 366 days"),
        (["add", "component=db", "--for", "0s"], "is not a time"),
        (["ad"], "ad"),
    ],
)
def test_a_silence_that_makes_no_sense_is_a_wrong_call(
    program: Program, call: Callable[..., Result], arguments: list[str], words: str
) -> None:
    result = call("silence", *arguments)
    assert (result.code, result.out) == (2, "")
    assert words in result.err
    assert "Traceback" not in result.err


def test_a_program_without_a_journal_says_what_a_restart_forgets(call: Callable[..., Result]) -> None:
    config = AlertConfig(name="bare", channels=[], default_rules=False, control=True, memory={"enabled": False})
    with AlertSystem(config, sensors=()):
        result = call("silence", "add", "a=b", "--for", "1h")
        assert result.code == 0
        assert "it does not survive a restart: there is no state_dir" in result.err
        result = call("deliveries")
        assert result.code == 1
        assert "there is no state_dir" in result.err


@pytest.mark.skipif(os.name != "posix", reason="POSIX")
def test_orders_from_the_command_line_outlive_a_kill(call: Callable[..., Result], place: Path) -> None:
    program = textwrap.dedent("""
        import sys, tocsin
        config = tocsin.AlertConfig(state_dir="state", channels=[], default_rules=False, memory={"enabled": False})
        with tocsin.watch(config, name="doomed") as bell:
            print(bell.emit("Full", "m", "warning", "disk", durable=True).id, flush=True)
            sys.stdin.read()
    """)
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as doomed:
        assert doomed.stdout is not None
        alert_id = doomed.stdout.readline().strip()
        try:
            assert call("ack", alert_id, "--by", "ann", "--name", "doomed").code == 0
            added = json.loads(call("silence", "add", "a=b", "--for", "1h", "--json", "--name", "doomed").out)
            assert added["durable"]
        finally:
            doomed.kill()
    options = ["--state-dir", str(place / "state")]
    [alert] = json.loads(call("alerts", "--json", *options).out)["alerts"]
    assert (alert["id"], alert["acknowledgement"]["by"]) == (alert_id, "ann")
    [silence] = json.loads(call("silence", "list", "--json", *options).out)["silences"]
    assert silence["id"] == added["silence"]["id"]
    assert call("silence", "expire", silence["id"], *options).code == 0
    assert call("silence", "list", *options).out == "no silence is in force\n"


def test_the_command_line_says_when_an_order_is_not_on_disk(
    program: Program, call: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    alert_id = program.emit("Full")
    silence = program.system.silence("title=Other", for_s=60)
    options = program.where("running")
    monkeypatch.setattr(program.system._core.recorder, "sync", lambda _: "not on disk within 2 s")
    for command in (["ack", alert_id], ["silence", "expire", silence.id]):
        result = call(*command, *options)
        assert result.code == 0
        assert "it does not survive a restart: not on disk within 2 s" in result.err
