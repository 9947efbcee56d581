"""Registered threads that die, or end though they had to live."""

from __future__ import annotations

import sys
import threading
from typing import Any

from tests.unit.system.programs import run
from tests.unit.system.threads.supervision.conftest import Bell, Pausing, run_out

from tocsin import AlertSeverity, MonitoringCoordinator
from tocsin.sensors import deaths


def fail_deeply(depth: int = 3) -> None:
    if depth:
        fail_deeply(depth - 1)
    raise ValueError("no such order")


def test_a_registered_thread_that_dies_of_an_exception_rings_with_its_traceback(bell: Bell, hooked: list[str]) -> None:
    def work() -> None:
        bell.system.register_thread()
        fail_deeply()

    run_out(work)
    assert bell.after(2) == ["Thread died"]
    alert = bell.alert
    assert alert.message == "worker-1 died of ValueError: no such order"
    assert (alert.component, alert.source, alert.severity) == ("worker-1", "threads", AlertSeverity.WARNING)
    assert alert.recommendations
    (proof,) = alert.evidence
    assert proof.kind == "traceback"
    assert "in fail_deeply: raise ValueError" in proof.lines[0]
    assert any("in work: fail_deeply()" in line for line in proof.lines)
    assert hooked == ["no such order"]


def test_a_thread_that_says_goodbye_on_its_way_out_has_died_all_the_same(bell: Bell) -> None:
    def work() -> None:
        bell.system.register_thread()
        try:
            fail_deeply()
        finally:
            bell.system.unregister_thread()

    run_out(work)
    assert bell.after(2) == ["Thread died"]


def test_an_exception_that_was_caught_is_no_death(bell: Bell) -> None:
    def work() -> None:
        bell.system.register_thread()
        try:
            fail_deeply()
        except ValueError:
            bell.system.unregister_thread()

    run_out(work)
    assert bell.after(2) == []


def test_a_normal_end_and_one_on_purpose_stay_registered_in_silence(bell: Bell) -> None:
    def leave() -> None:
        bell.system.register_thread()
        sys.exit(3)

    threads = [run_out(bell.system.register_thread), run_out(leave)]
    assert bell.after(600) == []
    assert bell.system._registered_threads == set(threads)


def test_a_thread_that_nobody_registered_is_nobodys_business(bell: Bell, hooked: list[str]) -> None:
    bell.system.register_thread()
    run_out(fail_deeply)
    assert bell.after(2) == []
    assert hooked == ["no such order"]


def test_a_thread_that_must_live_rings_when_it_ends_until_another_takes_its_name(bell: Bell) -> None:
    def work() -> None:
        with bell.system.registered("consumer", must_live=True):
            return

    run_out(work)
    assert bell.after(1000) == ["Thread ended"]
    assert bell.alert.message == "consumer came to its end, though it must live"
    assert bell.alert.severity is AlertSeverity.CRITICAL
    assert [alert.title for alert in bell.system.open_alerts()] == ["Thread ended"]

    successor = Pausing(bell, "consumer", must_live=True)
    bell.after(2)
    assert bell.resolved() == ["Thread ended"]
    with_leave = bell.system.open_alerts()
    successor.end()
    assert with_leave == ()


def test_a_thread_that_must_live_and_dies_is_one_alert_with_its_traceback(bell: Bell, hooked: list[str]) -> None:
    @bell.system.registered("consumer", must_live=True)
    def work() -> None:
        fail_deeply()

    run_out(work)
    assert bell.after(1000) == ["Thread died"]
    assert bell.alert.severity is AlertSeverity.CRITICAL
    assert bell.alert.evidence[0].kind == "traceback"
    assert bell.alert.count == 1
    assert hooked == ["no such order"]
    assert bell.system.open_alerts() != ()


def test_a_thread_registered_by_somebody_else_must_live_until_it_is_unregistered(bell: Bell) -> None:
    coordinator = bell.system.coordinator
    assert isinstance(coordinator, MonitoringCoordinator)
    thread = threading.Thread(target=lambda: None, name="late")
    coordinator.register_thread(thread, must_live=True)
    assert bell.after(100) == []
    thread.start()
    thread.join()
    assert bell.after(2) == ["Thread ended"]
    coordinator.unregister_thread(thread)
    bell.after(2)
    assert bell.resolved() == ["Thread ended"]


def test_a_thread_that_is_unregistered_first_may_end_though_it_had_to_live(bell: Bell) -> None:
    def work() -> None:
        with bell.system.registered(must_live=True):
            bell.system.unregister_thread()

    run_out(work)
    assert bell.after(10) == []


def test_the_registration_of_a_block_ends_with_it_and_leaves_an_outer_one(bell: Bell) -> None:
    inside: list[bool] = []

    def work() -> None:
        me = threading.current_thread()
        with bell.system.registered("inner"):
            inside.append(me in bell.system._registered_threads)
        inside.append(me in bell.system._registered_threads)
        bell.system.register_thread()
        with bell.system.registered("inner"), bell.system.registered("innermost"):
            pass
        inside.append(me in bell.system._registered_threads)

    run_out(work)
    assert inside == [True, False, True]


def test_a_death_just_before_the_end_of_the_program_is_told() -> None:
    done = run("""
        import threading, tocsin
        bell = tocsin.watch(tocsin.AlertConfig(check_interval="1h", control=False))
        def work():
            bell.register_thread()
            raise ValueError("too late")
        thread = threading.Thread(target=work, name="last")
        thread.start()
        thread.join()
    """)
    assert done.code == 0
    assert "last died of ValueError: too late" in done.err
    assert "Exception in thread last" in done.err


def test_a_foreign_coordinator_does_not_keep_deaths_from_being_told(bell: Bell) -> None:
    class Foreign:
        def register_thread(self, thread: threading.Thread) -> None:
            raise RuntimeError("no")

        def unregister_thread(self, thread: threading.Thread) -> None: ...

    for coordinator in (Foreign(), None, MonitoringCoordinator(clock=bell.clock)):
        bell.system.coordinator = coordinator

        def work() -> None:
            bell.system.register_thread()
            fail_deeply()

        run_out(work, f"worker-{coordinator!r}"[:20])
    assert bell.after(2) == ["Thread died"] * 3


def test_the_hook_is_chained_and_taken_back_at_cleanup_if_it_is_still_ours(bell: Bell, hooked: list[str]) -> None:
    import asyncio

    before = threading.excepthook
    bell.system.register_thread()
    assert threading.excepthook is not before
    asyncio.run(bell.system.cleanup())
    assert threading.excepthook is before

    bell.system.register_thread()
    ours, mine = threading.excepthook, []

    def somebody_elses(args: Any) -> None:
        mine.append(str(args.exc_value))
        ours(args)

    threading.excepthook = somebody_elses
    asyncio.run(bell.system.cleanup())
    assert threading.excepthook is somebody_elses
    run_out(fail_deeply)
    assert (mine, hooked) == (["no such order"], ["no such order"])


def test_hooks_that_come_and_go_do_not_make_us_deaf(bell: Bell) -> None:
    before = threading.excepthook
    coordinator, held = bell.system._core.parts, len(deaths._hooks)
    for _ in range(100):
        coordinator.register_thread()
        threading.excepthook = before  # as a test's monkeypatch does
    assert len(deaths._hooks) <= held + 1

    def work() -> None:
        bell.system.register_thread()
        fail_deeply()

    run_out(work)
    assert bell.after(2) == ["Thread died"]


def test_a_broken_exception_cannot_hide_a_death(bell: Bell) -> None:
    class Odd(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    def work() -> None:
        bell.system.register_thread()
        raise Odd

    threading.excepthook = lambda _: None
    run_out(work)
    assert bell.after(2) == ["Thread died"]
    assert "Odd: (it cannot be shown)" in bell.alert.message
