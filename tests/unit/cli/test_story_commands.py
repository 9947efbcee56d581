"""The commands that say who was told and what came of it, on a running program and on what a stopped one left."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from tests.unit.cli.watched_program import BOTH, ENOUGH_S

from tocsin import AlertConfig, AlertSystem

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.cli.conftest import Result
    from tests.unit.cli.watched_program import Program


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


def test_without_a_program_test_notify_says_how_to_try_the_channels_of_a_file(call: Callable[..., Result]) -> None:
    result = call("test-notify")
    assert (result.code, result.out) == (3, "")
    assert "tocsin run SCRIPT, or try the channels of a file without a program" in result.err
    assert "tocsin test-notify --config FILE" in result.err
    assert "--state-dir" not in result.err


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
