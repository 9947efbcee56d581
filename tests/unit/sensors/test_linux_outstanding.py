from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from tocsin.sensors.linux.outstanding import OutstandingCall

if TYPE_CHECKING:
    from collections.abc import Callable


def wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(2000):
        if condition():
            return
        threading.Event().wait(0.005)
    raise AssertionError("it did not come true within ten seconds")


def test_an_answer_is_given_once() -> None:
    call = OutstandingCall("t", lambda: 42)
    assert call.begin(0.0)
    wait_until(lambda: not call.is_out())
    assert call.answer() == 42
    assert call.answer() is None


def test_there_is_never_a_second_one_while_the_first_is_out() -> None:
    release, calls = threading.Event(), []

    def hang() -> int:
        calls.append(threading.current_thread())
        release.wait()
        return 7

    call = OutstandingCall("t", hang)
    assert call.begin(100.0)
    wait_until(lambda: bool(calls))
    assert [call.begin(at) for at in (101.0, 160.0)] == [False, False]
    assert call.age_s(160.0) == 60.0
    assert call.answer() is None
    assert len(calls) == 1
    assert calls[0].daemon
    release.set()
    wait_until(lambda: not call.is_out())
    assert call.age_s(170.0) == 0.0
    assert call.answer() == 7
    assert call.begin(171.0)
    wait_until(lambda: not call.is_out())


def test_an_error_is_an_answer_of_nothing_and_the_next_call_is_made() -> None:
    def fail() -> int:
        raise OSError("stale file handle")

    call = OutstandingCall("t", fail)
    call.begin(0.0)
    wait_until(lambda: not call.is_out())
    assert call.answer() is None
    assert call.begin(1.0)
    wait_until(lambda: not call.is_out())


def test_a_fork_owes_nothing_of_what_its_parent_waits_for() -> None:
    release = threading.Event()
    call = OutstandingCall("t", release.wait)
    call.begin(0.0)
    assert call.age_s(5.0) == 5.0
    child = os.fork()
    if not child:
        fine = call.age_s(5.0) == 0.0 and not call.is_out()
        os._exit(0 if fine else 1)
    assert os.waitpid(child, 0)[1] == 0
    release.set()
    wait_until(lambda: not call.is_out())
