from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING

import pytest

from tocsin.errors import SampleError
from tocsin.sensors.linux.cgroup import GroupFinder, find_groups
from tocsin.sensors.linux.container import ContainerSensor

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tocsin.clock import Instant
    from tocsin.sensors.protocol import Sensor

    Proc = Callable[[str, str], Path]
    Values = Callable[[Sensor, Instant], dict[str, float]]

MB = 1 << 20
NONE_V1 = 9223372036854771712
OWN, ABOVE = "{level='own'}", "{level='ancestors'}"
CORES = len(os.sched_getaffinity(0))


class Tree:
    """A machine's control groups as files, of either version or both."""

    def __init__(self, tmp_path: Path, proc: Proc) -> None:
        self.root = tmp_path / "cgroup"
        self.proc = proc
        self.mounts = ""
        self.paths = ""

    def write(self, group: str, file: str, text: object) -> None:
        folder = self.root / group
        folder.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(f"{text}\n")

    def mount(self, folder: str, kind: str, options: str = "rw", root: str = "/") -> None:
        self.mounts += f"31 23 0:28 {root} {self.root}/{folder} rw - {kind} cgroup {options}\n"

    def v2(
        self, group: str, *, limit: object = "max", usage: int = 0, cache: int = 0, kills: int = 0,
        quota: str = "max 100000", periods: int = 0, throttled: int = 0, usage_us: int = 0,
    ) -> None:  # fmt: skip
        self.write(group, "cgroup.type", "domain")
        self.write(group, "memory.max", limit)
        self.write(group, "memory.current", usage)
        self.write(group, "memory.stat", f"anon 1\ninactive_file {cache}\nactive_file 3")
        self.write(group, "memory.events", f"low 0\nhigh 0\nmax 9\noom 7\noom_kill {kills}\noom_group_kill 0")
        self.write(group, "cpu.max", quota)
        counts = f"nr_periods {periods}\nnr_throttled {throttled}\nthrottled_usec {throttled * 1000}"
        self.write(group, "cpu.stat", f"usage_usec {usage_us}\nuser_usec 1\nsystem_usec 1\n{counts}")

    def v1(self, group: str, *, limit: object = NONE_V1, usage: int = 0, cache: int = 0, kills: int = 0) -> None:
        self.write(f"memory/{group}", "memory.limit_in_bytes", limit)
        self.write(f"memory/{group}", "memory.usage_in_bytes", usage)
        self.write(f"memory/{group}", "memory.stat", f"inactive_file 1\ntotal_inactive_file {cache}")
        self.write(f"memory/{group}", "memory.oom_control", f"oom_kill_disable 0\nunder_oom 0\noom_kill {kills}")

    def v1_cpu(
        self, group: str, *, quota_us: int = -1, periods: int = 0, throttled: int = 0, usage_ns: int = 0
    ) -> None:
        self.write(f"cpu/{group}", "cpu.cfs_quota_us", quota_us)
        self.write(f"cpu/{group}", "cpu.cfs_period_us", 100_000)
        cost = throttled * 1_000_000
        self.write(f"cpu/{group}", "cpu.stat", f"nr_periods {periods}\nnr_throttled {throttled}\nthrottled_time {cost}")
        self.write(f"cpu/{group}", "cpuacct.usage", usage_ns)

    def sensor(self, paths: str) -> ContainerSensor:
        self.proc("self/cgroup", paths)
        return ContainerSensor(proc=self.proc("self/mountinfo", self.mounts))


@pytest.fixture
def tree(tmp_path: Path, proc: Proc) -> Tree:
    return Tree(tmp_path, proc)


@pytest.fixture
def nested_v2(tree: Tree) -> Tree:
    """A pod with limits, and in it the program's own group without."""
    tree.mount("", "cgroup2")
    tree.write("", "cgroup.controllers", "cpu memory")  # the root of the machine has no limits
    tree.v2("pod", limit=64 * MB, usage=48 * MB, cache=16 * MB, kills=3, quota="50000 100000", periods=40, throttled=10)
    tree.v2("pod/app", usage=20 * MB, cache=4 * MB, kills=1, usage_us=3_000_000)
    return tree


def test_the_own_use_and_the_limit_of_a_group_above_are_told(nested_v2: Tree, values: Values, now: Instant) -> None:
    found = values(nested_v2.sensor("0::/pod/app\n"), now)
    assert found["container.memory.usage"] == 16 * MB
    assert found["container.memory.limit"] == 64 * MB
    assert found["container.memory.utilization"] == 0.5  # of the pod, whose limit it is
    assert found["container.cpu.limit"] == 0.5


def test_kills_are_told_where_they_happened(nested_v2: Tree, values: Values, now: Instant) -> None:
    found = values(nested_v2.sensor("0::/pod/app\n"), now)
    assert found[f"container.memory.oom_kills{OWN}"] == 1
    assert found[f"container.memory.oom_kills{ABOVE}"] == 2  # version 2 counts the own one there too


def test_throttling_is_read_in_the_group_that_holds_the_quota(nested_v2: Tree, values: Values, now: Instant) -> None:
    sensor = nested_v2.sensor("0::/pod/app\n")
    found = values(sensor, now)
    assert found[f"container.cpu.throttled_periods{OWN}"] == 0
    assert found[f"container.cpu.throttled_periods{ABOVE}"] == 10
    assert found[f"container.cpu.throttled_time{ABOVE}"] == pytest.approx(0.01)
    assert math.isnan(found["container.cpu.throttled.utilization"])
    nested_v2.v2("pod", quota="50000 100000", periods=50, throttled=15)
    assert values(sensor, now.plus(1))["container.cpu.throttled.utilization"] == 0.5


def test_cpu_time_becomes_a_share_of_the_limit(nested_v2: Tree, values: Values, now: Instant) -> None:
    sensor = nested_v2.sensor("0::/pod/app\n")
    found = values(sensor, now)
    assert found["container.cpu.time"] == 3.0
    assert math.isnan(found["container.cpu.utilization"])
    nested_v2.v2("pod/app", usage_us=3_250_000)
    assert values(sensor, now.plus(1))["container.cpu.utilization"] == 0.5
    nested_v2.v2("pod/app", usage_us=1)
    assert math.isnan(values(sensor, now.plus(2))["container.cpu.utilization"])


def test_a_version_1_chain_is_read_where_each_thing_is_counted(tree: Tree, values: Values, now: Instant) -> None:
    tree.mount("memory", "cgroup", "rw,memory")
    tree.mount("cpu", "cgroup", "rw,cpu,cpuacct")
    for hierarchy in ("memory", "cpu"):
        tree.write(hierarchy, "release_agent", "")  # only the root of the machine has this file
    tree.v1("docker/a", limit=100 * MB, usage=80 * MB, cache=5 * MB, kills=4)
    tree.v1("docker/a/child", usage=30 * MB, cache=10 * MB, kills=1)
    tree.v1_cpu("docker/a", quota_us=25_000, periods=31, throttled=21)
    tree.v1_cpu("docker/a/child", usage_ns=2_000_000_000)
    found = values(tree.sensor("4:memory:/docker/a/child\n3:cpu,cpuacct:/docker/a/child\n"), now)
    assert found["container.memory.usage"] == 20 * MB
    assert found["container.memory.limit"] == 100 * MB
    assert found["container.memory.utilization"] == 0.75
    assert found[f"container.memory.oom_kills{OWN}"] == 1
    assert found[f"container.memory.oom_kills{ABOVE}"] == 4
    assert found["container.cpu.limit"] == 0.25
    assert found["container.cpu.time"] == 2.0
    assert found[f"container.cpu.throttled_periods{OWN}"] == 0
    assert found[f"container.cpu.throttled_periods{ABOVE}"] == 21
    assert found[f"container.cpu.throttled_time{ABOVE}"] == pytest.approx(0.021)


def test_a_hybrid_machine_is_limited_by_both_and_has_pressure(tree: Tree, values: Values, now: Instant) -> None:
    tree.mount("memory", "cgroup", "rw,memory")
    tree.mount("unified", "cgroup2")
    tree.write("memory", "release_agent", "")
    tree.v1("app", limit=32 * MB, usage=8 * MB)
    tree.write("unified/app", "cgroup.type", "domain")
    tree.write("unified/app", "cpu.stat", "usage_usec 500000")
    for resource in ("cpu", "memory", "io"):
        line = "avg10=2.00 avg60=0.00 avg300=0.00 total=1000000"
        tree.write("unified/app", f"{resource}.pressure", f"some {line}\nfull {line}")
    found = values(tree.sensor("4:memory:/app\n0::/app\n"), now)
    assert found["container.memory.limit"] == 32 * MB
    assert found["container.cpu.limit"] == CORES
    assert found["container.cpu.time"] == 0.5
    assert found["container.pressure.stall_time{kind='full', resource='cpu'}"] == 1.0
    assert found["container.pressure.avg10{kind='some', resource='io'}"] == 0.02


def test_in_a_namespace_what_is_visible_counts(tree: Tree, values: Values, now: Instant) -> None:
    tree.mount("memory", "cgroup", "rw,memory")
    tree.v1("", limit=48 * MB, usage=12 * MB)  # it looks like the root, and lacks the file that only the root has
    found = values(tree.sensor("4:memory:/\n"), now)
    assert found["container.memory.limit"] == 48 * MB
    assert found["container.memory.utilization"] == 0.25
    tree.v2("two", limit=24 * MB, usage=12 * MB)
    tree.mounts = ""
    tree.mount("two", "cgroup2")
    assert values(tree.sensor("0::/\n"), now)["container.memory.limit"] == 24 * MB


def test_a_program_in_no_group_is_limited_by_its_cores_alone(tree: Tree, values: Values, now: Instant) -> None:
    tree.mount("", "cgroup2")
    tree.write("", "cgroup.controllers", "cpu memory")
    tree.write("", "cpu.stat", "usage_usec 7")
    sensor = tree.sensor("0::/\n")
    assert values(sensor, now) == {"container.cpu.limit": CORES}
    assert "no control group" in sensor.remark


def test_a_machine_without_control_groups_has_the_same(tmp_path: Path, values: Values, now: Instant) -> None:
    assert values(ContainerSensor(proc=tmp_path), now) == {"container.cpu.limit": CORES}


def test_a_group_without_a_limit_has_no_limit_and_no_share(tree: Tree, values: Values, now: Instant) -> None:
    tree.mount("", "cgroup2")
    tree.v2("app", usage=8 * MB)
    found = values(tree.sensor("0::/app\n"), now)
    assert found["container.memory.usage"] == 8 * MB
    assert not {"container.memory.limit", "container.memory.utilization"} & set(found)


def test_a_controller_that_is_not_handed_down_is_read_in_the_nearest_group(
    tree: Tree, values: Values, now: Instant
) -> None:
    tree.mount("", "cgroup2")
    tree.v2("service", limit=64 * MB, usage=16 * MB)
    tree.write("service/worker", "cgroup.type", "domain")
    tree.write("service/worker", "cpu.stat", "usage_usec 1000000")
    found = values(tree.sensor("0::/service/worker\n"), now)
    assert found["container.memory.usage"] == 16 * MB
    assert found["container.cpu.time"] == 1.0


def test_limits_are_looked_up_once_a_minute(nested_v2: Tree, values: Values, now: Instant) -> None:
    sensor = nested_v2.sensor("0::/pod/app\n")
    values(sensor, now)
    layout = sensor.layout
    nested_v2.v2("pod", limit=32 * MB, quota="25000 100000")
    assert values(sensor, now.plus(59))["container.memory.limit"] == 64 * MB
    found = values(sensor, now.plus(61))
    assert found["container.memory.limit"] == 32 * MB
    assert found["container.cpu.limit"] == 0.25
    assert sensor.layout is layout


def test_a_fork_looks_up_its_groups_at_once(nested_v2: Tree, now: Instant) -> None:
    nested_v2.proc("self/cgroup", "0::/pod/app\n")
    finder = GroupFinder(nested_v2.proc("self/mountinfo", nested_v2.mounts))
    finder.groups(now.mono_s)
    nested_v2.v2("pod", limit=32 * MB)
    child = os.fork()
    if not child:
        os._exit(0 if finder.memory_limit_bytes(now.mono_s) == 32 * MB else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert finder.memory_limit_bytes(now.mono_s) == 64 * MB


def test_a_group_that_is_gone_is_an_error_and_the_next_try_looks_anew(
    nested_v2: Tree, values: Values, now: Instant
) -> None:
    sensor = nested_v2.sensor("0::/pod/app\n")
    values(sensor, now)
    sensor.close()
    (nested_v2.root / "pod/app/memory.stat").unlink()
    with pytest.raises(SampleError, match=r"memory\.stat"):
        sensor.read(now)
    sensor.close()
    nested_v2.proc("self/cgroup", "0::/pod\n")
    assert values(sensor, now)["container.memory.usage"] == 32 * MB


def test_a_kernel_that_does_not_count_kills_has_none(nested_v2: Tree, values: Values, now: Instant) -> None:
    nested_v2.write("pod/app", "memory.events", "low 0\nmax 0")
    found = values(nested_v2.sensor("0::/pod/app\n"), now)
    assert math.isnan(found[f"container.memory.oom_kills{OWN}"])
    assert found["container.memory.usage"] == 16 * MB


def test_the_own_cores_count_where_they_are_fewer_than_the_quota(tree: Tree, values: Values, now: Instant) -> None:
    tree.mount("", "cgroup2")
    tree.v2("app", quota=f"{(CORES + 3) * 100_000} 100000")
    assert values(tree.sensor("0::/app\n"), now)["container.cpu.limit"] == CORES


def test_the_groups_of_another_process_are_its_own(nested_v2: Tree) -> None:
    nested_v2.proc("self/mountinfo", nested_v2.mounts)
    nested_v2.proc("self/cgroup", "0::/pod/app\n")
    root = nested_v2.proc("77/cgroup", "0::/pod\n")
    assert [group.folder.name for group in find_groups(root, 77).memory] == ["pod"]
