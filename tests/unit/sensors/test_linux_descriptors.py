from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any

import pytest

from tocsin.sensors.linux.descriptors import DescriptorSensor

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tocsin.clock import Instant

    Proc = Callable[[str, str], Path]


def test_every_descriptor_that_is_opened_counts(now: Instant) -> None:
    sensor = DescriptorSensor()
    before, share = sensor.read(now)
    opened = [os.open("/", os.O_RDONLY) for _ in range(5)]
    assert sensor.read(now)[0] == before + 5
    assert 0 < share < 1
    for number in opened:
        os.close(number)


def test_descriptors_are_listed_where_the_folder_has_no_size(monkeypatch: pytest.MonkeyPatch, now: Instant) -> None:
    sensor = DescriptorSensor()
    by_size = sensor.read(now)
    plain = os.stat

    def old_kernel(path: str, **options: Any) -> os.stat_result:
        return os.stat_result([0] * 10) if str(path).endswith("/fd") else plain(path, **options)

    monkeypatch.setattr(os, "stat", old_kernel)
    assert sensor.read(now) == by_size


def test_a_limit_that_is_not_to_be_known_leaves_the_count(proc: Proc, now: Instant) -> None:
    nobody = 2**22 + 1  # above the highest pid
    proc(f"{nobody}/fd/0", "")
    root = proc(f"{nobody}/fd/1", "")
    count, share = DescriptorSensor(nobody, root).read(now)
    assert count > 0
    assert math.isnan(share)


def test_a_process_that_is_denied_is_an_error(tmp_path: Path, now: Instant) -> None:
    with pytest.raises(OSError, match="fd"):
        DescriptorSensor(77, tmp_path).read(now)
