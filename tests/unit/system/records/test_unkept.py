"""A state directory that takes nothing is told of, and its recovery too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tocsin import AlertConfig, AlertSystem, PerformanceAlert, VirtualClock
from tocsin.model.inputs import Event, Resolve
from tocsin.model.levels import AlertSeverity
from tocsin.system.records.unkept import LASTING_S, TITLE, UnkeptState
from tocsin.testing import RecordingChannel

if TYPE_CHECKING:
    from pathlib import Path


class Record(msgspec.Struct):
    reason: str = ""


def test_a_state_directory_that_can_not_be_used_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()  # where a folder should be
    channel = RecordingChannel()
    clock = VirtualClock()
    config = AlertConfig(name="orders", state_dir=tmp_path / "file", channels=[channel], default_rules=False)
    with AlertSystem(config, clock=clock, sensors=()) as system:
        clock.advance(3 * LASTING_S)
        assert system.flush(20.0)
        assert channel.titles() == [TITLE]
        [alert] = channel.alerts
        assert "cannot be used as state directory" in alert.message
        assert alert.recommendations


def test_a_state_directory_that_works_is_not_spoken_of(tmp_path: Path) -> None:
    channel = RecordingChannel()
    clock = VirtualClock()
    config = AlertConfig(name="orders", state_dir=tmp_path, channels=[channel], default_rules=False)
    with AlertSystem(config, clock=clock, sensors=()) as system:
        clock.advance(3 * LASTING_S)
        assert system.flush(20.0)
        assert channel.titles() == []


def test_a_fault_that_passes_within_moments_is_not_told_and_one_that_lasted_is_over_when_it_passes() -> None:
    unkept, record, now = UnkeptState("orders"), Record(), VirtualClock().now()
    assert unkept.look(record, (), now) == []
    record.reason = "the disk is full"
    assert unkept.look(record, (), now) == []
    record.reason = ""
    assert unkept.look(record, (), now.plus(LASTING_S - 1)) == []
    record.reason = "the disk is full"
    assert unkept.look(record, (), now.plus(LASTING_S)) == []
    [told] = unkept.look(record, (), now.plus(2 * LASTING_S))
    assert isinstance(told, Event)
    assert unkept.look(record, (), now.plus(3 * LASTING_S)) == []
    record.reason = ""
    opened = msgspec.structs.replace(PerformanceAlert(TITLE, "m", AlertSeverity.WARNING), source=told.source)
    other = PerformanceAlert("Orders wait", "m", AlertSeverity.WARNING)
    [over] = unkept.look(record, (other, opened), now.plus(4 * LASTING_S))
    assert over == Resolve(opened.fingerprint)
    assert unkept.look(record, (opened,), now.plus(5 * LASTING_S)) == []
