"""Forks while the journal writes: the child can open a file of its own, and the parent goes on."""

from __future__ import annotations

import os
import sqlite3
import threading
from time import perf_counter
from typing import TYPE_CHECKING

import pytest
from tests.unit.system.programs import run

from tocsin.journal.hold import WAIT_S, Hold

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX")

FORKS = """
    import os, pathlib, signal, sqlite3, sys, threading
    from tocsin.clock import SystemClock
    from tocsin.journal import Journal, entries

    folder = pathlib.Path(sys.argv[1])
    journal = Journal(folder, clock=SystemClock())
    over = threading.Event()

    def write():
        while not over.is_set():
            journal.post([entries.keepsake("room", b"x" * 1000, at_unix_s=1.0)] * 50)
            journal.flush(1.0)

    writing = threading.Thread(target=write)
    writing.start()
    codes = []
    for number in range(int(sys.argv[2])):
        child = os.fork()
        if child == 0:
            signal.alarm(20)  # a child that hangs is ended
            connection = sqlite3.connect(folder / f"child-{number}.db")
            connection.execute("CREATE TABLE t (x)")
            connection.execute("INSERT INTO t VALUES (1)")
            connection.commit()
            os._exit(0)
        codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    over.set()
    writing.join()
    print(journal.close(10.0), sum(code != 0 for code in codes))
"""


def test_no_child_of_many_forks_hangs_in_the_locks_of_the_library(tmp_path: Path) -> None:
    done = run(FORKS, str(tmp_path), "150", options=["-W", "ignore::DeprecationWarning"], timeout_s=120)
    assert (done.code, done.err) == (0, "")
    assert done.out == "True 0\n"


def test_a_disk_that_hangs_holds_up_a_fork_only_for_a_moment_and_the_child_is_free() -> None:
    hold, inside, out = Hold(), threading.Event(), threading.Event()

    def hang() -> None:
        with hold:
            inside.set()
            out.wait(60)

    thread = threading.Thread(target=hang)
    thread.start()
    assert inside.wait(60)
    began_s = perf_counter()
    child = os.fork()
    if child == 0:
        os._exit(0 if hold.lock.acquire(timeout=5) else 1)
    took_s = perf_counter() - began_s
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert took_s >= WAIT_S
    out.set()
    thread.join()
    with hold:
        pass


def test_a_fork_from_inside_lets_both_go_on() -> None:
    hold = Hold()
    with hold:
        child = os.fork()
        if child == 0:
            connection = sqlite3.connect(":memory:")
            connection.execute("SELECT 1")
    if child == 0:
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert hold.lock.acquire(blocking=False)
    hold.lock.release()
