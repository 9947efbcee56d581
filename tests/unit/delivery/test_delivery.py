"""One delivery policy for all channels: retries, exact counts, and no channel that harms another."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import threading
import warnings
from datetime import timedelta
from typing import Any

import pytest
from tests.unit.delivery.rig import (
    AT,
    CRITICAL,
    ENOUGH_S,
    INFO,
    WARNING,
    Channel,
    Desk,
    HungChannel,
    a_notice,
)

from tocsin import DeliveryError, Notice, PerformanceAlert, SystemClock, VirtualClock
from tocsin.channels.function import FunctionChannel
from tocsin.delivery import Delivery
from tocsin.delivery.outlet import GIVE_UP_AFTER_S
from tocsin.model.notice import DigestLine, NoticeKind

# -- in order


def test_the_most_urgent_goes_first() -> None:
    channel = HungChannel("c")
    desk = Desk(channel)
    desk.delivery.hand_over([a_notice("at work")])
    assert channel.begun.wait(ENOUGH_S)
    desk.delivery.hand_over(
        [a_notice("i", INFO), a_notice("w", WARNING), a_notice("c", CRITICAL), a_notice("w2", WARNING)]
    )
    assert desk.delivery.waiting() == 5
    channel.release.set()
    assert desk.delivery.flush(ENOUGH_S)
    assert channel.titles == ["at work", "c", "w", "w2", "i"]


def test_a_notice_for_a_channel_that_is_not_there_is_nobodys() -> None:
    desk = Desk(Channel())
    desk.tell(a_notice(channel="unknown"))
    assert desk.delivery.counts() == {"c": {"delivered": 0, "failed": 0, "dropped": 0, "waiting": 0}}


# -- again


def test_a_failed_delivery_is_tried_again_with_longer_and_longer_pauses() -> None:
    channel = Channel("c", *[OSError("down")] * 3)
    desk = Desk(channel)
    desk.tell(a_notice())

    assert channel.titles == ["Odd"] * 4
    assert desk.delivery.counts()["c"] == {"delivered": 1, "failed": 3, "dropped": 0, "waiting": 0}
    for pause_s, middle_s in zip(desk.clock.pauses_s, [0.5, 1.0, 2.0], strict=True):
        assert middle_s * 0.5 <= pause_s <= middle_s * 1.5
    assert desk.given_up == []


def test_pauses_are_spread_by_chance_and_the_same_chance_gives_the_same_pauses() -> None:
    first, second = (Desk(Channel("c", *[OSError("down")] * 3)) for _ in range(2))
    first.tell(a_notice())
    second.tell(a_notice())
    assert first.clock.pauses_s == pytest.approx(second.clock.pauses_s, abs=0.1)
    assert first.clock.pauses_s[0] != pytest.approx(0.5, abs=0.001)


def test_after_a_day_of_trying_a_notice_is_given_up_and_reported() -> None:
    errors = [OSError(str(number)) for number in range(10)]
    channel = Channel("c", *errors)
    desk = Desk(channel)
    desk.tell(a_notice(at=SystemClock().now().utc - timedelta(seconds=GIVE_UP_AFTER_S + 60)))

    assert len(channel.titles) == 2  # it is tried once more, whatever its age
    assert desk.given_up == [("c", "id-Odd", errors[1])]
    assert desk.delivery.counts()["c"] == {"delivered": 0, "failed": 2, "dropped": 1, "waiting": 0}


def test_a_receiver_that_is_down_for_long_is_asked_once_a_minute_or_so() -> None:
    channel = Channel("c", *[OSError("down")] * 30)
    desk = Desk(channel)
    desk.tell(a_notice())
    assert desk.delivery.counts()["c"]["delivered"] == 1
    assert all(30.0 <= pause_s <= 90.0 for pause_s in desk.clock.pauses_s[10:])


def test_a_permanent_error_is_not_tried_again() -> None:
    error = DeliveryError("no such address", permanent=True)
    desk = Desk(Channel("c", error))
    desk.tell(a_notice("first"), a_notice("second"))

    assert desk.clock.pauses_s == []
    assert desk.given_up == [("c", "id-first", error)]
    assert desk.delivery.counts()["c"] == {"delivered": 1, "failed": 1, "dropped": 1, "waiting": 0}


@pytest.mark.parametrize(
    ("asked_s", "granted_s"), [(7.5, 7.5), (0.0, 0.0), (-3.0, 0.0), (1e9, 3600.0), (float("inf"), 3600.0), (3, 3.0)]
)
def test_the_pause_a_receiver_asks_for_is_obeyed_within_bounds(asked_s: float, granted_s: float) -> None:
    desk = Desk(Channel("c", DeliveryError("too many", retry_after_s=asked_s)))
    desk.tell(a_notice())
    assert desk.clock.pauses_s == ([pytest.approx(granted_s, abs=0.5)] if granted_s else [])
    assert desk.delivery.counts()["c"]["delivered"] == 1


@pytest.mark.parametrize("asked_s", [float("nan"), "soon", None])
def test_a_pause_that_is_no_number_of_seconds_is_our_own(asked_s: Any) -> None:
    desk = Desk(Channel("c", DeliveryError("too many", retry_after_s=asked_s)))
    desk.tell(a_notice())
    [pause_s] = desk.clock.pauses_s
    assert 0.25 <= pause_s <= 0.75
    assert desk.delivery.counts()["c"]["delivered"] == 1


@pytest.mark.parametrize("error", [SystemExit(3), asyncio.CancelledError(), GeneratorExit()])
def test_a_channel_that_raises_what_is_no_exception_harms_only_this_attempt(error: BaseException) -> None:
    channel = Channel("c", error)
    desk = Desk(channel)
    desk.tell(a_notice("one"), a_notice("two"))
    assert channel.titles == ["one", "one", "two"]
    assert desk.delivery.counts()["c"] == {"delivered": 2, "failed": 1, "dropped": 0, "waiting": 0}


def test_retries_follow_the_clock_that_is_given() -> None:
    clock = VirtualClock()
    channel = Channel("c", *[OSError("down")] * 2)
    delivery = Delivery(clock, random.Random(1))
    delivery.add(channel)
    delivery.hand_over([a_notice(at=AT)])
    while not clock._sleepers:  # the channel's thread comes to its pause in a moment
        threading.Event().wait(0.001)
    assert channel.titles == ["Odd"]
    clock.advance(10)
    assert delivery.flush(ENOUGH_S)
    assert channel.titles == ["Odd"] * 3


# -- each for itself


def test_a_channel_that_hangs_delays_the_others_by_nothing() -> None:
    hung, good = HungChannel(), Channel("good")
    desk = Desk(hung, good)
    desk.delivery.hand_over([a_notice("x", CRITICAL, channel="hung")])
    assert hung.begun.wait(ENOUGH_S)
    desk.delivery.hand_over([a_notice(str(n), channel=name) for n in range(50) for name in ("hung", "good")])
    assert desk.delivery._outlets["good"].worker.flush(ENOUGH_S)

    counts = desk.delivery.counts()
    assert counts["good"] == {"delivered": 50, "failed": 0, "dropped": 0, "waiting": 0}
    assert counts["hung"] == {"delivered": 0, "failed": 0, "dropped": 0, "waiting": 51}
    hung.release.set()
    assert desk.delivery.flush(ENOUGH_S)


def test_flushing_several_hung_channels_takes_no_longer_than_one() -> None:
    channels = [HungChannel(str(number)) for number in range(20)]
    desk = Desk(*channels)
    desk.delivery.hand_over([a_notice(channel=channel.name) for channel in channels])
    began_s = SystemClock().now().mono_s
    assert not desk.delivery.flush(0.2)
    assert SystemClock().now().mono_s - began_s < 2.0  # twenty times 0.2 s would be 4
    for channel in channels:
        channel.release.set()
    assert desk.delivery.flush(ENOUGH_S)


def test_what_finds_a_full_queue_is_dropped_and_counted() -> None:
    hung = HungChannel()
    desk = Desk(hung)
    desk.delivery.hand_over([a_notice("first", channel="hung")])
    assert hung.begun.wait(ENOUGH_S)
    desk.delivery.hand_over([a_notice(str(number), channel="hung") for number in range(1007)])
    assert desk.delivery.counts()["hung"] == {"delivered": 0, "failed": 0, "dropped": 7, "waiting": 1001}
    hung.release.set()
    assert desk.delivery.flush(ENOUGH_S)
    assert desk.delivery.counts()["hung"]["delivered"] == 1001


def test_a_critical_notice_takes_the_place_of_a_lesser_one_in_a_full_queue() -> None:
    hung = HungChannel()
    desk = Desk(hung)
    desk.delivery.hand_over([a_notice("first", channel="hung")])
    assert hung.begun.wait(ENOUGH_S)
    desk.delivery.hand_over([a_notice(str(number), channel="hung") for number in range(1000)])
    desk.delivery.hand_over([a_notice("urgent", CRITICAL, channel="hung")])
    assert desk.delivery.counts()["hung"]["dropped"] == 1
    hung.release.set()
    assert desk.delivery.flush(ENOUGH_S)
    assert desk.delivery.counts()["hung"]["delivered"] == 1001
    assert hung.titles[:2] == ["first", "urgent"]


# -- kinds of channels


def test_coroutines_of_two_channels_run_on_loops_and_threads_of_their_own() -> None:
    loops: dict[str, Any] = {}

    class Looped(Channel):
        async def send_alert(self, alert: PerformanceAlert) -> None:
            await asyncio.sleep(0)
            loops.setdefault(self.name, []).append((asyncio.get_running_loop(), threading.current_thread()))

    desk = Desk(Looped("a"), Looped("b"))
    desk.tell(*[a_notice(str(number), channel=name) for number, name in enumerate("aabb")])
    assert len(set(loops["a"])) == len(set(loops["b"])) == 1  # one for all its deliveries, so that connections live
    assert loops["a"][0][0] is not loops["b"][0][0]
    assert loops["a"][0][1] is not loops["b"][0][1]


def test_a_coroutine_that_takes_too_long_is_cancelled_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tocsin.delivery.sender.DEADLINE_S", 0.01)
    cancelled: list[str] = []

    class Slow(Channel):
        async def send_alert(self, alert: PerformanceAlert) -> None:
            if not cancelled:
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    cancelled.append(alert.title)
                    raise
            await super().send_alert(alert)

    channel = Slow()
    desk = Desk(channel)
    desk.tell(a_notice())
    assert cancelled == channel.titles == ["Odd"]
    assert desk.delivery.counts()["c"] == {"delivered": 1, "failed": 1, "dropped": 0, "waiting": 0}


def test_a_plain_function_is_a_channel() -> None:
    heard: list[PerformanceAlert] = []
    desk = Desk(FunctionChannel(heard.append, "c"))
    desk.tell(a_notice())
    assert [alert.title for alert in heard] == ["Odd"]


def test_a_channel_for_whole_notices_gets_the_notice() -> None:
    class Whole:
        name = "c"

        def __init__(self) -> None:
            self.notices: list[Notice] = []

        async def send_notice(self, notice: Notice) -> None:
            self.notices.append(notice)

    channel, notice = Whole(), a_notice()
    Desk(channel).tell(notice)
    assert channel.notices == [notice]


def test_a_deliver_that_is_a_coroutine_is_awaited() -> None:
    class Delivers(Channel):
        async def deliver(self, notice: Notice) -> None:
            await asyncio.sleep(0)
            self.titles.append(notice.id)

    channel = Delivers()
    Desk(channel).tell(a_notice())
    assert channel.titles == ["id-Odd"]


def test_a_digest_reaches_a_channel_that_knows_only_alerts() -> None:
    heard: list[PerformanceAlert] = []
    lines = (
        DigestLine("1", "Queue full", "orders", CRITICAL, 40, "suppression"),
        DigestLine("2", "Slow", "db", WARNING, 2, "limit"),
    )
    digest = Notice(
        id="c-1", channel="c", kind=NoticeKind.DIGEST, severity=CRITICAL, digest=lines,
        created_at=SystemClock().now().utc, reason="42 occurrences were held back",
    )  # fmt: skip
    Desk(FunctionChannel(heard.append, "c")).tell(digest)

    [alert] = heard
    assert alert.title == "Alerts held back"
    assert alert.message == "42 occurrences were held back: 40 x Queue full; 2 x Slow"
    assert (alert.severity, alert.id, alert.source) == (CRITICAL, "c-1", "tocsin")
    assert alert.started_at == digest.created_at


# -- what is left behind


def test_a_delivery_that_is_given_up_leaves_no_open_event_loop() -> None:
    loops: list[asyncio.AbstractEventLoop] = []

    async def notice_loop(_: PerformanceAlert) -> None:
        loops.append(asyncio.get_running_loop())

    desk = Desk(FunctionChannel(notice_loop, "c"))
    desk.delivery._outlets["c"].worker._idle_s = 0.0
    desk.tell(a_notice())
    thread = desk.delivery._outlets["c"].worker._thread
    if thread is not None:
        thread.join(ENOUGH_S)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        del desk, thread
        gc.collect()
    assert loops[0].is_closed()
    assert [str(warning.message) for warning in told] == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_does_not_break_the_loop_of_the_parents_channel() -> None:
    # The child shares the parent's epoll. Closing the inherited loop there takes the parent's wake-ups away, and the
    # second delivery below would wait for its deadline.
    async def through_a_thread(_: PerformanceAlert) -> None:
        await asyncio.to_thread(int)

    desk = Desk(FunctionChannel(through_a_thread, "c"))
    desk.tell(a_notice("before"))
    child = os.fork()
    if child == 0:
        desk.delivery.after_fork()
        gc.collect()
        desk.delivery.hand_over([a_notice("the child's")])
        os._exit(0 if desk.delivery.flush(ENOUGH_S) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    began_s = SystemClock().now().mono_s
    desk.tell(a_notice("after"))
    assert SystemClock().now().mono_s - began_s < 5.0
    assert desk.delivery.counts()["c"] == {"delivered": 2, "failed": 0, "dropped": 0, "waiting": 0}


def test_the_loops_of_no_channel_are_made_before_they_are_needed() -> None:
    seen: list[PerformanceAlert] = []
    desk = Desk(FunctionChannel(seen.append, "c"))
    assert desk.delivery._outlets["c"]._sender._loop is None


# -- what a channel may have beside


def test_a_channel_is_told_of_a_fork_and_of_the_end_and_what_it_raises_then_is_its_own_loss() -> None:
    class Threaded(Channel):
        def __init__(self, name: str) -> None:
            super().__init__(name)
            self.asked: list[str] = []

        def after_fork(self) -> None:
            self.asked.append("after_fork")
            raise OSError("odd")

        def close(self) -> None:
            self.asked.append("close")
            raise OSError("odd")

    first, second, plain = Threaded("a"), Threaded("b"), Channel("c")
    desk = Desk(first, second, plain)
    desk.delivery.after_fork()
    desk.delivery.close()
    assert first.asked == second.asked == ["after_fork", "close"]
    desk.tell(a_notice(channel="a"))
    assert first.titles == ["Odd"]
