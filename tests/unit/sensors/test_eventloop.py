from __future__ import annotations

import asyncio
import gc
import math
import subprocess
import sys
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from tocsin.model.readings import SeriesKey
from tocsin.sensors.eventloop import IDLE_ASK_S, PROMPT_S, EventLoopSensor
from tocsin.sensors.loops import running_loops, thread_label, waits_for_events

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tocsin.clock import Instant


def labels_of(sensor: EventLoopSensor) -> list[str]:
    return [dict(key.labels)["loop"] for key in sensor.layout]


class LoopThread:
    """A real loop on a thread of its own."""

    def __init__(self, name: str) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, name=name, daemon=True)
        self.thread.start()
        self.settle()

    def settle(self) -> None:
        """Wait until the loop has done all that was posted before."""
        done = threading.Event()
        self.loop.call_soon_threadsafe(done.set)
        assert done.wait(5)

    def block(self, at_most_s: float = 0.3) -> threading.Event:
        """Block the loop until the answer is set."""
        blocked, free = threading.Event(), threading.Event()

        def stand_still() -> None:  # one callback: between two the loop might look for events
            blocked.set()
            free.wait(at_most_s)

        self.loop.call_soon_threadsafe(stand_still)
        assert blocked.wait(5)
        return free

    def stop(self) -> None:
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.loop.stop)
            self.thread.join(5)
            self.loop.close()


@pytest.fixture
def start() -> Iterator[Callable[[str], LoopThread]]:
    started: list[LoopThread] = []

    def make(name: str = "worker-1") -> LoopThread:
        started.append(LoopThread(name))
        return started[-1]

    yield make
    for one in started:
        one.stop()


def test_the_first_reading_of_a_loop_is_absent_and_the_second_is_its_lag(
    start: Callable[[str], LoopThread], now: Instant
) -> None:
    runner, sensor = start("worker-1"), EventLoopSensor()
    sensor.watch_loop(runner.loop, "api")
    assert math.isnan(sensor.read(now)[0])
    runner.settle()
    assert 0 <= sensor.read(now)[0] < 0.25
    assert str(sensor.layout[0]) == "tocsin.eventloop.lag{loop='api'}"


def test_asking_between_two_readings_keeps_the_worst_lag_for_the_next(
    start: Callable[[str], LoopThread], now: Instant
) -> None:
    runner, sensor = start("worker-1"), EventLoopSensor()
    sensor.watch_loop(runner.loop)
    sensor.read(now)
    free = runner.block()
    threading.Event().wait(0.01)
    sensor._pings[0]._send(runner.loop)
    threading.Event().wait(0.03)
    free.set()
    runner.settle()
    assert sensor.ask_again(), "a lag of 30 ms is prompt enough"
    runner.settle()
    assert sensor.read(now)[0] >= 0.03
    runner.settle()
    assert sensor.read(now)[0] < 0.03


def test_a_loop_that_owes_its_answer_or_gave_it_late_is_not_asked_again(
    start: Callable[[str], LoopThread], now: Instant
) -> None:
    runner, sensor = start("worker-1"), EventLoopSensor()
    sensor.watch_loop(runner.loop)
    assert sensor.ask_again(), "nobody has been asked"
    free = runner.block()
    sensor.read(now)
    threading.Event().wait(0.12)
    assert not sensor.ask_again()
    free.set()
    runner.settle()
    assert not sensor.ask_again()
    assert sensor.read(now)[0] >= 0.12
    runner.settle()
    assert sensor.ask_again()


def test_it_is_known_from_when_to_when_a_late_answer_was_waited_for(
    start: Callable[[str], LoopThread], now: Instant
) -> None:
    runner, sensor = start("worker-1"), EventLoopSensor()
    sensor.watch_loop(runner.loop, name="api")
    assert sensor.late("api") is None
    free = runner.block()
    asked_s = time.perf_counter()
    sensor.read(now)
    threading.Event().wait(0.12)
    since_s, until_s = sensor.late("api") or (0.0, 0.0)
    assert asked_s <= since_s < until_s == math.inf
    freed_s = time.perf_counter()
    free.set()
    runner.settle()
    settled_s = time.perf_counter()
    sensor.read(now)
    runner.settle()
    sensor.read(now)
    again_s, until_s = sensor.late("api") or (0.0, 0.0)
    assert again_s == since_s
    assert freed_s <= until_s <= settled_s
    assert sensor.late("unheard of") is None


def wait_until_idle(ping: Any) -> None:
    until_s = time.monotonic() + 10
    while not waits_for_events(sys._current_frames().get(ping.thread_id or 0)):
        assert time.monotonic() < until_s


def test_an_idle_loop_that_answered_at_once_is_asked_again_only_now_and_then(
    start: Callable[[str], LoopThread], now: Instant
) -> None:
    runner, sensor = start("worker-1"), EventLoopSensor()
    sensor.watch_loop(runner.loop)
    sensor.read(now)
    runner.settle()
    [ping] = sensor._pings
    wait_until_idle(ping)
    ping._answered_s = ping._sent_s + 0.001
    sent_s = ping._sent_s
    assert sensor.read(now) == [pytest.approx(0.001)]
    assert ping._sent_s == sent_s, "it was asked nothing"
    ping._sent_s -= IDLE_ASK_S
    ping._answered_s -= IDLE_ASK_S
    sensor.read(now)
    assert ping._sent_s >= sent_s, "it is time to ask again"


def test_an_idle_loop_that_was_late_is_asked_again_at_once(start: Callable[[str], LoopThread], now: Instant) -> None:
    runner, sensor = start("worker-1"), EventLoopSensor()
    sensor.watch_loop(runner.loop)
    sensor.read(now)
    runner.settle()
    [ping] = sensor._pings
    wait_until_idle(ping)
    ping._answered_s = ping._sent_s + 2 * PROMPT_S
    sent_s = ping._sent_s
    sensor.read(now)
    assert ping._sent_s > sent_s


def test_a_loop_that_waits_for_events_is_not_woken_between_two_readings(
    start: Callable[[str], LoopThread], now: Instant
) -> None:
    runner, sensor = start("worker-1"), EventLoopSensor()
    sensor.watch_loop(runner.loop)
    sensor.read(now)
    runner.settle()
    [ping] = sensor._pings
    wait_until_idle(ping)
    sent_s = ping._sent_s
    assert sensor.ask_again()
    assert ping._sent_s == sent_s, "it was asked nothing"
    free = runner.block(at_most_s=3.0)
    assert sensor.ask_again()
    assert ping._sent_s > sent_s, "it is busy, so it was asked"
    free.set()


def test_a_block_is_seen_while_it_lasts(start: Callable[[str], LoopThread], now: Instant) -> None:
    runner, sensor = start("worker-1"), EventLoopSensor()
    sensor.watch_loop(runner.loop)
    free = runner.block()
    sensor.read(now)
    threading.Event().wait(0.05)
    first = sensor.read(now)[0]
    threading.Event().wait(0.05)
    second = sensor.read(now)[0]
    free.set()
    assert 0.05 <= first < second
    runner.settle()
    assert sensor.read(now)[0] >= second  # the answered delay of the same ping
    runner.settle()
    assert sensor.read(now)[0] < 0.25


def test_running_loops_are_found(start: Callable[[str], LoopThread], now: Instant) -> None:
    runner, sensor = start("orders-3"), EventLoopSensor()
    sensor.read(now)
    assert labels_of(sensor) == ["orders"]
    assert sensor.thread_of("orders") == runner.thread.ident
    assert sensor.thread_of("unheard of") is None


def test_the_loops_on_which_tocsin_delivers_are_its_own_affair(
    start: Callable[[str], LoopThread], now: Instant
) -> None:
    start("tocsin-mail")
    sensor = EventLoopSensor()
    sensor.read(now)
    assert sensor.layout == ()


def test_loops_of_threads_that_are_alike_have_labels_of_their_own(
    start: Callable[[str], LoopThread], now: Instant
) -> None:
    start("worker-1")
    start("worker-2")
    sensor = EventLoopSensor()
    sensor.read(now)
    assert labels_of(sensor) == ["worker", "worker#2"]


def test_a_loop_that_was_found_can_be_given_a_name(start: Callable[[str], LoopThread], now: Instant) -> None:
    runner, sensor = start("worker-1"), EventLoopSensor()
    sensor.read(now)
    sensor.watch_loop(runner.loop, "billing")
    sensor.read(now)
    assert labels_of(sensor) == ["billing"]
    assert sensor.thread_of("billing") == runner.thread.ident


def test_a_closed_loop_vanishes(start: Callable[[str], LoopThread], now: Instant) -> None:
    runner, sensor = start("worker-1"), EventLoopSensor()
    sensor.watch_loop(runner.loop, "api")
    sensor.read(now)
    runner.stop()
    assert sensor.read(now) == []
    assert sensor.layout == ()
    assert sensor.take_ended() == [SeriesKey("tocsin.eventloop.lag", (("loop", "api"),))]
    assert sensor.take_ended() == []


def test_the_next_loop_of_a_thread_gets_the_name_of_the_one_that_is_closed(
    start: Callable[[str], LoopThread], now: Instant
) -> None:
    first, sensor = start("worker-1"), EventLoopSensor()
    sensor.read(now)
    first.stop()
    start("worker-2")
    sensor.read(now)
    assert labels_of(sensor) == ["worker"]
    assert [dict(key.labels)["loop"] for key in sensor.take_ended()] == ["worker"]


def test_a_loop_that_stands_still_between_two_runs_is_not_late(now: Instant) -> None:
    loop = asyncio.new_event_loop()
    sensor = EventLoopSensor()
    sensor.watch_loop(loop, "script")
    assert math.isnan(sensor.read(now)[0])
    loop.run_until_complete(asyncio.sleep(0))
    assert math.isnan(sensor.read(now)[0])
    loop.close()


def test_a_loop_is_not_kept_alive(now: Instant) -> None:
    loop = asyncio.new_event_loop()
    sensor = EventLoopSensor()
    sensor.watch_loop(loop, "api")
    sensor.read(now)
    loop.close()
    gone = weakref.ref(loop)
    del loop
    gc.collect()
    assert gone() is None
    assert sensor.read(now) == []


def test_a_loop_started_by_asyncio_run_is_found_in_the_main_thread(now: Instant) -> None:
    async def look() -> list[int]:
        return [thread for thread, loop in running_loops() if loop is asyncio.get_running_loop()]

    assert asyncio.run(look()) == [threading.main_thread().ident]
    assert thread_label(threading.main_thread().ident) == "main"
    assert thread_label(None) == "loop"


def test_a_loop_of_another_make_is_found_by_its_runner(now: Instant) -> None:
    class Compiled:
        """Has the methods of a loop, and no frame of Python's, as uvloop."""

        def is_running(self) -> bool:
            return True

        def is_closed(self) -> bool:
            return False

        def call_soon_threadsafe(self, callback: Callable[[], None]) -> None:
            callback()

    source = "def run(self):\n    return look()\n"
    space: dict[str, Any] = {"__name__": "asyncio.runners", "look": lambda: list(running_loops())}
    exec(source, space)  # noqa: S102 - a frame that says it is the Runner's
    runner = type("Runner", (), {})()
    runner._loop = Compiled()
    found = space["run"](runner)
    assert [loop for _, loop in found] == [runner._loop]


def test_discovery_never_imports_asyncio() -> None:
    program = (
        "import sys; from tocsin.clock import SystemClock; from tocsin.sensors.eventloop import EventLoopSensor as S;"
        "S().read(SystemClock().now()); print('asyncio' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_after_closing_a_named_loop_is_watched_again(start: Callable[[str], LoopThread], now: Instant) -> None:
    runner, sensor = start("worker-1"), EventLoopSensor()
    sensor.watch_loop(runner.loop, "api")
    sensor.read(now)
    sensor.close()
    assert sensor.layout == ()
    assert math.isnan(sensor.read(now)[0])
    assert labels_of(sensor) == ["api"]


def test_a_loop_that_begins_after_the_watch_is_found_at_the_next_reading(
    start: Callable[[str], LoopThread], now: Instant
) -> None:
    sensor = EventLoopSensor()
    sensor.read(now)
    start("worker-1")
    sensor.read(now.plus(1.0))
    assert labels_of(sensor) == ["worker"]


def test_a_program_that_is_no_longer_young_is_searched_for_loops_less_often(
    start: Callable[[str], LoopThread], now: Instant
) -> None:
    sensor = EventLoopSensor()
    for at_s in (0.0, 60.0):
        sensor.read(now.plus(at_s))
    start("worker-1")
    sensor.read(now.plus(69.0))
    assert labels_of(sensor) == []
    sensor.read(now.plus(70.0))
    assert labels_of(sensor) == ["worker"]
