"""What each rule sees, and why it does not ring."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tocsin import AlertCategory, AlertRule, AlertSeverity, AlertSystem, Routed, TocsinError, VirtualClock
from tocsin.system.answers import rules
from tocsin.system.answers.rules import rules_of
from tocsin.testing import RecordingChannel, ScriptedSensor, system_for_tests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ENOUGH_S = 10.0
Made = "Callable[..., tuple[AlertSystem, VirtualClock]]"


def a_rule(name: str = "high", threshold: float = 50.0, **fields: Any) -> AlertRule:
    plain = {"metric": "depth", **fields}
    return AlertRule(name, AlertCategory.GENERAL, AlertSeverity.WARNING, threshold, **plain)


@pytest.fixture
def made() -> Iterator[Callable[..., tuple[AlertSystem, VirtualClock]]]:
    systems: list[AlertSystem] = []

    def make(*own: AlertRule, script: Any = (70.0,), labels: Any = None, channel: Any = None) -> Any:
        sensor = ScriptedSensor("depth", script, labels=labels)
        system, clock = system_for_tests(channel or RecordingChannel("bell"), sensors=[sensor], rules=own)
        systems.append(system)
        return system, clock

    yield make
    for system in systems:
        system.stop(ENOUGH_S)


def passes(system: AlertSystem, clock: VirtualClock, times: int = 1) -> None:
    for _ in range(times):
        clock.advance(1.0)
        system._core.one_pass()


def seen(system: AlertSystem, name: str = "high") -> dict[str, Any]:
    return next(rule for rule in rules_of(system._core) if rule["name"] == name)


def test_a_rule_that_is_well_gives_its_value_and_its_threshold(made: Any) -> None:
    system, clock = made(a_rule(), script=[7.0], labels={"queue": "in"})
    passes(system, clock)
    found = seen(system)
    assert (found["state"], found["why"], found["threshold"], found["clear_threshold"]) == (
        "ok",
        "not above 50",
        50,
        49,
    )
    [one] = found["series"]
    assert (one["labels"], one["value"], one["verdict"], one["alert"]) == ({"queue": "in"}, 7.0, "ok", None)
    assert found["actions"] == []


def test_a_rule_that_is_pending_says_how_long_it_must_still_last(made: Any) -> None:
    system, clock = made(a_rule(for_s=10.0))
    passes(system, clock, 4)
    found = seen(system)
    assert (found["state"], found["why"]) == ("pending", "bad for 3 s of the 10 s that it must last")
    assert found["series"][0]["accrued_s"] == 3.0
    assert found["series"][0]["alert"] == system.open_alerts()[0].id


def test_a_rule_that_rings_says_who_heard_it(made: Any) -> None:
    system, clock = made(a_rule())
    passes(system, clock)
    assert (seen(system)["state"], seen(system)["why"]) == ("firing", "told on bell")


def test_a_rule_that_rings_and_is_held_back_says_by_what(made: Any) -> None:
    system, clock = made(a_rule())
    system.silence("rule=high", for_s=60, author="ann", comment="known")
    passes(system, clock)
    found = seen(system)
    assert found["why"].startswith("held by silence: ")
    assert found["series"][0]["held"] == "silence"


def test_a_rule_that_rings_on_no_channel_says_so(made: Any) -> None:
    system, clock = made(a_rule(), channel=Routed(RecordingChannel("pager"), severity="critical"))
    passes(system, clock)
    assert seen(system)["why"] == "no channel is told of it"


def test_a_rule_whose_alert_is_about_to_end_says_so(made: Any) -> None:
    system, clock = made(a_rule(keep_firing_for_s=30.0), script=[70.0, 1.0])
    passes(system, clock, 3)
    assert seen(system)["why"] == "told on bell; the value is back, and it keeps firing for a while"


def test_a_disabled_rule_watches_nothing(made: Any) -> None:
    system, clock = made(a_rule(enabled=False), a_rule("switched"))
    passes(system, clock)
    system.disable_rule("switched")
    for name in ("high", "switched"):
        found = seen(system, name)
        assert (found["state"], found["why"], found["enabled"]) == ("disabled", "it is disabled", False)


def test_a_rule_that_matches_no_series_says_whether_there_are_others(made: Any) -> None:
    system, clock = made(a_rule(labels={"queue": "out"}), a_rule("unknown", metric="nothing"), labels={"queue": "in"})
    passes(system, clock)
    assert seen(system)["why"] == "none of the 1 series of depth has the labels queue=out"
    assert seen(system, "unknown")["why"] == "nothing has measured nothing so far"
    assert seen(system)["state"] == "no series"


def test_a_series_that_fell_silent_says_for_how_long(made: Any) -> None:
    system, clock = made(a_rule(), script=[7.0, None])
    passes(system, clock, 12)
    found = seen(system)
    assert (found["state"], found["series"][0]["value"]) == ("no data", 7.0)
    assert found["why"] == "no reading for 11 s"


def test_a_series_whose_sensor_failed_says_so(made: Any) -> None:
    system, clock = made(a_rule(), script=[7.0, OSError("gone")])
    passes(system, clock, 3)
    found = seen(system)
    assert (found["state"], found["why"]) == ("error", "its sensor failed: its sensor was set aside; see tocsin doctor")


def test_of_very_many_series_the_worst_are_given(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MAX_SERIES", 2)
    system, clock = made(a_rule(), script=[7.0])
    for number in range(5):
        system.record("depth", 70.0 if number == 3 else 1.0, {"queue": str(number)})
    passes(system, clock)
    found = seen(system)
    assert ([one["state"] for one in found["series"]], found["series_left_out"]) == (["firing", "ok"], 4)


def test_a_rule_says_how_often_its_actions_may_still_run_and_why_not_now(made: Any) -> None:
    system, clock = made(a_rule(actions=["stacks:1s"]))
    assert seen(system)["actions"] == [{"action": "stacks:1s", "left": 10, "why_not": ""}]
    passes(system, clock)
    [action] = seen(system)["actions"]
    assert (action["left"], action["why_not"][:27]) == (9, "its last attempt was 0 s ag")


def test_while_a_step_does_not_end_the_question_is_refused(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    system, _ = made(a_rule())
    refused: list[TocsinError] = []

    def ask() -> None:
        with pytest.raises(TocsinError, match="has taken more than 2 s") as error:
            rules_of(system._core)
        refused.append(error.value)

    system._core.stepper.between_steps(ask)  # this thread is at it
    assert len(refused) == 1
