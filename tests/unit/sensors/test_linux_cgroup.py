from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tocsin.sensors.linux.cgroup import memory_limit_bytes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Proc = Callable[[str, str], Path]

NONE_V1 = 9223372036854771712


@pytest.fixture
def limit(tmp_path: Path) -> Callable[..., None]:
    def write(group: str, value: object, file: str = "memory.max") -> None:
        folder = tmp_path / "cgroup" / group
        folder.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(f"{value}\n")

    return write


def mountinfo(tmp_path: Path, kind: str = "cgroup2", root: str = "/", options: str = "rw") -> str:
    return f"31 23 0:28 {root} {tmp_path}/cgroup rw - {kind} cgroup {options}\n"


def test_a_version_2_limit_of_a_group_above_counts(proc: Proc, tmp_path: Path, limit: Callable[..., None]) -> None:
    limit("", "max")
    limit("pod", 64 << 20)
    limit("pod/app", "max")
    proc("self/mountinfo", mountinfo(tmp_path))
    assert memory_limit_bytes(proc("self/cgroup", "0::/pod/app\n")) == 64 << 20


def test_the_smallest_of_the_chain_counts(proc: Proc, tmp_path: Path, limit: Callable[..., None]) -> None:
    limit("pod", 64 << 20)
    limit("pod/app", 32 << 20)
    proc("self/mountinfo", mountinfo(tmp_path))
    assert memory_limit_bytes(proc("self/cgroup", "0::/pod/app\n")) == 32 << 20


def test_a_version_1_limit_is_found_though_the_own_group_reads_unlimited(
    proc: Proc, tmp_path: Path, limit: Callable[..., None]
) -> None:
    limit("docker/abc", 128 << 20, "memory.limit_in_bytes")
    limit("docker/abc/child", NONE_V1, "memory.limit_in_bytes")
    proc("self/mountinfo", mountinfo(tmp_path, "cgroup", options="rw,memory"))
    assert memory_limit_bytes(proc("self/cgroup", "4:memory:/docker/abc/child\n1:cpu:/x\n")) == 128 << 20


def test_a_hybrid_machine_is_limited_by_either_version(proc: Proc, tmp_path: Path, limit: Callable[..., None]) -> None:
    limit("a", 128 << 20, "memory.limit_in_bytes")
    limit("b", 96 << 20)
    proc("self/mountinfo", mountinfo(tmp_path, "cgroup", options="rw,cpu,memory") + mountinfo(tmp_path))
    assert memory_limit_bytes(proc("self/cgroup", "4:memory,cpu:/a\n0::/b\n")) == 96 << 20


def test_a_container_that_sees_its_own_group_as_the_mount_is_limited(
    proc: Proc, tmp_path: Path, limit: Callable[..., None]
) -> None:
    limit("", 48 << 20, "memory.limit_in_bytes")
    proc("self/mountinfo", mountinfo(tmp_path, "cgroup", root="/docker/abc", options="rw,memory"))
    assert memory_limit_bytes(proc("self/cgroup", "4:memory:/docker/abc\n")) == 48 << 20


def test_a_path_outside_of_the_mount_asks_the_root_of_the_mount(
    proc: Proc, tmp_path: Path, limit: Callable[..., None]
) -> None:
    limit("", 48 << 20)
    proc("self/mountinfo", mountinfo(tmp_path, root="/docker/abc"))
    assert memory_limit_bytes(proc("self/cgroup", "0::/somewhere/else\n")) == 48 << 20


def test_no_limit_is_none(proc: Proc, tmp_path: Path, limit: Callable[..., None]) -> None:
    limit("", NONE_V1, "memory.limit_in_bytes")
    limit("a", "nonsense", "memory.limit_in_bytes")
    proc("self/mountinfo", mountinfo(tmp_path, "cgroup", options="rw,memory"))
    assert memory_limit_bytes(proc("self/cgroup", "4:memory:/a\n")) is None


def test_a_machine_without_cgroups_has_no_limit(tmp_path: Path) -> None:
    assert memory_limit_bytes(tmp_path / "nowhere") is None


def test_another_process_is_asked_for_its_own_groups(proc: Proc, tmp_path: Path, limit: Callable[..., None]) -> None:
    limit("theirs", 16 << 20)
    proc("self/mountinfo", mountinfo(tmp_path))
    proc("self/cgroup", "0::/ours\n")
    assert memory_limit_bytes(proc("77/cgroup", "0::/theirs\n"), 77) == 16 << 20
