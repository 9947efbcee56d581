"""The first processes of the machine, for the evidence of an alert."""

from __future__ import annotations

import os
import sys

import pytest

from tocsin import SystemClock
from tocsin.sensors.choose import host_sensors
from tocsin.system.witness.processes import lines_of_processes


def test_without_a_process_table_nobody_knows() -> None:
    assert lines_of_processes([], SystemClock()) is None


@pytest.mark.skipif(sys.platform != "linux", reason="a table of /proc")
def test_the_greatest_by_memory_come_first_and_are_named() -> None:
    lines = lines_of_processes(host_sensors(), SystemClock())
    assert lines is not None
    everybody = lines(100_000, "rss")
    assert any(f"(pid {os.getpid()}): " in line for line in everybody)
    assert len(lines(3, "rss")) == 3
    assert lines(5, "io") == ()
