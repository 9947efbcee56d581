from __future__ import annotations

import math
import os
import threading
from typing import TYPE_CHECKING, Any

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


class Disk:
    """Stands for `os.statvfs` and `os.stat` of far places; a place that hangs waits until it is released."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *far: str) -> None:
        self.far = set(far)
        self.hanging: set[str] = set()
        self.asked: list[str] = []
        self.release = threading.Event()
        self._statvfs, self._stat = os.statvfs, os.stat
        monkeypatch.setattr(os, "statvfs", self.statvfs)
        monkeypatch.setattr(os, "stat", self.stat)

    def statvfs(self, path: str) -> os.statvfs_result:
        if path not in self.far:
            return self._statvfs(path)
        self.asked.append(path)
        if path in self.hanging:
            self.release.wait()
        return os.statvfs_result((4096, 4096, 1000, 400, 300, 100, 50, 50, 0, 255))

    def stat(self, path: str, **options: Any) -> os.stat_result:
        if path in self.far:
            assert threading.current_thread().name == "tocsin-statvfs"  # even looking there may hang
            path = "/"
        return self._stat(path, **options)


def settle(sensor: FilesystemSensor) -> None:
    """Wait until the questions that do not hang are answered."""
    for _ in range(2000):
        if all(not call.is_out() or point == "/mnt/dead" for point, call in sensor._calls.items()):
            return
        threading.Event().wait(0.005)


def test_a_network_file_system_answers_at_the_next_reading(
    proc: Proc, values: Values, now: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    Disk(monkeypatch, "/mnt/far")
    sensor = FilesystemSensor(proc("self/mountinfo", mount("/mnt/far", "nfs4", "0:50")))
    first = values(sensor, now)
    assert math.isnan(first["system.filesystem.usage{mountpoint='/mnt/far'}"])
    settle(sensor)
    found = values(sensor, now.plus(10))
    assert found["system.filesystem.usage{mountpoint='/mnt/far'}"] == 600 * 4096
    assert found["system.filesystem.limit{mountpoint='/mnt/far'}"] == 900 * 4096
    assert found["tocsin.filesystem.probe.age{mountpoint='/mnt/far'}"] == 0


def test_a_dead_network_mount_stops_nothing_else_and_its_age_shows(
    proc: Proc, values: Values, now: Instant, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    disk = Disk(monkeypatch, "/mnt/dead", "/mnt/far")
    disk.hanging = {"/mnt/dead"}
    text = mount(tmp_path) + mount("/mnt/dead", "nfs4", "0:50") + mount("/mnt/far", "fuse.sshfs", "0:51")
    sensor = FilesystemSensor(proc("self/mountinfo", text))
    for seconds in (0, 10, 20):
        found = values(sensor, now.plus(seconds))
        settle(sensor)
    assert found["tocsin.filesystem.probe.age{mountpoint='/mnt/dead'}"] == 20
    assert math.isnan(found["system.filesystem.usage{mountpoint='/mnt/dead'}"])
    assert found["system.filesystem.usage{mountpoint='/mnt/far'}"] == 600 * 4096
    assert found[f"system.filesystem.limit{{mountpoint='{tmp_path}'}}"] > 0
    assert "/mnt/dead" in sensor.remark
    assert disk.asked.count("/mnt/dead") == 1
    disk.release.set()


def test_a_dead_mount_is_never_asked_twice_even_when_it_went_and_came_back(
    proc: Proc, values: Values, now: Instant, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    disk = Disk(monkeypatch, "/mnt/dead")
    disk.hanging = {"/mnt/dead"}
    dead = mount(tmp_path) + mount("/mnt/dead", "cifs", "0:50")
    sensor = FilesystemSensor(proc("self/mountinfo", dead))
    sensor.read(now)
    proc("self/mountinfo", mount(tmp_path))
    sensor.read(now.plus(10))
    assert "/mnt/dead" not in points(sensor)
    sensor.close()
    proc("self/mountinfo", dead)
    assert values(sensor, now.plus(20))["tocsin.filesystem.probe.age{mountpoint='/mnt/dead'}"] == 20
    assert disk.asked == ["/mnt/dead"]
    disk.release.set()
    settle(sensor)


def test_what_is_mounted_below_a_network_mount_is_asked_aside_too(
    proc: Proc, now: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    Disk(monkeypatch, "/mnt/far", "/mnt/far/disk")
    text = mount("/mnt/far", "nfs", "0:50") + mount("/mnt/far/disk", "ext4", "8:3")
    sensor = FilesystemSensor(proc("self/mountinfo", text))
    sensor.read(now)
    assert {key.metric for key in sensor.layout if ("mountpoint", "/mnt/far/disk") in key.labels} >= {
        "tocsin.filesystem.probe.age"
    }
    settle(sensor)


def test_windows_into_something_else_are_no_file_systems(proc: Proc, now: Instant) -> None:
    kinds = ["fuse.portal", "fuse.gvfsd-fuse", "fuse.lxcfs", "fusectl", "nfsd", "proc", "cgroup2"]
    text = "".join(mount(f"/mnt/{kind}", kind, f"0:{number}") for number, kind in enumerate(kinds))
    assert FilesystemSensor(proc("self/mountinfo", text)).read(now) == []


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
