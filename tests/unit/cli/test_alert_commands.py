"""The commands on alerts, on a running program and on what a stopped one left."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from tocsin import AlertCategory, AlertConfig, AlertRule, AlertSeverity, AlertSystem, DeliveryError, Routed
from tocsin.testing import RecordingChannel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.unit.cli.conftest import Result

ENOUGH_S = 20.0
Call = "Callable[..., Result]"
BOTH = pytest.mark.parametrize("where", ["running", "stopped"])


class Program:
    """A program with a journal, which runs or has ended."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.bell = RecordingChannel("bell")
        self.dead = RecordingChannel("dead", fail_with=DeliveryError("no such address", permanent=True))
        self.system = self._made()

    def _made(self) -> AlertSystem:
        channels: list[Any] = [self.bell, Routed(self.dead, severity="critical")]
        rule = AlertRule("high", AlertCategory.GENERAL, AlertSeverity.WARNING, 10, metric="app.level", for_s=3600)
        config = AlertConfig(
            name="orders", state_dir=self.state, channels=channels, rules=[rule], default_rules=False, control=True,
            check_interval=0.05, memory={"enabled": False},
        )  # fmt: skip
        return AlertSystem(config, sensors=()).start()

    def emit(self, title: str, level: str = "warning", **fields: Any) -> str:
        return self.system.emit(title, f"{title} is bad", level, "backup", durable=True, **fields).id

    def where(self, where: str) -> list[str]:
        """The options that choose it, after it was ended if so asked."""
        assert self.system.flush(ENOUGH_S)
        if where == "running":
            return ["--name", "orders"]
        assert self.system.stop(ENOUGH_S)
        return ["--state-dir", str(self.state)]

    def again(self) -> AlertSystem:
        """Its next run, with the channel that failed in order."""
        self.system.stop(ENOUGH_S)
        self.dead.fail_with = None
        self.system = self._made()
        return self.system


@pytest.fixture
def program(place: Path) -> Iterator[Program]:
    program = Program(place / "state")
    yield program
    program.system.stop(ENOUGH_S)


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


# -- explain


@BOTH
def test_explain_tells_who_was_told_and_what_came_of_it(
    program: Program, call: Callable[..., Result], where: str
) -> None:
    alert_id = program.emit("Full", "critical")
    result = call("explain", alert_id, *program.where(where))
    assert (result.code, result.err) == (0, "")
    text = " ".join(result.out.split())
    assert "raised by backup (emit)" in text
    assert "told bell: occurrence 1" in text
    assert re.search(r"delivered bell in [\d.]+ [µm]?s", text)
    assert re.search(r"bell was told at 20[-\d]+T[:\d]+Z\.", text)
    assert "dead could not be told, and was given up: DeliveryError: no such address." in text
    assert "Send it again: tocsin deliveries --replay dead-" in text
    assert all(len(line) <= 80 or "--replay" in line for line in result.out.splitlines())


@BOTH
def test_explain_tells_why_nobody_was_told(program: Program, call: Callable[..., Result], where: str) -> None:
    program.system.silence("title=Full", for_s=3600, author="jo", comment="move")
    alert_id = program.emit("Full", "critical")
    text = " ".join(call("explain", alert_id, *program.where(where)).out.split())
    assert re.search(r"not told|Nobody was told", text)
    assert re.search(r"silence: silence \w+ by jo until [-\dT:Z]+: move\.", text)


def test_explain_tells_which_filter_kept_a_channel_out(program: Program, call: Callable[..., Result]) -> None:
    alert_id = program.emit("Slow")
    text = " ".join(call("explain", alert_id, *program.where("running")).out.split())
    assert "dead was not told: it is told of critical and worse." in text


def test_explain_tells_the_rule_and_how_far_it_has_come(program: Program, call: Callable[..., Result]) -> None:
    system = program.system
    while not system.open_alerts():
        system.record("app.level", 99)
        system.flush(ENOUGH_S)
    [alert] = system.open_alerts()
    text = " ".join(call("explain", alert.id, *program.where("running")).out.split())
    assert "rule high: app.level greater_than 10 for 3600 s, warning" in text
    assert "pending" in text
    assert "bell was not told: it has not begun to fire." in text


@BOTH
def test_explain_can_be_read_by_a_program(program: Program, call: Callable[..., Result], where: str) -> None:
    alert_id = program.emit("Full", "critical")
    story = json.loads(call("explain", alert_id, "--json", *program.where(where)).out)
    assert story["alert"]["id"] == alert_id
    assert [one["after"] for one in story["transitions"]] == ["firing"]
    [told] = [one for one in story["notices"] if one["channel"] == "bell"]
    assert (told["state"], told["deliveries"][0]["outcome"]) == ("delivered", "delivered")


# -- deliveries


@BOTH
def test_deliveries_lists_what_was_told_and_what_was_not(
    program: Program, call: Callable[..., Result], where: str
) -> None:
    program.emit("Full", "critical")
    options = program.where(where)
    result = call("deliveries", *options)
    assert (result.code, result.err) == (1, "")
    assert "DELIVERED  firing to bell at " in result.out
    assert "DEAD       firing to dead at " in result.out
    only = call("deliveries", "--dead", *options).out
    assert "DELIVERED" not in only
    assert "DeliveryError: no such address" in only
    [notice] = json.loads(call("deliveries", "--dead", "--json", *options).out)["notices"]
    assert (notice["channel"], notice["alerts"][0]["title"]) == ("dead", "Full")


@BOTH
def test_a_dead_notice_is_sent_once_more(program: Program, call: Callable[..., Result], where: str) -> None:
    program.emit("Full", "critical")
    options = program.where(where)
    [notice] = json.loads(call("deliveries", "--dead", "--json", *options).out)["notices"]
    program.dead.fail_with = None
    result = call("deliveries", "--replay", notice["id"], *options)
    assert (result.code, result.err) == (0, "")
    system = program.system if where == "running" else program.again()
    assert system.flush(ENOUGH_S)
    assert program.dead.titles() == ["Full"]
    assert "nothing" not in call("deliveries", "--name", "orders").out
    result = call("deliveries", "--replay", notice["id"], "--name", "orders")
    assert result.code == 1
    assert "is delivered; only one that is dead" in result.err


# -- test-notify


def test_test_notify_tells_what_became_of_it_on_each_channel(program: Program, call: Callable[..., Result]) -> None:
    result = call("test-notify")
    assert (result.code, result.err) == (1, "")
    assert re.search(r"bell +delivered in", result.out)
    assert re.search(r"dead +refused for good: DeliveryError: no such address", result.out)
    assert program.bell.titles() == ["Test of the channels"]
    assert program.system.open_alerts() == ()


def test_test_notify_tries_one_channel_past_its_filters(program: Program, call: Callable[..., Result]) -> None:
    result = call("test-notify", "bell", "--json")
    assert result.code == 0
    [one] = json.loads(result.out)["channels"]
    assert (one["channel"], one["outcome"]) == ("bell", "delivered")
    assert program.dead.notices == []
    result = call("test-notify", "bel")
    assert (result.code, result.out) == (2, "")
    assert "no channel is called 'bel' (did you mean 'bell'?)" in result.err


def test_test_notify_says_what_holds_it_back(program: Program, call: Callable[..., Result]) -> None:
    program.system.silence("severity=critical", for_s=3600, comment="night")
    result = call("test-notify", "bell")
    assert result.code == 1
    assert re.search(r"bell +held back: silence: silence \w+ until", result.out)
    assert program.bell.notices == []


def test_test_notify_tries_a_configuration_without_a_program(call: Callable[..., Result], place: Path) -> None:
    (place / "t.toml").write_text('[[channel]]\ntype = "file"\npath = "told.jsonl"\nseverity = "critical"\n')
    result = call("test-notify", "--config", "t.toml")
    assert (result.code, result.err) == (0, "")
    assert "Test of the channels" in (place / "told.jsonl").read_text()
    assert call("test-notify", "--config", "t.toml", "--name", "x").code == 2
    assert call("test-notify", "--config", "missing.toml").code == 2
    (place / "t.toml").write_text('name = "x"\n[[channel]]\ntype = "console"\n')
    assert call("test-notify", "nobody", "--config", "t.toml").code == 2


# -- export


@BOTH
def test_export_writes_each_alert_with_its_transitions(
    program: Program, call: Callable[..., Result], where: str
) -> None:
    first = program.emit("Slow")
    [alert] = program.system.preview("title=Slow")
    program.system.resolve(alert.fingerprint)
    second = program.emit("Full", "critical")
    program.where(where)
    result = call("export", "--state-dir", program.state)
    assert (result.code, result.err) == (0, "")
    lines = [json.loads(line) for line in result.out.splitlines()]
    assert [line["id"] for line in lines] == [first, second]
    assert [step["after"] for step in lines[0]["transitions"]] == ["firing", "resolved"]
    assert lines[1]["trace"]
    assert call("export").code == 2


def test_a_guest_of_the_folder_is_read_too(program: Program, call: Callable[..., Result], place: Path) -> None:
    program.emit("Full")
    config = AlertConfig(name="guest", state_dir=program.state, channels=[], default_rules=False)
    with AlertSystem(config, sensors=()) as guest:
        guest.emit("Other", "m", "warning", "guest", durable=True)
    options = program.where("stopped")
    assert {alert["title"] for alert in json.loads(call("alerts", "--json", *options).out)["alerts"]} == {
        "Full",
        "Other",
    }
    assert len(call("export", *options).out.splitlines()) == 2
    assert call("silence", "add", "a=b", "--for", "1h", *options).code == 0
    assert len(json.loads(call("silence", "list", "--json", *options).out)["silences"]) == 1


def test_what_somebody_else_wrote_into_the_journal_is_no_traceback(
    program: Program, call: Callable[..., Result]
) -> None:
    import sqlite3

    alert_id = program.emit("Full")
    options = program.where("stopped")
    connection = sqlite3.connect(program.state / "journal.db")
    connection.execute("UPDATE alerts SET keep = x'00'")
    connection.execute("UPDATE keepsakes SET body = x'00'")
    connection.commit()
    connection.close()
    for command in (["ack", alert_id], ["silence", "list"], ["silence", "add", "a=b", "--for", "1h"]):
        result = call(*command, *options)
        assert result.code == 1
        assert "written by another version of Tocsin" in result.err
