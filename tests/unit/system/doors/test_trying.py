"""A test of the channels: what became of one alert on each of them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from tocsin import DeliveryError, Routed
from tocsin.testing import RecordingChannel, system_for_tests

if TYPE_CHECKING:
    from tocsin import AlertSystem

ENOUGH_S = 20.0


def outcomes(system: AlertSystem, channel: str = "", **settings: Any) -> dict[str, tuple[str, str]]:
    found = system.try_channels(channel, **settings)
    return {one["channel"]: (one["outcome"], one["why"]) for one in found}


def test_each_channel_is_tried_whatever_its_own_filters_say() -> None:
    loud, deaf = RecordingChannel("loud"), RecordingChannel("deaf")
    system, _ = system_for_tests(Routed(loud, severity="critical"), Routed(deaf, match="component=db"))
    assert outcomes(system) == {"loud": ("delivered", ""), "deaf": ("delivered", "")}
    assert loud.titles() == deaf.titles() == ["Test of the channels"]
    assert system.open_alerts() == ()


def test_one_channel_alone_may_be_tried() -> None:
    one, other = RecordingChannel("one"), RecordingChannel("other")
    system, _ = system_for_tests(one, other)
    assert outcomes(system, "one") == {"one": ("delivered", "")}
    assert other.notices == []


def test_a_label_that_names_no_channel_reaches_none() -> None:
    bell = RecordingChannel()
    system, _ = system_for_tests(bell)
    system.emit("Odd", labels={"tocsin.test": "somebody else"})
    system.flush(ENOUGH_S)
    assert bell.notices == []


def test_receivers_that_keep_state_are_told_that_it_is_over() -> None:
    class Keeper(RecordingChannel):
        keeps_state = True

    keeper = Keeper("keeper")
    system, _ = system_for_tests(keeper)
    outcomes(system)
    system.flush(ENOUGH_S)
    assert [alert.title for alert in keeper.resolved] == ["Test of the channels"]


def test_what_a_channel_says_is_handed_on() -> None:
    class Shaky(RecordingChannel):
        def deliver(self, notice: Any) -> None:
            raise DeliveryError("busy", retry_after_s=30.0)

    gone = RecordingChannel("gone", fail_with=DeliveryError("no such address", permanent=True))
    system, _ = system_for_tests(Shaky("shaky"), gone)
    assert outcomes(system) == {
        "shaky": ("failed", "DeliveryError: busy"),
        "gone": ("dead", "DeliveryError: no such address"),
    }


def test_a_channel_that_hangs_is_waited_for_no_longer_than_asked() -> None:
    held = threading.Event()

    class Hanging(RecordingChannel):
        def deliver(self, notice: Any) -> None:
            held.wait(ENOUGH_S)

    system, _ = system_for_tests(Hanging("hanging"))
    try:
        assert outcomes(system, timeout_s=0.05) == {"hanging": ("waiting", "nothing came of it within 0.05 s")}
    finally:
        held.set()


def test_what_holds_it_back_is_told() -> None:
    bell = RecordingChannel("bell")
    window = {"name": "night", "cron": "* * * * *", "duration": "1h"}
    system, _ = system_for_tests(bell, maintenance=[window])
    outcome, why = outcomes(system)["bell"]
    assert (outcome, why.startswith("maintenance: night until")) == ("held", True)
    assert bell.notices == []


def test_the_fourth_test_within_a_minute_is_suppressed() -> None:
    system, _ = system_for_tests(RecordingChannel("bell"))
    assert [outcomes(system)["bell"][0] for _ in range(4)] == ["delivered"] * 3 + ["held"]
    assert "more than 3 from 'tocsin test-notify'" in outcomes(system)["bell"][1]


def test_what_cannot_be_tried_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="no channel is called 'bel' \\(did you mean 'bell'\\?\\)"):
        system_for_tests(RecordingChannel("bell"))[0].try_channels("bel")
    silent, _ = system_for_tests()
    with pytest.raises(ValueError, match="there is no channel"):
        silent.__class__(silent.config.replace(channels=[])).try_channels()
    monkeypatch.setenv("TOCSIN_DISABLED", "1")
    with pytest.raises(ValueError, match="TOCSIN_DISABLED"):
        system_for_tests(RecordingChannel("bell"))[0].try_channels()
