"""Real programs that end in every way there is, and what the next run of each says."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import textwrap
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.system.programs import environment

from tocsin.sensors.linux.mounts import read_mounts
from tocsin.system.lastrun import traces

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="ends of Linux")

PROGRAM = """
    import ctypes, json, os, signal, sys, threading, time
    import tocsin

    how = sys.argv[2]
    config = tocsin.AlertConfig(
        name="orders", state_dir=sys.argv[1], default_rules=False, channels=[], control=False, check_interval=0.05,
        memory={"enabled": False},
    )
    system = tocsin.AlertSystem(config)
    system.start()
    if how == "ask":
        until_s = time.monotonic() + (0.5 if "--none" in sys.argv else 20)
        while not system.open_alerts() and time.monotonic() < until_s:
            time.sleep(0.02)

    def charged(seconds):
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            time.sleep(0.05)

    def charge_the_card():
        if how == "segfault":
            ctypes.string_at(0)
        if how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if how == "terminate":
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(30)
        if how == "handled":
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(30)
        if how in {"raises-again", "taken-for-a-while", "hands-on"}:
            before = signal.signal(signal.SIGTERM, lambda *_: None)
            assert before == signal.SIG_DFL
            os.kill(os.getpid(), signal.SIGTERM)  # handled: all is served
            if how == "hands-on" and callable(before):
                before(signal.SIGTERM, None)
            signal.signal(signal.SIGTERM, before)
            if how == "raises-again":
                signal.raise_signal(signal.SIGTERM)
            elif how == "taken-for-a-while":
                # Once this function is left: it could have sent the signal itself.
                os.posix_spawnp("sh", ["sh", "-c", f"sleep 0.5; kill {os.getpid()}"], os.environ)
                charged(30)
        if how == "exit":
            os._exit(3)
        if how == "raise":
            raise ValueError("no such card")
        if how == "abort":
            os.abort()
        if how == "memory":
            held = []
            while True:
                held.append(bytearray(os.urandom(1 << 20)))

    charge_the_card()
    if how == "ask":
        print(json.dumps([{
            "message": alert.message, "severity": alert.severity.word,
            "lines": [line for one in alert.evidence for line in one.lines],
        } for alert in system.open_alerts()]))
    if how != "clean":
        system.stop()
"""
# Joins a group before it becomes the program.
JOINING = """
import os, sys
with open(sys.argv[1] + "/cgroup.procs", "w") as group:
    group.write(str(os.getpid()))
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""


class Runs:
    """One program, run again and again in the same state directory."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state"
        self.script = folder / "orders.py"
        self.script.write_text(textwrap.dedent(PROGRAM))

    def run(self, how: str, *more: str, group: Path | None = None) -> subprocess.CompletedProcess[str]:
        words = [str(self.script), str(self.state), how, *more]
        if group is not None:
            words = ["-c", JOINING, str(group), *words]
        return subprocess.run(
            [sys.executable, *words], env=environment(), capture_output=True, text=True, timeout=60, check=False
        )

    def next_says(self, *more: str) -> list[dict[str, Any]]:
        done = self.run("ask", *more)
        assert done.returncode == 0, done.stderr
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path)


@pytest.mark.parametrize("how", ["clean", "stopped", "handled"])
def test_a_run_that_ends_in_order_is_not_spoken_of(runs: Runs, how: str) -> None:
    assert runs.run(how).returncode == 0
    assert runs.next_says("--none") == []


def test_a_program_that_handles_sigterm_and_then_sends_it_to_itself_has_ended_in_order(runs: Runs) -> None:
    assert runs.run("raises-again").returncode == -15  # as without us; uvicorn ends so
    assert runs.next_says("--none") == []


def test_a_handler_of_the_programs_own_may_hand_sigterm_on_to_what_it_found(runs: Runs) -> None:
    assert runs.run("hands-on").returncode == 0


@pytest.mark.parametrize(
    ("how", "code", "words", "severity"),
    [
        ("segfault", -11, "crashed: Segmentation fault", "critical"),
        ("abort", -6, "crashed: Aborted", "critical"),
        ("kill", -9, "ended, and it is not known how", "warning"),
        ("exit", 3, "ended, and it is not known how", "warning"),
        ("terminate", -15, "was ended by SIGTERM, which it does not handle", "info"),
        ("taken-for-a-while", -15, "was ended by SIGTERM, which it does not handle", "info"),
        ("raise", 1, "ended by an exception that nobody caught: ValueError: no such card", "critical"),
    ],
)
def test_the_next_run_says_how_the_last_one_ended_and_where_it_stood(
    runs: Runs, how: str, code: int, words: str, severity: str
) -> None:
    done = runs.run(how)
    assert done.returncode == code
    [alert] = runs.next_says()
    assert words in alert["message"]
    assert alert["severity"] == severity
    if how not in {"kill", "exit"}:  # those are known as of the last record, which is of the start
        assert any("orders.py" in line and "in charge_the_card" in line for line in alert["lines"])


def test_at_a_sigterm_threads_that_run_on_are_not_looked_at(runs: Runs) -> None:
    # Looking at a thread that runs can end in SIGSEGV, and then the program dies of us.
    assert runs.run("terminate").returncode == -15
    [written] = runs.state.rglob(traces.TERMINATED_FILE)
    assert written.read_text().startswith("Stack (most recent call first):")
    assert "Thread" not in written.read_text()


@pytest.fixture
def group() -> Iterator[Path]:
    """A memory cgroup of 96 MiB, of version 1 or 2, where the tests may make one."""
    places = [
        Path(mount.point)
        for mount in read_mounts(Path("/proc/self/mountinfo"))
        if (mount.kind == "cgroup" and "memory" in mount.options) or mount.kind == "cgroup2"
    ]
    for place in places:
        folder = place / f"tocsin-test-{os.getpid()}-{secrets.token_hex(4)}"
        with suppress(OSError):
            folder.mkdir()
            limit = next(
                (folder / name for name in ("memory.max", "memory.limit_in_bytes") if (folder / name).exists()), None
            )
            if limit is not None:
                limit.write_text(str(96 << 20))
                with suppress(OSError):
                    (folder / "memory.swap.max").write_text("0")
                yield folder
                with suppress(OSError):
                    folder.rmdir()
                return
        with suppress(OSError):
            folder.rmdir()
    pytest.skip("this machine lets the tests make no memory cgroup")


def test_one_that_the_kernel_killed_for_memory_is_said_to_have_been_with_proof(runs: Runs, group: Path) -> None:
    assert runs.run("memory", group=group).returncode == -9
    done = runs.run("ask", group=group)
    [alert] = json.loads(done.stdout)
    assert "was killed for memory" in alert["message"]
    assert alert["severity"] == "critical"


@pytest.mark.parametrize(("status", "code"), [("3", 3), ("", 0), ("'no card'", 1), ("True", 1), ("256 + 7", 7)])
def test_under_tocsin_run_the_exit_code_is_part_of_the_record(tmp_path: Path, status: str, code: int) -> None:
    script = tmp_path / "app.py"
    script.write_text(f"import sys\nsys.exit({status})\n")
    done = subprocess.run(
        [sys.executable, "-m", "tocsin", "run", "--name", "app", script],
        env=environment(TOCSIN_STATE_DIR=str(tmp_path / "state")), capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert done.returncode == code
    [record] = (tmp_path / "state").rglob("run.json")
    assert json.loads(record.read_text())["end"] == {"kind": "exited", "what": "", "stack": [], "exit_code": code}


def test_a_clock_that_was_set_meanwhile_changes_nothing(runs: Runs) -> None:
    assert runs.run("kill").returncode == -9
    kept = json.loads((runs.state / "run.json").read_text())
    kept["began_unix_s"] += 864_000.0
    kept["written_unix_s"] += 864_000.0
    (runs.state / "run.json").write_text(json.dumps(kept))
    [alert] = runs.next_says()
    assert "it is not known how" in alert["message"]
