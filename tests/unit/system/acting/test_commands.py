"""Commands that rules run: whatever they do, they end at their limits, with what they have started."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
from typing import TYPE_CHECKING

import psutil
import pytest

from tocsin.model.alert import PerformanceAlert
from tocsin.model.levels import AlertSeverity
from tocsin.model.readings import SeriesKey
from tocsin.system.acting.ceilings import Ceilings, Guard, Limits
from tocsin.system.acting.commands import CommandFailed, run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sessions and pipes of Unix")
ALERT = PerformanceAlert("t'; rm -rf /", "m", AlertSeverity.WARNING)
PYTHON = sys.executable


def act(
    *argv: str, deadline_s: float = 30.0, growth_bytes: int = 10**9, ending: threading.Event | None = None,
    ceilings: Ceilings | None = None,
) -> str:  # fmt: skip
    limits = Limits(growth_bytes=growth_bytes)
    guard = Guard(ceilings or Ceilings(limits, dict, None), ending or threading.Event(), deadline_s)
    return run(argv, ALERT, guard, growth_bytes=growth_bytes)


def gone(pid: int) -> bool:
    """Whether a process has ended, though nobody may have waited for it."""
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(pid).wait(10.0)
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_it_gets_the_alert_as_json_and_nothing_of_it_as_an_argument(tmp_path: Path) -> None:
    target = tmp_path / "alert.json"
    code = (
        f"import sys; open({str(target)!r}, 'w').write(sys.stdin.read()); print('one'); print('two'); print(sys.argv)"
    )
    assert act(PYTHON, "-c", code) == "it ended well; it said: ['-c']"
    assert json.loads(target.read_text())["title"] == ALERT.title


def test_it_gets_only_the_usual_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERS_SECRET", "hunter2")
    assert act(PYTHON, "-c", "import os; print('ORDERS_SECRET' in os.environ, 'PATH' in os.environ)").endswith(
        "False True"
    )


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("/no/such/program",), "cannot be started: No such file"),
        (("/etc/passwd",), "cannot be started: Permission denied"),
        (("sh", "-c", "echo one; echo two >&2; exit 3"), "it ended with status 3; it said: two"),
        (("sh", "-c", "kill -SEGV $$"), "it ended with signal 11"),
    ],
)
def test_one_that_fails_is_said_so(argv: tuple[str, ...], words: str) -> None:
    with pytest.raises(CommandFailed, match=words):
        act(*argv)


def test_one_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    note = tmp_path / "pids"
    with pytest.raises(CommandFailed, match=r"it took more than 500 ms; it was ended with what it had started"):
        act("sh", "-c", f"sleep 300 & echo $! $$ > {note}; trap '' TERM INT; wait", deadline_s=0.5)
    assert all(gone(int(pid)) for pid in note.read_text().split())


def test_a_child_that_leaves_its_session_is_ended_too(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    code = (
        "import subprocess, time\n"
        "child = subprocess.Popen(['sleep', '300'], start_new_session=True)\n"
        f"open({str(note)!r}, 'w').write(str(child.pid)); time.sleep(300)"
    )
    with pytest.raises(CommandFailed, match="it took more than"):
        act(PYTHON, "-c", code, deadline_s=2.0)
    assert gone(int(note.read_text()))


def test_one_that_starts_processes_without_end_is_ended(tmp_path: Path) -> None:
    code = (
        "import subprocess, time\n"
        "kept = [subprocess.Popen(['sleep', '300']) for _ in range(130)]\n"
        f"open({str(tmp_path / 'pids')!r}, 'w').write(' '.join(str(one.pid) for one in kept)); time.sleep(300)"
    )
    with pytest.raises(CommandFailed, match="more than 100 processes"):
        act(PYTHON, "-c", code)
    assert not any("sleep 300" in " ".join(one.cmdline()) for one in psutil.Process().children(recursive=True))


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel holds it to its limit only on Linux")
def test_one_that_allocates_without_end_is_stopped_by_the_kernel() -> None:
    with pytest.raises(CommandFailed, match=r"it ended with status 1; it said: MemoryError"):
        act(PYTHON, "-c", "kept = []\nwhile True: kept.append(bytearray(10_000_000))", growth_bytes=200_000_000)


def test_several_that_allocate_together_are_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tocsin.system.acting.commands._bound", lambda pid, growth_bytes: None)
    code = "import os, time; os.fork(); kept = b'x' * 60_000_000; time.sleep(300)"
    with pytest.raises(CommandFailed, match=r"of memory, more than 100 MB"):
        act(PYTHON, "-c", code, growth_bytes=100_000_000)


@pytest.mark.skipif(sys.platform != "linux", reason="as above")
def test_one_that_fills_the_disk_is_stopped_by_the_kernel(tmp_path: Path) -> None:
    big = tmp_path / "big"
    with pytest.raises(CommandFailed, match="it ended with"):
        act(
            PYTHON,
            "-c",
            f"f = open({str(big)!r}, 'wb')\nwhile True: f.write(b'x' * 1_000_000)",
            growth_bytes=50_000_000,
        )
    assert big.stat().st_size <= 50_000_000


def test_a_disk_that_runs_full_meanwhile_ends_it(tmp_path: Path) -> None:
    free = iter([10**12, 10**12])
    ceilings = Ceilings(Limits(), dict, tmp_path, free_bytes=lambda _: next(free, 5))
    assert ceilings._why_no_room() == ""
    with pytest.raises(CommandFailed, match="only 5 B are free on the disk"):
        act("sleep", "300", ceilings=ceilings)


def test_memory_that_runs_short_meanwhile_ends_it() -> None:
    readings: Mapping[SeriesKey, float] = {SeriesKey("system.memory.utilization"): 0.97}
    with pytest.raises(CommandFailed, match=r"memory is at 97 % \(system.memory.utilization\)"):
        act("sleep", "300", ceilings=Ceilings(Limits(), lambda: readings, None))


def test_the_end_of_the_watch_ends_it() -> None:
    ending = threading.Event()
    ending.set()
    with pytest.raises(CommandFailed, match="the watch of this program ended"):
        act("sleep", "300", ending=ending)


def test_one_that_talks_without_end_is_listened_to_in_bounds() -> None:
    with pytest.raises(CommandFailed, match=r"it took more than 1 s.*it said: y"):
        act("yes", deadline_s=1.0)


def test_one_that_neither_reads_nor_ends_holds_up_nobody() -> None:
    big = PerformanceAlert("t", "m" * 1_000_000, AlertSeverity.WARNING)
    guard = Guard(Ceilings(Limits(), dict, None), threading.Event(), 0.5)
    with pytest.raises(CommandFailed, match="it took more than"):
        run(("sleep", "300"), big, guard, growth_bytes=10**9)
    guard = Guard(Ceilings(Limits(), dict, None), threading.Event(), 20.0)
    assert run(("sh", "-c", "wc -c"), big, guard, growth_bytes=10**9).startswith("it ended well; it said: 1000")
