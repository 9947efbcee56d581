"""How every room of a system does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin import AlertCategory, AlertRule, AlertSeverity, DeliveryError
from tocsin.testing import RecordingChannel, ScriptedSensor, system_for_tests

if TYPE_CHECKING:
    from pathlib import Path

ENOUGH_S = 10.0


def test_a_system_that_has_not_begun_says_so_of_each_room() -> None:
    system, _ = system_for_tests(RecordingChannel("bell"))
    rooms = system.status()["rooms"]
    assert list(rooms) == ["watch", "sensing", "intake", "alerts", "channels", "listeners", "journal", "cost"]
    assert (rooms["watch"]["running"], rooms["watch"]["last_pass_s"]) == (False, None)
    assert rooms["journal"] == {"path": None, "reason": "there is no state_dir: alerts are kept in memory only"}
    assert rooms["channels"]["bell"]["state"] == "works"
    assert rooms["intake"]["capacity"] == 65_536
    assert (rooms["cost"]["cpu"], rooms["cost"]["budget"]) == (None, 0.005)


def test_what_went_wrong_in_a_room_is_told_with_its_reason(tmp_path: Path) -> None:
    sensor = ScriptedSensor("depth", [1.0, OSError("gone")])
    refusing = RecordingChannel("dead", fail_with=DeliveryError("no such address", permanent=True))
    rule = AlertRule("high", AlertCategory.GENERAL, AlertSeverity.WARNING, 0.5, metric="depth", for_s=60)
    system, clock = system_for_tests(refusing, sensors=[sensor], rules=[rule], state_dir=tmp_path, emit_queue_size=4)
    for number in range(3):
        system.emit(f"e{number}", "m", "warning", "s")
    for _ in range(3):
        clock.advance(1.0)
        system._core.one_pass()
    assert system.flush(ENOUGH_S)
    clock.advance(7.0)
    rooms = system.status()["rooms"]
    [aside] = rooms["sensing"]["set_aside"]
    assert (aside["name"], aside["reason"], aside["failures"]) == ("depth", "OSError: gone", 1)
    assert aside["retry_in_s"] > 0
    assert (rooms["alerts"]["pending"], rooms["alerts"]["firing"]) == (1, 3)
    dead = rooms["channels"]["dead"]
    assert (dead["dropped"], dead["last_error"]) == (3, "DeliveryError: no such address")
    journal = rooms["journal"]
    assert journal["path"] == str(tmp_path / "journal.db")
    assert (journal["reason"], journal["waiting"], journal["dropped"]) == ("", 0, 0)
    assert journal["age_s"] == 7.0
    assert journal["size_bytes"] > 4096
    assert rooms["watch"]["last_pass_s"] == 7.0
    assert {one["sensor"] for one in rooms["cost"]["dearest"]} <= {one.name for one in system.sensor_health()}
    assert system.stop(ENOUGH_S)


def test_a_pass_that_failed_is_counted_with_its_error() -> None:
    system, _ = system_for_tests()
    system._core._step_failed(RuntimeError("odd"))
    watch = system.status()["rooms"]["watch"]
    assert (watch["failed"], watch["last_error"]) == (1, "RuntimeError: odd")
