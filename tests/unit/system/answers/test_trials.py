"""A changed rule is tried on the past by the engine that watches, and then may be lived by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tocsin import AlertCategory, AlertRule, AlertSeverity
from tocsin.errors import ConfigError, RuleNotFound, StoreError
from tocsin.testing import RecordingChannel, ScriptedSensor, system_for_tests

if TYPE_CHECKING:
    from pathlib import Path

RULE = AlertRule(
    "deep", AlertCategory.GENERAL, AlertSeverity.WARNING, 50, metric="queue.depth", clear_threshold=40,
    recommendations=("Look who feeds it",),
)  # fmt: skip


def ask(system: Any, command: str, **asked: Any) -> dict[str, Any]:
    answer: dict[str, Any] = system.answers()[command](asked)
    return answer


@pytest.fixture
def lived(tmp_path: Path) -> Any:
    """A system behind ten minutes: three bursts of ten seconds to 60, one of them to 90."""
    script = [5.0] * 420
    for began, height in ((100, 60.0), (200, 90.0), (300, 60.0)):
        script[began : began + 10] = [height] * 10
    channel = RecordingChannel()
    system, clock = system_for_tests(
        channel, sensors=[ScriptedSensor("queue.depth", script)], rules=[RULE], state_dir=tmp_path / "state"
    )
    for _ in range(615):
        clock.advance(1.0)
        system._core.one_pass()
    assert system._core.recorder.sync(10.0) == ""
    assert system.flush(10.0)
    yield system, clock, channel
    system.stop()


def test_a_higher_threshold_would_have_fired_less_often(lived: Any) -> None:
    system, _, channel = lived
    told = len(channel.notices)
    found = ask(system, "backtest", name="deep", threshold="75")

    assert (found["now"]["fired"], found["changed"]["fired"]) == (3, 1)
    assert found["changed"]["longest_s"] == pytest.approx(10.0, abs=1.5)
    assert "75" in found["changed"]["words"]
    assert "50" in found["now"]["words"]
    assert system.rules[0].threshold == 50, "only tried"
    assert len(channel.notices) == told, "and nobody was told"


def test_a_longer_for_makes_short_breaches_of_them(lived: Any) -> None:
    system, _, _ = lived
    found = ask(system, "backtest", name="deep", for_s=30.0)["changed"]
    assert (found["fired"], found["short"]) == (0, 3)


def test_a_changed_rule_is_lived_by_until_the_program_ends(lived: Any) -> None:
    system, clock, _ = lived
    ask(system, "change", name="deep", threshold="3", for_s=0.0)
    [rule] = system.rules
    assert (rule.limit, rule.recommendations) == (3.0, RULE.recommendations)
    clock.advance(1.0)
    system._core.one_pass()
    assert [alert.rule for alert in system.open_alerts()] == ["deep"]


def test_what_cannot_be_tried_is_said(lived: Any) -> None:
    system, _, _ = lived
    with pytest.raises(RuleNotFound):
        ask(system, "backtest", name="nothing")
    with pytest.raises(ConfigError, match="threshold"):
        ask(system, "backtest", name="deep", threshold="much")
    with pytest.raises(ConfigError, match="for_s"):
        ask(system, "change", name="deep", for_s=-1.0)


def test_without_a_journal_there_is_nothing_to_try_it_on() -> None:
    system, _ = system_for_tests(rules=[RULE])
    with pytest.raises(StoreError, match="state_dir"):
        ask(system, "backtest", name="deep")
