from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING

import pytest

from tocsin.errors import SampleError
from tocsin.sensors.linux.filesystem import FilesystemSensor
from tocsin.sensors.linux.mounts import mount_of, parse_mounts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tocsin.clock import Instant
    from tocsin.sensors.protocol import Sensor

    Proc = Callable[[str, str], Path]
    Values = Callable[[Sensor, Instant], dict[str, float]]


def mount(point: Path | str, kind: str = "ext4", device: str = "8:1", options: str = "rw", root: str = "/") -> str:
    escaped = str(point).replace(" ", "\\040")
    return f"27 1 {device} {root} {escaped} {options},relatime shared:1 - {kind} /dev/x {options}\n"


def points(sensor: FilesystemSensor) -> set[str]:
    return {dict(key.labels)["mountpoint"] for key in sensor.layout}


def test_space_is_counted_as_df_counts_it(proc: Proc, values: Values, now: Instant, tmp_path: Path) -> None:
    found = values(FilesystemSensor(proc("self/mountinfo", mount(tmp_path))), now)
    disk = os.statvfs(tmp_path)
    used = (disk.f_blocks - disk.f_bfree) * disk.f_frsize
    labels = f"{{mountpoint='{tmp_path}'}}"
    assert found[f"system.filesystem.usage{labels}"] == pytest.approx(used, rel=0.05)
    assert found[f"system.filesystem.limit{labels}"] == pytest.approx(used + disk.f_bavail * disk.f_frsize, rel=0.05)
    assert 0 <= found[f"system.filesystem.utilization{labels}"] <= 1


def test_network_file_systems_are_left_out_and_named(proc: Proc, now: Instant, tmp_path: Path) -> None:
    text = mount(tmp_path) + mount("/mnt/far", "nfs4", "0:50") + mount("/mnt/ssh", "fuse.sshfs", "0:51")
    sensor = FilesystemSensor(proc("self/mountinfo", text))
    sensor.read(now)
    assert points(sensor) == {str(tmp_path)}
    assert "/mnt/far (nfs4)" in sensor.remark
    assert "/mnt/ssh (fuse.sshfs)" in sensor.remark


def test_memory_read_only_and_image_file_systems_are_left_out(proc: Proc, now: Instant, tmp_path: Path) -> None:
    text = (
        mount(tmp_path, "tmpfs")
        + mount(tmp_path, "squashfs", "7:1")
        + mount(tmp_path, "ext4", "8:2", "ro")
        + mount(tmp_path, "overlay", "0:60")
    )
    assert FilesystemSensor(proc("self/mountinfo", text)).read(now) == []


def test_the_root_of_a_container_counts(proc: Proc, now: Instant) -> None:
    sensor = FilesystemSensor(proc("self/mountinfo", mount("/", "overlay", "0:60")))
    sensor.read(now)
    assert points(sensor) == {"/"}


def test_a_device_counts_once_at_its_shortest_place_and_never_at_a_single_file(
    proc: Proc, now: Instant, tmp_path: Path
) -> None:
    deep = tmp_path / "a folder" / "deep"
    deep.mkdir(parents=True)
    file = tmp_path / "hosts"
    file.touch()
    text = mount(deep) + mount(deep.parent, root="/sub") + mount(file, root="/etc/hosts")
    sensor = FilesystemSensor(proc("self/mountinfo", text))
    sensor.read(now)
    assert points(sensor) == {str(deep.parent)}


def test_one_file_system_out_of_reach_does_not_hide_the_others(
    proc: Proc, values: Values, now: Instant, tmp_path: Path
) -> None:
    gone, there = tmp_path / "gone", tmp_path / "there"
    gone.mkdir()
    there.mkdir()
    sensor = FilesystemSensor(proc("self/mountinfo", mount(gone, device="8:1") + mount(there, device="8:2")))
    sensor.read(now)
    gone.rmdir()
    found = values(sensor, now)
    assert math.isnan(found[f"system.filesystem.usage{{mountpoint='{gone}'}}"])
    assert found[f"system.filesystem.limit{{mountpoint='{there}'}}"] > 0
    there.rmdir()
    with pytest.raises(SampleError, match="no file system"):
        sensor.read(now)


def test_a_file_system_that_is_unmounted_takes_its_series_along(proc: Proc, now: Instant, tmp_path: Path) -> None:
    sensor = FilesystemSensor(proc("self/mountinfo", mount("/") + mount(tmp_path, device="8:2")))
    sensor.read(now)
    layout = sensor.layout
    sensor.read(now)
    assert sensor.layout is layout
    proc("self/mountinfo", mount("/"))
    sensor.read(now)
    assert points(sensor) == {"/"}


def test_the_nearest_mount_holds_a_path_and_the_later_hides_the_earlier(tmp_path: Path) -> None:
    text = mount("/") + mount("/tmp", "ext4") + mount("/tmp", "tmpfs") + mount("/tmpfoo", "xfs") + "a broken line\n"
    mounts = parse_mounts(text.encode())
    kinds = [found.kind for path in ("/tmp/x", "/tmpfoo", "/home") if (found := mount_of(tmp_path / path, mounts))]
    assert kinds == ["tmpfs", "xfs", "ext4"]
    assert mount_of(tmp_path, []) is None
