from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.unit.sensors.descriptors import held

from tocsin.clock import SystemClock
from tocsin.sensors.linux.table import ProcessTable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tocsin.clock import Instant
    from tocsin.sensors.protocol import Sensor

    Proc = Callable[[str, str], Path]
    Values = Callable[[Sensor, Instant], dict[str, float]]

TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def put(
    proc: Proc, pid: int, *, name: str = "x", state: str = "S", cpu: int = 0, start: int = 9, pages: int = 1
) -> Path:
    line = f"{pid} ({name}) {state} 1 1 1 0 -1 0 21 0 22 0 {cpu} 0 0 0 20 0 5 0 {start} 4096000 {pages} 0 0 0\n"
    return proc(f"{pid}/stat", line)


def test_processes_are_counted_by_state_and_threads_are_not(proc: Proc, values: Values, now: Instant) -> None:
    for pid, state in enumerate("RSSDZIT", 1):
        put(proc, pid, state=state)
    root = proc("loadavg", "0 0 0 1/999 5\n")
    found = values(ProcessTable(root), now)
    assert found.pop("system.process.count") == 7
    assert list(found.values()) == [1, 2, 1, 1, 1, 1]


def test_those_that_use_the_most_cpu_come_first(proc: Proc, now: Instant) -> None:
    table = ProcessTable(put(proc, 1))
    put(proc, 2, name="busy", cpu=1000)
    put(proc, 3, name="busier", cpu=0)
    table.read(now)
    put(proc, 2, name="busy", cpu=1000 + TICK)
    put(proc, 3, name="busier", cpu=4 * TICK)
    rows = table.top_processes(2, now=now.plus(2))
    assert [(row.pid, row.name, row.cpu) for row in rows] == [(3, "busier", 2.0), (2, "busy", 0.5)]


def test_those_that_use_the_most_memory_come_first(proc: Proc, now: Instant) -> None:
    put(proc, 1, pages=5)
    table = ProcessTable(put(proc, 2, name="a (big) one", pages=50))
    rows = table.top_processes(1, "rss", now=now)
    assert [(row.pid, row.name, row.rss_bytes, row.cpu) for row in rows] == [(2, "a (big) one", 50 * PAGE, None)]


def test_the_first_pass_knows_no_cpu_and_invents_none(proc: Proc, now: Instant) -> None:
    assert ProcessTable(put(proc, 1, cpu=5000)).top_processes(now=now) == []


def test_a_new_process_under_an_old_number_is_a_new_one(proc: Proc, now: Instant) -> None:
    table = ProcessTable(put(proc, 1, cpu=10, start=9))
    table.read(now)
    put(proc, 1, cpu=5000, start=77)
    assert table.top_processes(now=now.plus(1)) == []


def test_time_that_runs_back_is_no_negative_cpu(proc: Proc, now: Instant) -> None:
    table = ProcessTable(put(proc, 1, cpu=500))
    table.read(now)
    put(proc, 1, cpu=499)
    assert [row.cpu for row in table.top_processes(now=now.plus(1))] == [0.0]


def test_questions_in_quick_succession_keep_their_base(proc: Proc, now: Instant) -> None:
    table = ProcessTable(put(proc, 1))
    table.read(now)
    put(proc, 1, cpu=TICK)
    assert table.top_processes(now=now.plus(0.01)) == []
    assert [row.cpu for row in table.top_processes(now=now.plus(1))] == [1.0]


def test_a_process_that_ends_meanwhile_or_is_hidden_is_left_out(proc: Proc, values: Values, now: Instant) -> None:
    put(proc, 1)
    proc("2/status", "there is no stat\n")
    proc("3/stat", "")
    root = proc("4/stat", "nonsense\n")
    assert values(ProcessTable(root), now)["system.process.count"] == 1


def test_a_busy_child_is_found_on_this_machine(now: Instant) -> None:
    table, clock = ProcessTable(), SystemClock()
    program = "import sys\nprint(flush=True)\nwhile True: pass"
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        child.stdout.readline()
        table.read(clock.now())
        began_s = clock.now().mono_s
        while clock.now().mono_s < began_s + 0.5:
            os.sched_yield()
        rows = {row.pid: row for row in table.top_processes(10, now=clock.now())}
    finally:
        child.kill()
        child.communicate()
    cpu = rows[child.pid].cpu
    assert cpu is not None
    assert cpu > 0.05


def test_no_descriptor_is_kept(now: Instant) -> None:
    table = ProcessTable()
    table.read(now)
    # Its own names of files differ from those of other sensors: it reads `stat` and `statm` of others.
    before = [name for name in held("/proc/") if name.split("/")[2].isdigit()]
    table.read(now)
    table.top_processes(now=now)
    assert [name for name in held("/proc/") if name.split("/")[2].isdigit()] == before


@pytest.mark.parametrize(("option", "is_told"), [("invisible", True), ("2", True), ("off", False), ("0", False)])
def test_a_proc_that_hides_others_is_told(
    proc: Proc, now: Instant, monkeypatch: pytest.MonkeyPatch, option: str, is_told: bool
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    proc("self/mountinfo", f"22 27 0:20 / /proc rw,nosuid - proc proc rw,hidepid={option}\n")
    table = ProcessTable(put(proc, 1))
    table.read(now)
    assert (f"hidepid={option}" in table.remark) is is_told
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    table.close()
    table.read(now)
    assert table.remark == ""  # from root nothing is hidden


def test_a_hidden_proc_is_an_error(tmp_path: Path, now: Instant) -> None:
    with pytest.raises(OSError, match="gone"):
        ProcessTable(tmp_path / "gone").read(now)
