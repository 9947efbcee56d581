"""While a receiver is down: what waits, what is said once for twice, and who stands in."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.delivery.rig import (
    AT,
    CRITICAL,
    ENOUGH_S,
    Channel,
    Desk,
    HungChannel,
    a_notice,
)

from tocsin import DeliveryError, Notice, PerformanceAlert, VirtualClock
from tocsin.delivery import Delivery
from tocsin.model.notice import NoticeKind

if TYPE_CHECKING:
    from collections.abc import Callable


class Written:
    """What was written down of each notice."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.made_ids: list[str] = []
        self.unsettled = 0  # so often the disk is found too slow
        self.while_it_waits: Callable[[], object] = bool

    def attempted(
        self, notice: Notice, outcome: str, *, attempts: int, took_s: float, error: str = "",
        next_s: float | None = None,
    ) -> None:  # fmt: skip
        assert (outcome == "failed") == (next_s is not None)
        assert took_s >= 0.0
        self.lines.append(f"{notice.id} {outcome} {attempts} {error}".strip())

    def made(self, notice: Notice) -> None:
        self.made_ids.append(notice.id)

    def settle(self, channel: str, timeout_s: float) -> bool:
        assert timeout_s > 0.0
        if self.unsettled:
            self.unsettled -= 1
            self.while_it_waits()
            return False
        self.lines.append(f"{channel} settled")
        return True


def an_outage(channel: Any, *, record: Written | None = None, fallback: Any = None) -> tuple[VirtualClock, Delivery]:
    clock = VirtualClock()
    delivery = Delivery(clock, random.Random(1), record=record)
    delivery.add(channel, fallback=fallback.name if fallback is not None else "")
    if fallback is not None:
        delivery.add(fallback)
    return clock, delivery


def until_it_pauses(clock: VirtualClock) -> None:
    while not clock._sleepers:
        threading.Event().wait(0.001)


@pytest.mark.parametrize("outage_s", [20, 1200])
def test_what_fires_and_ends_while_the_receiver_is_down_is_one_notice_that_says_so(outage_s: int) -> None:
    told: list[Notice] = []

    class Down:
        name = "c"
        down = True

        def deliver(self, notice: Notice) -> None:
            if self.down:
                raise DeliveryError("down")
            told.append(notice)

    channel, written = Down(), Written()
    clock, delivery = an_outage(channel, record=written)
    delivery.hand_over([a_notice(at=clock.now().utc)])
    until_it_pauses(clock)
    clock.advance(3)
    delivery.hand_over([a_notice(kind=NoticeKind.RESOLVED, at=clock.now().utc)])
    clock.advance(outage_s)
    channel.down = False
    clock.advance(120)
    assert delivery.flush(ENOUGH_S)
    [notice] = told
    assert notice.kind is NoticeKind.RESOLVED
    assert "fired at 2026-01-01T00:00:00Z" in notice.reason
    assert ("late by" in notice.reason) == (outage_s > 60)
    assert "id-Odd merged 0" in written.lines


def test_what_fires_and_ends_while_the_receiver_works_is_told_twice_in_order() -> None:
    hung = HungChannel("c")
    desk = Desk(hung)
    desk.delivery.hand_over([a_notice("first")])
    assert hung.begun.wait(ENOUGH_S)
    desk.delivery.hand_over([a_notice("second"), a_notice("second", kind=NoticeKind.RESOLVED)])
    hung.release.set()
    assert desk.delivery.flush(ENOUGH_S)
    assert hung.titles == ["first", "second", "second"]


def test_a_worse_word_on_an_alert_takes_the_place_of_one_that_still_waits() -> None:
    hung = HungChannel("c")
    desk = Desk(hung)
    desk.delivery.hand_over([a_notice("first")])
    assert hung.begun.wait(ENOUGH_S)
    worse = a_notice("second", CRITICAL)
    desk.delivery.hand_over([a_notice("second"), Notice(**{**as_fields(worse), "id": "id-worse"})])
    hung.release.set()
    assert desk.delivery.flush(ENOUGH_S)
    assert hung.titles == ["first", "second"]


def as_fields(notice: Notice) -> dict[str, Any]:
    return {name: getattr(notice, name) for name in notice.__struct_fields__}


def test_a_notice_that_its_receiver_cannot_digest_lets_the_others_pass() -> None:
    all_wait = threading.Event()

    class Choosy(Channel):
        async def send_alert(self, alert: PerformanceAlert) -> None:
            assert all_wait.wait(ENOUGH_S)
            self.titles.append(alert.title)
            if alert.title == "poison" and self.titles.count("poison") < 8:
                raise OSError("500")

    channel = Choosy()
    desk = Desk(channel)
    desk.delivery.hand_over([a_notice("poison", CRITICAL), a_notice("good"), a_notice("better")])
    all_wait.set()
    assert desk.delivery.flush(ENOUGH_S)
    assert channel.titles[:6] == ["poison"] * 4 + ["good", "better"]
    assert desk.delivery.counts()["c"]["delivered"] == 3


def test_what_a_channel_cannot_be_told_goes_to_the_one_that_stands_in() -> None:
    written, other = Written(), Channel("other")
    broken = Channel("c", DeliveryError("no such address", permanent=True))
    _, delivery = an_outage(broken, record=written, fallback=other)
    delivery.hand_over([a_notice(at=AT)])
    assert delivery.flush(ENOUGH_S)
    assert other.titles == ["Odd"]
    assert written.made_ids == ["id-Odd~other"]
    assert written.lines[0] == "id-Odd dead 1 DeliveryError: no such address"


def test_what_an_earlier_process_tried_is_tried_again_at_its_time() -> None:
    channel = Channel("c")
    clock, delivery = an_outage(channel)
    delivery.resume(a_notice(at=AT), attempts=3, wait_s=40.0)
    until_it_pauses(clock)
    clock.advance(39)
    assert channel.titles == []
    clock.advance(2)
    assert delivery.flush(ENOUGH_S)
    assert channel.titles == ["Odd"]


def test_the_next_notice_is_sent_when_it_is_on_disk_that_the_last_one_arrived() -> None:
    written = Written()
    _, delivery = an_outage(Channel("c"), record=written)
    delivery.hand_over([a_notice("one", at=AT), a_notice("two", at=AT)])
    assert delivery.flush(ENOUGH_S)
    assert written.lines == ["id-one delivered 1", "c settled", "id-two delivered 1"]


def test_what_is_critical_does_not_wait_for_a_slow_disk() -> None:
    written = Written()
    written.unsettled = 1_000_000
    _, delivery = an_outage(Channel("c"), record=written)
    delivery.hand_over([a_notice("one", CRITICAL, at=AT), a_notice("two", CRITICAL, at=AT)])
    assert delivery.flush(ENOUGH_S)
    assert written.lines == ["id-one delivered 1", "id-two delivered 1"]
    assert written.unsettled == 1_000_000 - 1


def test_something_critical_that_comes_while_the_disk_is_waited_for_goes_first() -> None:
    written = Written()
    written.unsettled = 1
    _, delivery = an_outage(Channel("c"), record=written)
    written.while_it_waits = lambda: delivery.hand_over([a_notice("urgent", CRITICAL, at=AT)])
    delivery.hand_over([a_notice("one", at=AT), a_notice("two", at=AT)])
    assert delivery.flush(ENOUGH_S)
    assert [line for line in written.lines if "delivered" in line] == [
        "id-one delivered 1", "id-urgent delivered 1", "id-two delivered 1",
    ]  # fmt: skip


def test_a_disk_that_never_settles_holds_up_a_notice_only_so_long() -> None:
    written = Written()
    written.unsettled = 1_000_000
    _, delivery = an_outage(Channel("c"), record=written)
    delivery.hand_over([a_notice("one", at=AT), a_notice("two", at=AT)])
    assert delivery.flush(ENOUGH_S)
    assert written.lines == ["id-one delivered 1", "id-two delivered 1"]


def test_how_long_an_attempt_lasts_is_to_be_seen() -> None:
    hung = HungChannel("c")
    desk = Desk(hung)
    desk.delivery.hand_over([a_notice()])
    assert hung.begun.wait(ENOUGH_S)
    assert desk.delivery._outlets["c"].outstanding_s() > 0.0
    hung.release.set()
    assert desk.delivery.flush(ENOUGH_S)
    assert desk.delivery._outlets["c"].outstanding_s() == 0.0
