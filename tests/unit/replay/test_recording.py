"""A recorded run, played again, is the same run."""

from __future__ import annotations

import gzip
import os
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tocsin import (
    AlertCategory,
    AlertCondition,
    AlertConfig,
    AlertRule,
    AlertSeverity,
    AlertSystem,
    Routed,
    StoreError,
    VirtualClock,
)  # fmt: skip
from tocsin.model.inputs import Sample
from tocsin.replay.backtest import Contender, run
from tocsin.replay.recorded import RecordedRun
from tocsin.replay.recording import RecordingEngine, RunRecord
from tocsin.testing import RecordingChannel, ScriptedSensor

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tocsin.clock import Instant
    from tocsin.model.inputs import Input, Outcome

    Log = list[tuple[Instant, Outcome]]


def a_rule(name: str, threshold: float | str, **fields: Any) -> AlertRule:
    watched = {"metric": "app.depth", **fields}
    return AlertRule(name, AlertCategory.GENERAL, AlertSeverity.WARNING, threshold, **watched)


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> Log:
    """What each step of an engine that records led to, while it ran."""
    log: Log = []
    step = RecordingEngine.step

    def logged(engine: RecordingEngine, inputs: Sequence[Input], now: Instant) -> Outcome:
        outcome = step(engine, inputs, now)
        log.append((now, outcome))
        return outcome

    monkeypatch.setattr(RecordingEngine, "step", logged)
    return log


def a_system(folder: Path, clock: VirtualClock, **settings: Any) -> AlertSystem:
    values = [float((number * 37) % 101) if number % 200 < 120 else 3.0 for number in range(3000)]
    sensors = [
        ScriptedSensor("app.depth", values, labels={"queue": "a"}),
        ScriptedSensor("app.depth", [None, 1.0, 99.0, OSError("gone")] * 50, labels={"queue": "b"}, name="b"),
        ScriptedSensor("app.other", [0.1 * number for number in range(3000)]),
    ]
    rules = [
        a_rule("deep", 90.0),
        a_rule("long", 40.0, for_s=5.0, keep_firing_for_s=4.0),
        a_rule("no-data", 1e9, no_data="alert"),
        a_rule("mean", 55.0, window_s=10.0, aggregate="avg"),
    ]
    channels = [RecordingChannel("bell"), Routed(RecordingChannel("group"), group_by=["rule"], group_wait="3s")]
    plain: dict[str, Any] = {
        "name": "test", "rules": rules, "default_rules": False, "channels": channels, "dynamic_interval": False,
        "record": folder / "run.tocsin", "state_dir": folder / "state",
    }  # fmt: skip
    return AlertSystem(AlertConfig(**{**plain, **settings}), clock=clock, sensors=sensors)


def passes(system: AlertSystem, clock: VirtualClock, count: int) -> None:
    for _ in range(count):
        system._core.one_pass()
        clock.advance(1.0)


def live_through_a_lot(system: AlertSystem, clock: VirtualClock) -> None:
    """Whatever can enter an engine."""
    system.silence("rule=deep", for_s=30.0)
    passes(system, clock, 100)
    passes(system, clock, 50)
    for number in range(7):
        system.emit("odd", f"number {number}", "critical", "app", labels={"table": "items"})
    passes(system, clock, 20)
    firing = [episode for episode in system._core.engine.book.episodes() if episode.state.value == "firing"]
    system.acknowledge(firing[0].id, by="jo", comment="on it")
    system.add_rule(a_rule("new", 20.0))
    system.add_channel(RecordingChannel("late"))
    core = system._core
    changed = [a_rule("new", 20.0), *(rule for rule in system.rules if rule.name != "new")][:3]
    settings = msgspec.structs.replace(core.config.alert_settings(tuple(core.telling.routes)), storm_after=9)
    core.stepper.between_steps(lambda: core.engine.reload(changed, settings, clock.now(), interval_s=1.0))
    passes(system, clock, 60)
    system.disable_rule("long")
    system.record("app.own", 5.0, {"of": "mine"})
    system.resolve(system._core.engine.book.recent()[0].fingerprint)
    clock.suspend(3600.0)
    passes(system, clock, 30)
    system.remove_rule("new")
    system.enable_rule("long")
    clock.advance(120.0)
    passes(system, clock, 400)


def test_a_recorded_run_played_again_gives_the_same_outcomes_bit_for_bit(tmp_path: Path, live: Log) -> None:
    clock = VirtualClock()
    system = a_system(tmp_path, clock)
    live_through_a_lot(system, clock)
    assert system.stop(20.0)

    again = list(RecordedRun(tmp_path / "run.tocsin").outcomes())

    assert len(again) == len(live) > 650
    assert sum(len(outcome.changes) for _, outcome in live) > 50
    assert {notice.kind.value for _, outcome in live for notice in outcome.notices} == {"firing", "resolved", "digest"}
    assert again == live


def test_a_run_that_goes_on_where_another_stopped_is_the_same_again_too(tmp_path: Path, live: Log) -> None:
    clock = VirtualClock()
    first = a_system(tmp_path, clock)
    passes(first, clock, 115)
    assert first.stop(20.0)
    live.clear()
    second = a_system(tmp_path, clock)
    live_through_a_lot(second, clock)
    second.stop(20.0)
    passes(second, clock, 50)  # and once more, after its end
    second.stop(20.0)

    run = RecordedRun(tmp_path / "run.tocsin")

    assert list(run.outcomes()) == live
    assert run.cut == ""
    assert (tmp_path / "run.tocsin.1").exists()


def test_what_a_killed_program_recorded_can_be_played_up_to_its_last_seconds(tmp_path: Path, live: Log) -> None:
    clock = VirtualClock()
    system = a_system(tmp_path, clock)
    passes(system, clock, 103)  # and no stop
    copy = tmp_path / "copy.tocsin"
    copy.write_bytes((tmp_path / "run.tocsin").read_bytes())

    run = RecordedRun(copy)
    again = list(run.outcomes())

    assert again == live[: len(again)]
    assert len(live) - 6 <= len(again) < len(live)
    assert "killed" in run.cut
    assert "ends before the run did" in run.remarks()[0]
    system.stop(20.0)


def test_a_recording_is_tried_with_other_rules(tmp_path: Path, live: Log) -> None:
    clock = VirtualClock()
    system = a_system(tmp_path, clock)
    live_through_a_lot(system, clock)
    system.stop(20.0)
    lax = Contender("lax", AlertConfig(rules=[a_rule("deep", 95.0)], default_rules=False))
    same = Contender("same", AlertConfig(rules=[a_rule("deep", 90.0)], default_rules=False))
    feed = RecordedRun(tmp_path / "run.tocsin")

    run(feed, [lax, same])

    fired = [contender.account.rules["deep"].fired + contender.account.rules["deep"].flaps for contender in (lax, same)]
    assert 0 < fired[0] < fired[1]
    assert same.account.rules["deep"].held["silence"] >= 1
    assert same.account.rules[""].fired == 1
    assert "were left out" in feed.remarks()[0]


def test_a_run_that_goes_on_is_tried_with_what_rules_had_learned(tmp_path: Path, live: Log) -> None:
    odd = a_rule("odd", "", metric="app.odd", condition=AlertCondition.ANOMALOUS)
    clock, fired = VirtualClock(), []
    for values in ([float(number % 7) for number in range(400)], [3.0, 4.0, 1e4, 3.0]):
        live.clear()
        settings = {"rules": [odd, a_rule("high", -1.0, metric="app.odd")], "channels": [RecordingChannel()]}
        system = a_system(tmp_path, clock, **settings)
        for value in values:
            system.record("app.odd", value)
            passes(system, clock, 1)
        assert system.stop(20.0)
        fired += [change.alert.rule for _, outcome in live for change in outcome.changes]
    feed, again = RecordedRun(tmp_path / "run.tocsin"), Contender("again", system.config)

    run(feed, [again])

    assert fired == ["high", "odd"]
    assert again.account.rules["odd"].fired == 1
    assert feed.remarks() == ["alerts that were open when the run began were left out (1 of them)"]


def test_a_folder_is_no_recording(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no recording here: Is a directory"):
        RecordedRun(tmp_path)


def test_a_recording_ends_at_its_bound_and_says_so(tmp_path: Path) -> None:
    told: list[str] = []
    recording = RunRecord(tmp_path / "run.tocsin", told.append, max_bytes=2000)
    engine = an_engine(recording)
    clock = VirtualClock()
    for number in range(3000):
        engine.step([Sample([], [])] * (number % 7), clock.now())
        clock.advance(1.0)
    recording.close()

    run = RecordedRun(tmp_path / "run.tocsin")

    assert 100 < len(list(run.outcomes())) < 3000
    assert run.cut == "it had reached its bound"
    assert [words.startswith("the recording ends: ") for words in told] == [True]


def an_engine(recording: RunRecord) -> RecordingEngine:
    from tocsin.alerts.history import AlertHistory
    from tocsin.alerts.settings import AlertSettings

    return RecordingEngine(recording, [], AlertSettings(), interval_s=1.0, points=10, history=AlertHistory())


def test_a_file_that_cannot_be_written_ends_the_recording_and_nothing_else(tmp_path: Path) -> None:
    told: list[str] = []
    (tmp_path / "file").write_text("")
    engine = an_engine(RunRecord(tmp_path / "file" / "run.tocsin", told.append))
    for _ in range(3):
        engine.step([], VirtualClock().now())
    assert len(told) == 1
    assert "cannot be written" in told[0]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_does_not_write_into_its_parents_recording(tmp_path: Path, live: Log) -> None:
    clock = VirtualClock()
    system = a_system(tmp_path, clock, state_dir=None)
    passes(system, clock, 20)
    child = os.fork()
    if child == 0:
        try:
            passes(system, clock, 50)
            system.stop(5.0)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    passes(system, clock, 20)
    system.stop(20.0)
    assert list(RecordedRun(tmp_path / "run.tocsin").outcomes()) == live


@pytest.mark.parametrize("content", [b"", b"no recording", gzip.compress(b""), gzip.compress(b"\x05\x00\x00\x00abc")])
def test_what_is_no_recording_is_told(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(StoreError, match="is no recording"):
        RecordedRun(tmp_path / "x")
    with pytest.raises(StoreError, match="there is no recording here"):
        RecordedRun(tmp_path / "y")


def test_nothing_is_recorded_unless_it_is_asked_for(tmp_path: Path, live: Log) -> None:
    clock = VirtualClock()
    system = a_system(tmp_path, clock, record=None)
    passes(system, clock, 3)
    system.stop(20.0)
    assert live == []
    assert list(tmp_path.glob("*.tocsin*")) == []
