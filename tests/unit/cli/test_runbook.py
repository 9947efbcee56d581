"""`tocsin runbook`, and the way to it from an alert."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tocsin import AlertCategory, AlertRule, AlertSeverity, runbooks
from tocsin.cli.story import lines_of
from tocsin.clock import VirtualClock
from tocsin.system.answers.explaining import explanation
from tocsin.testing import RecordingChannel, ScriptedSensor, system_for_tests

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.cli.conftest import Result


def explained(name: str, runbook_url: str = "") -> dict[str, Any]:
    """The explanation of an alert of a rule of this name."""
    rule = AlertRule(
        name, AlertCategory.MEMORY_THRESHOLD, AlertSeverity.WARNING, "90 %", metric="system.memory.utilization",
        runbook_url=runbook_url,
    )  # fmt: skip
    sensor = ScriptedSensor("system.memory.utilization", [0.99])
    system, clock = system_for_tests(RecordingChannel(), sensors=[sensor], rules=[rule])
    clock.advance(1.0)
    system._core.one_pass()
    [alert] = system.open_alerts()
    return explanation(alert, clock.now().utc)


def test_it_shows_the_page_as_it_is_shipped(call: Callable[..., Result]) -> None:
    result = call("runbook", "cpu-high")
    assert (result.code, result.err) == (0, "")
    assert result.out == runbooks.text("cpu-high")


def test_without_a_name_all_are_listed(call: Callable[..., Result]) -> None:
    result = call("runbook")
    assert (result.code, result.out.split()) == (0, list(runbooks.names()))


def test_both_can_be_read_by_a_program(call: Callable[..., Result]) -> None:
    assert json.loads(call("runbook", "--json").out) == {"runbooks": list(runbooks.names())}
    found = json.loads(call("runbook", "--json", "oom-kill").out)
    assert found == {"name": "oom-kill", "text": runbooks.text("oom-kill")}


def test_an_unknown_name_says_the_nearest(call: Callable[..., Result]) -> None:
    result = call("runbook", "cpu-hihg")
    assert (result.code, result.out) == (1, "")
    assert "no runbook is called 'cpu-hihg' (did you mean 'cpu-high'?)" in result.err


@pytest.mark.parametrize(
    ("runbook_url", "where"),
    [("", "tocsin runbook memory-high"), ("https://wiki.example/memory", "https://wiki.example/memory")],
)
def test_explain_says_where_the_runbook_is(runbook_url: str, where: str) -> None:
    answer = explained("memory-high", runbook_url)
    assert answer["runbook"] == ("" if runbook_url else "memory-high")
    assert f"runbook   {where}" in list(lines_of(answer, VirtualClock().now().utc, 80))


def test_of_a_rule_without_one_explain_says_nothing() -> None:
    answer = explained("orders-memory")
    assert answer["runbook"] == ""
    assert not [line for line in lines_of(answer, VirtualClock().now().utc, 80) if "runbook" in line]
