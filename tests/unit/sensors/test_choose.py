from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from tocsin.sensors import choose
from tocsin.sensors.protocol import AbsentSensor

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_this_machine_has_all_sensors() -> None:
    sensors = [*choose.host_sensors(), *choose.process_sensors()]
    assert len({sensor.name for sensor in sensors}) == 15
    absent = {sensor.name for sensor in sensors if isinstance(sensor, AbsentSensor)}
    assert absent <= {"host.pressure"}  # the kernel may be built, or started, without it


def test_without_proc_every_sensor_is_absent_and_says_why(tmp_path: Path) -> None:
    hidden = tmp_path / "hidden"
    for sensor in [
        *choose.host_sensors(hidden),
        *choose.process_sensors(proc=hidden),
        *choose.process_sensors(1, hidden),
    ]:
        assert isinstance(sensor, AbsentSensor)
        assert str(hidden) in sensor.reason


def test_one_missing_file_costs_one_sensor(tmp_path: Path) -> None:
    (tmp_path / "stat").touch()
    absent = [sensor.name for sensor in choose.host_sensors(tmp_path) if isinstance(sensor, AbsentSensor)]
    assert "host.cpu" not in absent
    assert "host.memory" in absent


def test_elsewhere_psutil_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "_ON_LINUX", False)
    kinds = {type(sensor).__name__ for sensor in [*choose.host_sensors(), *choose.process_sensors(os.getpid())]}
    assert kinds == {"PortableSensor", "PortableProcessTable", "AbsentSensor"}


def test_elsewhere_without_psutil_the_reason_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "_ON_LINUX", False)
    monkeypatch.setitem(sys.modules, "psutil", None)
    sensors = [*choose.host_sensors(), *choose.process_sensors()]
    assert all(isinstance(sensor, AbsentSensor) and "install psutil" in sensor.reason for sensor in sensors)


def test_elsewhere_with_a_psutil_that_cannot_be_imported_the_reason_names_its_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "psutil.py").write_text("raise NotImplementedError('platform plan9 is not supported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "psutil", raising=False)
    monkeypatch.setattr(choose, "_ON_LINUX", False)
    sensors = [*choose.host_sensors(), *choose.process_sensors()]
    assert all(isinstance(sensor, AbsentSensor) and "platform plan9" in sensor.reason for sensor in sensors)


def test_linux_never_loads_psutil() -> None:
    program = (
        "import sys; from tocsin.monitor import PerformanceMonitor as M; m = M(); m.read(); m.read();"
        "print(*[name for name in ('psutil', 'asyncio', 'tempfile') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
