"""Actions and the ends of programs: what holds across kills, forks and restarts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from typing import TYPE_CHECKING

import pytest
from tests.unit.system.acting.acted import ENOUGH_S, a_system
from tests.unit.system.programs import environment, run

if TYPE_CHECKING:
    from pathlib import Path


def test_what_earlier_runs_left_is_cleaned_at_the_start(tmp_path: Path) -> None:
    folder = tmp_path / "artifacts"
    folder.mkdir()
    old = folder / "a1-heap.json"
    old.write_text("{}")
    os.utime(old, (0, 0))
    (folder / ".999999999-0.part").write_text("x")
    system, _, _ = a_system(tmp_path, "stacks:100ms")
    with system:
        assert system._core.acting.room.flush(ENOUGH_S)
        assert list(folder.iterdir()) == []


PROGRAM = """
import os, signal, sys, time
from pathlib import Path
from tocsin import *

folder, end = Path(sys.argv[1]), sys.argv[2]

def act(alert):
    with open(folder / "calls", "a") as file:
        file.write("x")
    if end == "kill in the action":
        os.kill(os.getpid(), signal.SIGKILL)

rule = AlertRule("high", AlertCategory.GENERAL, AlertSeverity.WARNING, 10, metric="m", actions=["call:__main__.act"])
limits = {"cooldown": 0, "count": 3}
config = AlertConfig(state_dir=folder / "state", rules=[rule], default_rules=False, channels=[], check_interval=0.05,
                     actions=limits, artifacts={"min_free": 1}, memory={"enabled": False})
system = AlertSystem(config, sensors=()).start()
for number in range(8):
    system.record("m", 99.0, {"n": f"{os.getpid()}-{number}"})
time.sleep(0.3)
deadline = time.monotonic() + 20
while system._core.acting.room.waiting() and time.monotonic() < deadline:
    time.sleep(0.01)
counts = system._core.engine.decisions.acting.counts
print(counts["done"], counts["refused"], flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(os.name != "posix", reason="signals of Unix")
def test_the_counts_hold_across_kill_9(tmp_path: Path) -> None:
    said = [run(PROGRAM, str(tmp_path), "kill").out.strip() for _ in range(3)]
    assert said == ["3 5", "0 8", "0 8"]
    assert (tmp_path / "calls").read_text() == "xxx"


@pytest.mark.skipif(os.name != "posix", reason="as above")
def test_an_action_that_kills_the_program_is_not_begun_more_often_than_it_may(tmp_path: Path) -> None:
    ended = [run(PROGRAM, str(tmp_path), "kill in the action").code for _ in range(6)]
    assert ended == [-signal.SIGKILL] * 6
    # Three were due, and on disk as such, before the first killed the program: so the limit of all runs is used up.
    assert 1 <= len((tmp_path / "calls").read_text()) <= 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_fork_while_actions_run_leaves_a_child_that_runs_its_own(tmp_path: Path) -> None:
    code = textwrap.dedent("""
        import os, sys, threading, time
        from pathlib import Path
        from tocsin import *
        began, seen = threading.Event(), []
        def act(alert):
            seen.append(os.getpid()); began.set(); time.sleep(0.3)
        rule = AlertRule("high", AlertCategory.GENERAL, AlertSeverity.WARNING, 10, metric="m",
                         actions=["call:__main__.act"])
        config = AlertConfig(rules=[rule], default_rules=False, channels=[], check_interval=0.05,
                             memory={"enabled": False}, actions={"cooldown": 0})
        system = AlertSystem(config, sensors=()).start()
        system.record("m", 99.0)
        assert began.wait(20)
        child = os.fork()
        if child == 0:
            assert system._core.acting.room.waiting() == 0
            began.clear(); seen.clear()
            system.start()
            system.record("m", 99.0)
            ok = began.wait(20) and seen == [os.getpid()]
            os._exit(0 if ok else 1)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), len(seen))
        system.stop()
    """)
    found = run(code, options=["-W", "ignore::DeprecationWarning"])  # of forks, from Python 3.12 on
    assert (found.out.strip(), found.err) == ("0 1", "")


def test_a_program_that_ends_takes_its_commands_along(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    code = textwrap.dedent(f"""
        import time
        from pathlib import Path
        from tocsin import *
        rule = AlertRule("high", AlertCategory.GENERAL, AlertSeverity.WARNING, 10, metric="m",
                         actions=["run:sh -c 'echo $$ > {note}; exec sleep 300'"])
        config = AlertConfig(rules=[rule], default_rules=False, channels=[], check_interval=0.05,
                             memory={{"enabled": False}})
        system = AlertSystem(config, sensors=()).start()
        system.record("m", 99.0)
        for _ in range(1000):
            if Path({str(note)!r}).exists() and Path({str(note)!r}).read_text().strip():
                break
            time.sleep(0.02)
    """)
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], env=environment(), timeout=60, check=False, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    assert time.monotonic() - started < 30.0
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)
