"""The kernel wakes us when tasks begin to wait, where it can."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from tests.unit.sensors.descriptors import held

from tocsin.sensors.linux.pressure_trigger import PressureTrigger

PRESSURE = Path("/proc/pressure")


def test_without_pressure_files_it_says_so_and_starts_nothing(tmp_path: Path) -> None:
    before = threading.active_count()
    reason = PressureTrigger(lambda _: None, tmp_path / "none").start()
    assert "pressure stall information" in reason
    assert threading.active_count() == before


def test_a_file_that_refuses_the_trigger_is_named(tmp_path: Path) -> None:
    (tmp_path / "cpu").mkdir()
    assert "cpu" in PressureTrigger(lambda _: None, tmp_path).start()


@pytest.mark.skipif(not PRESSURE.exists(), reason="this kernel has no pressure stall information")
def test_it_starts_and_stops_twice_and_leaves_no_descriptor_open() -> None:
    trigger = PressureTrigger(lambda _: None)
    for _ in range(3):
        if reason := trigger.start():
            pytest.skip(reason)
        assert trigger.start() == ""
        thread = next(one for one in threading.enumerate() if one.name == "tocsin-pressure")
        trigger.stop()
        trigger.stop()
        thread.join(5.0)
        assert not thread.is_alive()
    assert held(str(PRESSURE)) == []


@pytest.mark.skipif(not PRESSURE.exists(), reason="this kernel has no pressure stall information")
def test_several_threads_may_start_and_stop_it_at_once() -> None:
    trigger = PressureTrigger(lambda _: None)
    if reason := trigger.start():
        pytest.skip(reason)
    trigger.stop()
    failed: list[Exception] = []

    def start_and_stop() -> None:
        try:
            for _ in range(100):
                trigger.start()
                trigger.stop()
        except Exception as error:  # noqa: BLE001 - the test tells of it
            failed.append(error)

    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=start_and_stop) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30.0)
    finally:
        sys.setswitchinterval(interval_s)
    trigger.stop()
    assert failed == []
    for thread in threading.enumerate():
        if thread.name == "tocsin-pressure":
            thread.join(30.0)
            assert not thread.is_alive()


@pytest.mark.skipif(not PRESSURE.exists(), reason="this kernel has no pressure stall information")
def test_descriptors_that_the_program_took_over_are_neither_written_to_nor_closed(tmp_path: Path) -> None:
    trigger = PressureTrigger(lambda _: None)
    if reason := trigger.start():
        pytest.skip(reason)
    thread = next(one for one in threading.enumerate() if one.name == "tocsin-pressure")
    mine = os.open(tmp_path / "mine", os.O_RDWR | os.O_CREAT)
    numbers = list(trigger._known)
    for number in numbers:  # as a program that becomes a daemon closes all, and opens files of its own
        os.dup2(mine, number)
    assert trigger._wake is not None
    trigger.stop()
    thread.join(5.0)  # woken by the end of its pipe
    assert not thread.is_alive(), "it would look at these numbers again when they are those of others"
    try:
        assert os.fstat(mine).st_size == 0
        assert {os.fstat(number).st_ino for number in numbers} == {os.fstat(mine).st_ino}
    finally:
        for number in (*numbers, mine):
            os.close(number)


@pytest.mark.skipif(not PRESSURE.exists(), reason="this kernel has no pressure stall information")
@pytest.mark.parametrize("taken", [(0, 1), (1,)])
def test_while_the_program_takes_descriptors_over_none_is_closed_and_stop_gives_back_those_that_are_left(
    tmp_path: Path, taken: tuple[int, ...]
) -> None:
    trigger = PressureTrigger(lambda _: None)
    if reason := trigger.start():
        pytest.skip(reason)
    thread = next(one for one in threading.enumerate() if one.name == "tocsin-pressure")
    mine = os.open(tmp_path / "mine", os.O_RDWR | os.O_CREAT)
    assert trigger._wake is not None
    pipe, files = trigger._wake, list(trigger._files)
    theirs = [pipe[end] for end in taken]
    for number in theirs:  # so far it has come, and it will come to the next ones
        os.dup2(mine, number)
    thread.join(5.0)
    try:
        assert not thread.is_alive()
        assert {os.path.dirname(os.readlink(f"/proc/self/fd/{number}")) for number in files} == {str(PRESSURE)}  # noqa: PTH115, PTH120 - of a number
        trigger.stop()
        gone = {*pipe, *files} - {*theirs}
        for number in gone:
            with pytest.raises(OSError, match="Bad file descriptor"):
                os.fstat(number)
    finally:
        for number in (*theirs, mine):
            os.close(number)


@pytest.mark.skipif(not PRESSURE.exists(), reason="this kernel has no pressure stall information")
def test_more_work_than_cores_rings_it() -> None:
    rang = threading.Event()
    trigger = PressureTrigger(lambda _: rang.set())
    if reason := trigger.start():
        pytest.skip(reason)
    burners = _burn(2 * (os.cpu_count() or 1) + 1)
    try:
        assert rang.wait(15.0)
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()
        trigger.stop()


def _burn(count: int) -> list[subprocess.Popen[bytes]]:

    return [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
