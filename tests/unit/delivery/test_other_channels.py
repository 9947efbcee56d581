"""Other channels than before: what waits is told once, by whoever has its name now, and nothing under way is lost."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.delivery.rig import ENOUGH_S, Channel, Desk, HungChannel, a_notice

from tocsin import DeliveryError, VirtualClock
from tocsin.delivery import UNDER_WAY_S, Delivery

if TYPE_CHECKING:
    from tocsin import PerformanceAlert


class Resting(Channel):
    """Says how often it was asked to come to rest."""

    rested = 0

    def close(self) -> None:
        self.rested += 1


def test_a_channel_that_is_the_same_keeps_its_counts_and_its_queue() -> None:
    channel: Any = HungChannel("c")
    desk = Desk(channel)
    desk.delivery.hand_over([a_notice("at work"), a_notice("waits")])
    assert channel.begun.wait(ENOUGH_S)
    assert desk.delivery.settle([(channel, "")]) == []
    channel.release.set()
    assert desk.delivery.flush(ENOUGH_S)
    assert (channel.titles, desk.delivery.counts()["c"]["delivered"]) == (["at work", "waits"], 2)


def test_what_waits_is_told_by_the_channel_that_takes_the_place_and_what_is_under_way_by_the_old_one() -> None:
    old: Any = HungChannel("c")
    new = Channel("c")
    desk = Desk(old)
    desk.delivery.hand_over([a_notice("at work"), a_notice("waits"), a_notice("too")])
    assert old.begun.wait(ENOUGH_S)
    assert desk.delivery.settle([(new, "")]) == [old]
    old.release.set()
    assert desk.delivery.flush(ENOUGH_S)
    assert (old.titles, new.titles) == (["at work"], ["waits", "too"])
    assert desk.delivery.counts()["c"]["delivered"] == 3


def test_a_channel_that_is_made_anew_is_tried_at_once_though_the_old_one_failed() -> None:
    class Down(Channel):
        async def send_alert(self, alert: PerformanceAlert) -> None:
            raise DeliveryError("down", retry_after_s=3000.0)

    clock = VirtualClock()
    delivery = Delivery(clock, random.Random(7))
    delivery.add(Down("c"))
    delivery.hand_over([a_notice("waits", at=clock.now().utc)])
    assert not delivery.flush(0.2)
    assert delivery.status()["c"]["retry_in_s"] == pytest.approx(3000.0)
    assert "down" in delivery.status()["c"]["last_error"]
    new = Channel("c")
    delivery.settle([(new, "")])
    assert delivery.flush(ENOUGH_S)
    assert new.titles == ["waits"]
    assert (delivery.status()["c"]["last_error"], delivery.status()["c"]["state"]) == ("", "works")


def test_a_channel_that_is_gone_tells_what_was_made_for_it_and_is_counted_no_longer() -> None:
    old: Any = HungChannel("old")
    desk = Desk(old, Channel("stays"))
    desk.delivery.hand_over([a_notice("at work", channel="old"), a_notice("waits", channel="old")])
    assert old.begun.wait(ENOUGH_S)
    stays = desk.delivery.channel("stays")
    assert stays is not None
    assert desk.delivery.settle([(stays, "")]) == [old]
    assert list(desk.delivery.counts()) == ["stays"]
    assert desk.delivery.status()["old"]["leaving"]
    desk.delivery.hand_over([a_notice("from the step before", channel="old")])
    assert desk.delivery.waiting() == 3
    old.release.set()
    assert desk.delivery.flush(ENOUGH_S)
    assert old.titles == ["at work", "waits", "from the step before"]


def test_a_channel_that_comes_back_goes_on_with_what_waits() -> None:
    channel: Any = HungChannel("c")
    desk = Desk(channel)
    desk.delivery.hand_over([a_notice("at work"), a_notice("waits")])
    assert channel.begun.wait(ENOUGH_S)
    desk.delivery.settle([])
    desk.delivery.settle([(channel, "")])
    channel.release.set()
    assert desk.delivery.flush(ENOUGH_S)
    assert desk.delivery.counts()["c"]["delivered"] == 2


def test_a_channel_that_left_long_ago_with_nothing_to_tell_is_forgotten() -> None:
    clock = VirtualClock()
    delivery = Delivery(clock, random.Random(7))
    delivery.add(Channel("c"))
    delivery.settle([])
    clock.advance(UNDER_WAY_S - 1)
    delivery.settle([])
    delivery.hand_over([a_notice("late", at=clock.now().utc)])
    assert delivery.flush(ENOUGH_S)
    clock.advance(2.0)
    delivery.settle([])
    assert delivery._leaving == {}


def test_channels_that_get_nothing_new_come_to_rest_and_what_they_raise_is_their_own_loss() -> None:
    class Raising(Channel):
        def close(self) -> None:
            raise RuntimeError("no")

    resting: list[Any] = [Resting("a"), Raising("b"), Channel("c")]
    desk = Desk(*resting)
    desk.delivery.rest(desk.delivery.settle([]))
    assert resting[0].rested == 1


def test_a_fallback_may_change_too() -> None:
    first = Channel("c", DeliveryError("refused", permanent=True))
    stand_in = Channel("other")
    desk = Desk(first, stand_in)
    desk.delivery.settle([(first, "other"), (stand_in, "")])
    desk.tell(a_notice("a"))
    assert stand_in.titles == ["a"]
