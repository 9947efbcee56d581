from __future__ import annotations

import os
import socket
import sys
from typing import TYPE_CHECKING

import pytest

from tocsin.errors import SampleError
from tocsin.sensors.runtime.descriptors import KINDS, MAX_LOOKS, DescriptorKindSensor

if TYPE_CHECKING:
    from pathlib import Path

    from tocsin.clock import Instant

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc is Linux's")


def counts(sensor: DescriptorKindSensor, now: Instant) -> dict[str, float]:
    return dict(zip(KINDS, sensor.read(now), strict=True))


def test_what_is_opened_is_counted_by_its_kind(now: Instant, tmp_path: Path) -> None:
    sensor = DescriptorKindSensor()
    before = counts(sensor, now)
    reading, writing = os.pipe()
    one, other = socket.socketpair()
    with (tmp_path / "file").open("w"):
        after = counts(sensor, now)
    for number in (reading, writing):
        os.close(number)
    one.close()
    other.close()
    grown = {kind: after[kind] - before[kind] for kind in KINDS}
    assert grown == {"socket": 2, "pipe": 2, "file": 1, "anon": 0, "other": 0}


def test_of_very_many_a_part_is_looked_at_and_said(now: Instant, tmp_path: Path) -> None:
    folder = tmp_path / "self" / "fd"
    folder.mkdir(parents=True)
    for number in range(MAX_LOOKS + 5):
        (folder / str(number)).symlink_to("socket:[1]")
    sensor = DescriptorKindSensor(tmp_path)
    assert counts(sensor, now)["socket"] == MAX_LOOKS
    assert sensor.remark == f"of {MAX_LOOKS + 5} descriptors {MAX_LOOKS} were looked at"


def test_a_folder_that_is_not_there_is_an_error_that_names_it(now: Instant, tmp_path: Path) -> None:
    with pytest.raises(SampleError, match="fd: cannot be listed"):
        DescriptorKindSensor(tmp_path).read(now)
