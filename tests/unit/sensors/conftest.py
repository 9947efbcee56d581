"""What the tests of sensors share: a moment, and a /proc of their own."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from tocsin.clock import Instant

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tocsin.sensors.protocol import Sensor

START = Instant(1000.0, 5000.0, datetime(2026, 1, 1, tzinfo=UTC))


@pytest.fixture
def now() -> Instant:
    return START


@pytest.fixture
def proc(tmp_path: Path) -> Callable[[str, str], Path]:
    """Write a file of a /proc made for this test; the answer is its root."""

    def write(name: str, text: str) -> Path:
        path = tmp_path / "proc" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return tmp_path / "proc"

    return write


@pytest.fixture
def values() -> Callable[[Sensor, Instant], dict[str, float]]:
    """Read a sensor into a mapping from the series as people write it to its value."""

    def read(sensor: Sensor, at: Instant) -> dict[str, float]:
        readings = sensor.read(at)
        return dict(zip(map(str, sensor.layout), readings, strict=True))

    return read
