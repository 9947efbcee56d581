"""Scenes, as `tocsin.testing.play` makes them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tocsin import AlertCategory, AlertConfig, AlertNotFound, AlertRule, AlertSeverity
from tocsin.model.levels import Held, Verdict
from tocsin.testing import play


def a_rule(name: str = "deep", **fields: Any) -> AlertRule:
    plain = {"threshold": 50.0, "metric": "app.depth", **fields}
    return AlertRule(name, AlertCategory.GENERAL, AlertSeverity.WARNING, **plain)


def test_a_scene_tells_what_is_open_what_was_told_and_what_rules_say() -> None:
    scene = play(a_rule(for_s=30.0), {"app.depth": "1x2 99x5 1"}, every="10s")

    begun = scene.at("50s")
    assert (begun.verdicts, begun.firing, begun.told) == ({"deep": Verdict.BAD}, [], [])
    assert [alert.state.value for alert in begun.alerts] == ["pending"]

    rings = scene.at("60s")
    assert (rings.firing, rings.told) == (["deep"], ["firing deep"])

    over = scene.end()
    assert (over.at_s, over.alerts, over.told) == (90.0, (), ["resolved deep"])


def test_what_was_told_is_told_once() -> None:
    scene = play(a_rule(), {"app.depth": "99x9"})
    assert scene.at(3).told == ["firing deep"]
    assert scene.at(4).told == []


def test_time_goes_on_between_readings_too() -> None:
    scene = play(a_rule(), {"app.depth": "1 99"}, every=60)
    scene.at("10s")
    for _ in range(4):
        scene.emit("odd", source="app")
    assert scene.at("1min").told == ["firing odd", "firing deep"]
    assert scene.at("69s").told == []
    assert scene.at("70s").told == ["digest"]


def test_a_scene_only_goes_on() -> None:
    scene = play(a_rule(), {"app.depth": "1x9"})
    scene.at(5)
    with pytest.raises(ValueError, match="it is at 5 s, and 4 s lies before that"):
        scene.at(4)


def test_no_reading_is_no_verdict_and_a_sensor_that_fails_is_an_error() -> None:
    scene = play(a_rule(), {"app.depth": "1 _x9 1 !x3"})
    assert scene.at("0s").verdicts == {"deep": Verdict.OK}
    assert scene.at("9s").verdicts == {"deep": Verdict.NO_DATA}
    assert scene.at("10s").verdicts == {"deep": Verdict.OK}
    assert scene.end().verdicts == {"deep": Verdict.ERROR}


def test_a_series_that_has_ended_falls_silent() -> None:
    scene = play(a_rule(no_data="alert"), {"app.depth": "1"})
    assert scene.at("10s").told == ["firing deep"]


def test_a_rule_on_several_series_speaks_of_each() -> None:
    scene = play(a_rule(), {'app.depth{queue="a"}': "1", 'app.depth{queue="b"}': [99.0]})
    stop = scene.at(0)
    assert stop.verdicts == {'deep{queue="a"}': Verdict.OK, 'deep{queue="b"}': Verdict.BAD}
    assert [alert.labels for alert in stop.alerts] == [{"queue": "b"}]


def test_numbers_are_base_units_and_none_is_no_reading() -> None:
    rule = AlertRule("busy", AlertCategory.CPU_USAGE, AlertSeverity.WARNING, 85)
    scene = play(rule, {"system.cpu.utilization": [0.5, None, 0.9]})
    assert scene.at(1).firing == []
    assert scene.at(2).firing == ["busy"]


def test_a_silence_holds_back_until_it_ends_or_is_ended() -> None:
    scene = play(a_rule(), {"app.depth": "1x4 99x40"})
    silence = scene.silence("rule=deep", for_="10s")
    [held] = scene.at("5s").alerts
    assert held.held is Held.SILENCE
    assert scene.at("10s").told == ["firing deep"]

    scene = play(a_rule(), {"app.depth": "99x40"})
    silence = scene.silence("rule=deep", for_="1h")
    assert scene.at("5s").told == []
    scene.expire(silence)
    assert scene.at("6s").told == ["firing deep"]


def test_maintenance_is_ordered_or_configured() -> None:
    scene = play(a_rule(), {"app.depth": "99x40"})
    scene.maintain(for_="20s")
    assert scene.at("19s").told == []
    assert scene.at("20s").told == ["firing deep"]

    window = {"name": "night", "cron": "0 22 * * *", "duration": "1h"}
    config = AlertConfig(rules=[a_rule()], default_rules=False, maintenance=[window])
    by_clock = play(config, {"app.depth": "99x9"}, every="10min", start=datetime(2026, 1, 1, 22, tzinfo=UTC))
    assert by_clock.at("59min").told == []
    assert by_clock.at("60min").told == ["firing deep"]


def test_an_acknowledgement_stops_repeats() -> None:
    scene = play(a_rule(), {"app.depth": "99x20"}, every="1h")
    scene.at(0)
    scene.acknowledge("deep", by="jo")
    stop = scene.at("20h")
    assert stop.told == []
    assert stop.alerts[0].acknowledgement is not None
    with pytest.raises(AlertNotFound):
        scene.acknowledge("other")


def test_a_pace_is_no_gap_however_slow() -> None:
    assert play(a_rule(for_s=7200.0), {"app.depth": "99x3"}, every="1h").at("2h").firing == ["deep"]


@pytest.mark.parametrize("wrong", [{"every": 0}, {"every": "soon"}, {"start": datetime(2026, 1, 1)}])  # noqa: DTZ001 - the mistake
def test_a_wrong_scene_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"expected a time|not a number|time zone"):
        play(a_rule(), {"app.depth": "1"}, **wrong)
