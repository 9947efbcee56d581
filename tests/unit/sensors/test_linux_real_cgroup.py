"""The same on a cgroup of this machine's own, where the tests may make one: with a limit in the group above."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tocsin.clock import SystemClock
from tocsin.sensors.linux.container import ContainerSensor
from tocsin.sensors.linux.mounts import read_mounts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tocsin.clock import Instant
    from tocsin.sensors.protocol import Sensor

    Values = Callable[[Sensor, Instant], dict[str, float]]

MB = 1 << 20
LIMIT = 64 * MB
# It joins its groups, says so, and does as it is told: burn CPU for a while, then hold memory, then end.
CHILD = """
import os, sys, time
for folder in sys.argv[1:]:
    with open(folder + "/cgroup.procs", "w") as procs:
        procs.write(str(os.getpid()))
print("joined", flush=True)
for line in sys.stdin:
    word, _, number = line.partition(" ")
    if word == "burn":
        until = time.process_time() + float(number)
        while time.process_time() < until:
            pass
    if word == "hold":
        held = bytearray(os.urandom(1 << 20) * int(number))
    print("done", flush=True)
"""


def hierarchies() -> dict[str, Path]:
    """Where this machine's groups of version 1 are, by controller."""
    found: dict[str, Path] = {}
    for mount in read_mounts(Path("/proc/self/mountinfo")):
        for controller in ("memory", "cpu", "cpuacct"):
            if mount.kind == "cgroup" and controller in mount.options:
                found[controller] = Path(mount.point)
    return found


@pytest.fixture
def groups() -> Iterator[list[Path]]:
    """A group with 64 MiB and a tenth of a core, and an unlimited one inside of it, in each hierarchy of version 1."""
    made: list[Path] = []
    inner: list[Path] = []
    name = f"tocsin-test-{os.getpid()}-{secrets.token_hex(4)}"
    try:
        for place in sorted(set(hierarchies().values())):
            for folder in (place / name, place / name / "inner"):
                folder.mkdir()
                made.append(folder)
            inner.append(made[-1])
        if not inner:
            pytest.skip("this machine has no cgroups of version 1")
        by_name = {controller: place / name for controller, place in hierarchies().items()}
        if not {"memory", "cpu"} <= set(by_name):
            pytest.skip("this machine has no memory and cpu controllers of version 1")
        (by_name["memory"] / "memory.limit_in_bytes").write_text(str(LIMIT))
        (by_name["cpu"] / "cpu.cfs_quota_us").write_text("10000")
        yield inner
    except OSError as error:
        pytest.skip(f"this machine lets the tests make no cgroup: {error}")
    finally:
        for folder in reversed(made):
            with suppress(OSError):
                folder.rmdir()


@pytest.fixture
def child(groups: list[Path]) -> Iterator[subprocess.Popen[str]]:
    words = [sys.executable, "-c", CHILD, *map(str, groups)]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        if process.stdout.readline() != "joined\n":
            pytest.skip("this machine lets no process into a group of its own")
        yield process
    finally:
        process.kill()
        process.communicate()


def tell(process: subprocess.Popen[str], order: str) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(order + "\n")
    process.stdin.flush()
    assert process.stdout.readline() in {"done\n", ""}  # nothing at all: it was killed


def test_the_limits_of_the_group_above_are_found(child: subprocess.Popen[str], values: Values) -> None:
    found = values(ContainerSensor(child.pid), SystemClock().now())
    assert found["container.memory.limit"] == LIMIT
    assert found["container.cpu.limit"] == 0.1
    assert 0 < found["container.memory.usage"] <= LIMIT
    assert 0 < found["container.memory.utilization"] <= 1


def test_throttling_shows_in_the_group_that_holds_the_quota(child: subprocess.Popen[str], values: Values) -> None:
    clock, sensor = SystemClock(), ContainerSensor(child.pid)
    before = values(sensor, clock.now())
    tell(child, "burn 0.1")  # so little that a busy machine gives more
    found = values(sensor, clock.now())
    above = "container.cpu.throttled_time{level='ancestors'}"
    assert found[above] > before[above]
    assert found["container.cpu.throttled_periods{level='own'}"] == 0
    assert found["container.cpu.throttled.utilization"] > 0
    assert found["container.cpu.time"] >= before["container.cpu.time"] + 0.05


def test_a_kill_shows_in_the_group_of_the_victim(child: subprocess.Popen[str], values: Values) -> None:
    clock, sensor = SystemClock(), ContainerSensor(child.pid)
    assert values(sensor, clock.now())["container.memory.oom_kills{level='own'}"] == 0
    tell(child, "hold 100")
    assert child.wait(20) == -9
    assert values(sensor, clock.now())["container.memory.oom_kills{level='own'}"] == 1
