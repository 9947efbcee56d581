"""The record of a run in its folder: whole or not at all, bounded, and never in the way."""

from __future__ import annotations

import os
import stat
import sys
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.system.lastrun.test_ending import RECORD

from tocsin import SystemClock
from tocsin.system.lastrun import record, traces
from tocsin.system.lastrun.kernel import Kernel, log_says_killed, start_ticks
from tocsin.system.lastrun.record import FILE, MAX_BYTES, UnreadableRecord

if TYPE_CHECKING:
    from pathlib import Path


def test_what_was_written_is_read_again_and_nobody_else_may(tmp_path: Path) -> None:
    assert record.read(tmp_path) is None
    record.write(tmp_path, RECORD)
    record.write(tmp_path, msgspec.structs.replace(RECORD, pid=1))
    assert record.read(tmp_path) == msgspec.structs.replace(RECORD, pid=1)
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
    if os.name == "posix":
        assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


def test_a_record_is_bounded(tmp_path: Path) -> None:
    record.write(tmp_path, msgspec.structs.replace(RECORD, stacks=("x" * 200,) * 1000))
    assert (tmp_path / FILE).stat().st_size <= MAX_BYTES
    found = record.read(tmp_path)
    assert found is not None
    assert (found.pid, found.stacks) == (RECORD.pid, ())


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"version": 1}', b"\x00" * 100, b"[" * 60_000])
def test_one_that_is_cut_or_strange_says_nothing(tmp_path: Path, body: bytes) -> None:
    (tmp_path / FILE).write_bytes(body)
    with pytest.raises(UnreadableRecord):
        record.read(tmp_path)


def test_one_of_another_version_says_nothing(tmp_path: Path) -> None:
    record.write(tmp_path, msgspec.structs.replace(RECORD, version=2))
    with pytest.raises(UnreadableRecord, match="version 2"):
        record.read(tmp_path)


@given(st.integers(0, 2000))
@settings(max_examples=30)
def test_of_a_record_cut_anywhere_nothing_is_believed(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    folder = tmp_path_factory.mktemp("cut")
    body = msgspec.json.encode(RECORD)
    (folder / FILE).write_bytes(body[: min(cut, len(body) - 1)])
    with pytest.raises(UnreadableRecord):
        record.read(folder)


# -- what the kernel says


def a_proc(tmp_path: Path) -> Path:
    group = tmp_path / "cg" / "app"
    group.mkdir(parents=True)
    (group / "memory.events").write_text("low 0\nmax 3\noom 2\noom_kill 2\noom_group_kill 0\n")
    (group / "memory.max").write_text("1000\n")
    proc = tmp_path / "proc"
    (proc / "sys/kernel/random").mkdir(parents=True)
    (proc / "sys/kernel/random/boot_id").write_text("abc-def\n")
    (proc / "vmstat").write_text("pgfault 12\noom_kill 9\n")
    (proc / "self").mkdir()
    (proc / "self/cgroup").write_text("0::/app\n")
    (proc / "self/mountinfo").write_text(f"30 23 0:26 / {tmp_path / 'cg'} rw - cgroup2 cgroup2 rw\n")
    (proc / "4711").mkdir()
    (proc / "4711/stat").write_text("4711 (a (b) c) S " + " ".join(str(number) for number in range(1, 40)))
    return proc


def test_the_kernels_counts_are_read_where_it_keeps_them(tmp_path: Path) -> None:
    proc = a_proc(tmp_path)
    found = Kernel(proc).counts(SystemClock().now())
    assert (found.boot_id, found.group_kills, found.machine_kills) == ("abc-def", 2, 9)
    assert found.group == str(tmp_path / "cg" / "app")
    assert start_ticks(4711, proc) == 19
    assert start_ticks(1, proc) == 0


def test_without_proc_nothing_is_known_and_nothing_fails(tmp_path: Path) -> None:
    found = Kernel(tmp_path).counts(SystemClock().now())
    assert (found.boot_id, found.group, found.group_kills, found.machine_kills) == ("", "", None, None)


def test_a_log_that_may_not_be_read_says_nothing(tmp_path: Path) -> None:
    assert log_says_killed(4711, 0.0, tmp_path / "none") == ""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux")
def test_the_line_of_the_kernels_log_is_found_by_pid_and_time(tmp_path: Path) -> None:
    log = tmp_path / "kmsg"
    log.write_text("6,1,900000000,-;Killed process 4711 (old)\n")
    assert log_says_killed(4711, 1000.0, log) == ""
    log.write_text("6,1,1900000000,-;Memory cgroup out of memory: Killed process 4711 (python)\n")
    assert "Killed process 4711 (python)" in log_says_killed(4711, 1000.0, log)
    assert log_says_killed(471, 1000.0, log) == ""


# -- what the interpreter wrote

WRITTEN = """Fatal Python error: Segmentation fault

Thread 0x01 (most recent call first):
  File "{own}/clock.py", line 70 in wait
  File "/usr/lib/python3.11/threading.py", line 982 in run

Thread 0x02 (most recent call first):
  File "/srv/app/work.py", line 9 in loop

Current thread 0x03 (most recent call first):
  File "/srv/app/native.py", line 41 in call
  File "/srv/app/main.py", line 3 in <module>

Extension modules: numpy.core (total: 1)
"""


def test_of_the_stacks_the_one_that_died_comes_first_and_our_own_are_left_out() -> None:
    own = traces.__file__.partition("/system/")[0]
    assert traces.stacks_in(WRITTEN.format(own=own)) == (
        "Current thread 0x03:", "  /srv/app/native.py:41 in call", "  /srv/app/main.py:3 in <module>",
        "Thread 0x02:", "  /srv/app/work.py:9 in loop",
    )  # fmt: skip


def test_of_one_stack_alone_the_frames_are_read_as_well() -> None:
    written = 'Stack (most recent call first):\n  File "/srv/app/main.py", line 3 in <module>\n'
    assert traces.stacks_in(written) == ("Stack:", "  /srv/app/main.py:3 in <module>")


@given(st.text())
def test_whatever_was_written_is_no_trouble(text: str) -> None:
    assert isinstance(traces.stacks_in(text), tuple)
