from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tocsin.cli import doctor
from tocsin.memory import hook

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest
    from tests.unit.cli.conftest import Result


def test_where_all_is_well_the_doctor_says_so(call: Callable[..., Result]) -> None:
    result = call("doctor")
    assert result.code == 0
    assert result.err == ""
    assert "all is well" in result.out
    assert "sensor host.cpu" in result.out
    assert "native heap profiler" in result.out


def test_the_findings_can_be_read_by_a_program(call: Callable[..., Result]) -> None:
    found = json.loads(call("doctor", "--json").out)
    subjects = {finding["subject"]: finding["state"] for finding in found["findings"]}
    assert found["ok"]
    assert subjects["python"] == "ok"
    assert subjects["configuration"] == "-"
    assert "storage probe" in subjects


def test_a_wrong_configuration_is_found_with_the_command_that_says_more(
    call: Callable[..., Result], place: Path
) -> None:
    (place / "tocsin.toml").write_text("cpu_threshold = 0.5")
    result = call("doctor")
    assert result.code == 1
    assert "see: tocsin check tocsin.toml" in result.out
    assert "1 wrong" in result.out


def test_a_switch_that_turns_everything_off_is_found(
    call: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOCSIN_DISABLED", "1")
    result = call("doctor")
    assert result.code == 1
    assert "TOCSIN_DISABLED" in result.out


def test_a_control_folder_open_to_others_is_found(call: Callable[..., Result], place: Path) -> None:
    for folder in (place.parent / "run" / "tocsin", place.parent / "run" / f"tocsin-{place.stat().st_uid}"):
        folder.mkdir()
        folder.chmod(0o777)
    result = call("doctor")
    assert result.code == 1
    assert "open to others" in result.out


def test_a_sensor_that_fails_is_wrong_and_one_that_is_absent_is_a_remark(monkeypatch: pytest.MonkeyPatch) -> None:
    from tocsin.model.readings import SensorHealth

    class Monitor:
        def collect(self, *_: object) -> None: ...

        def close(self) -> None: ...

        def health(self) -> tuple[SensorHealth, ...]:
            return (
                SensorHealth("host.cpu", "set aside", "OSError: gone"),
                SensorHealth("host.pressure", "absent", "/proc/pressure is not there"),
            )

    monkeypatch.setattr("tocsin.monitor.PerformanceMonitor", Monitor)
    states = [(finding.state, finding.text) for finding in doctor._sensors()]
    assert states == [(doctor.WRONG, "OSError: gone"), (doctor.REMARK, "/proc/pressure is not there")]


def test_where_the_heap_profiler_is_missing_the_doctor_says_why_and_what_is_lost(
    call: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hook, "load", lambda: (None, "no compiler was there"))
    result = call("doctor")
    assert result.code == 0
    assert "no compiler was there; lost: no allocation is traced" in result.out
