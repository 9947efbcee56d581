"""Who is told, when, and what is gathered: routes, groups, repeats, escalation, storms, flapping."""

from __future__ import annotations

import pytest
from tests.unit.score import CRITICAL, WARNING, Score, a_rule, an_event

from tocsin.alerts.flapping import BEGINS_AT, WINDOW_S, Flapping
from tocsin.alerts.settings import AlertSettings, Route
from tocsin.alerts.storm import Storm, Weather
from tocsin.model.inputs import Acknowledge, Sample
from tocsin.model.matching import parse_matcher
from tocsin.model.notice import NoticeKind
from tocsin.model.readings import SeriesKey
from tocsin.model.schedule import Recurrence

DISKS = tuple(SeriesKey("m", (("disk", name),)) for name in "abc")


def settings(*routes: Route, **fields: object) -> AlertSettings:
    return AlertSettings(routes=routes, **fields)  # type: ignore[arg-type]


def told_on(score: Score, channel: str) -> list[str]:
    return [
        f"{notice.kind.value} {' '.join(alert.labels.get('disk', alert.title) for alert in notice.alerts)}".strip()
        for outcome in score.outcomes
        for notice in outcome.notices
        if notice.channel == channel
    ]


# -- routes


def test_a_channel_hears_only_what_matches() -> None:
    score = Score(
        settings=settings(Route(channel="db", matchers=(parse_matcher("source=~db.*"),)), Route(channel="all"))
    )
    score.step(an_event("x", source="db-1"), an_event("y", source="web"))
    assert told_on(score, "db") == ["firing x"]
    assert told_on(score, "all") == ["firing x", "firing y"]


def test_outside_of_its_hours_a_channel_hears_only_what_is_critical_and_the_rest_when_they_begin() -> None:
    day = Recurrence(cron="0 8 * * *", duration_s=8 * 3600.0)
    score = Score(a_rule(), settings=settings(Route(channel="office", hours=day)))  # the clock begins at midnight
    score.step(an_event("x", CRITICAL))
    score.step(Sample([0], [60.0]), after_s=1.0)
    assert told_on(score, "office") == ["firing x"]
    for _ in range(8 * 60 + 1):
        score.step(Sample([0], [60.0]), after_s=60.0)
    assert told_on(score, "office")[1:] == ["firing high"]


def test_what_ends_before_the_hours_begin_is_not_told() -> None:
    day = Recurrence(cron="0 8 * * *", duration_s=8 * 3600.0)
    score = Score(a_rule(), settings=settings(Route(channel="office", hours=day)))
    score.step(Sample([0], [60.0]), after_s=1.0)
    for _ in range(9 * 60):
        score.step(Sample([0], [0.0]), after_s=60.0)
    assert told_on(score, "office") == []


# -- groups

GROUPED = Route(channel="chat", group_by=("rule",), group_wait_s=10.0, group_interval_s=60.0)


def test_alerts_that_come_together_share_a_notice() -> None:
    score = Score(a_rule(), keys=DISKS, settings=settings(GROUPED))
    score.step(Sample([0], [60.0]), after_s=1.0)
    score.step(Sample([1], [60.0]), after_s=3.0)
    assert told_on(score, "chat") == []
    score.step(after_s=10.0)
    assert told_on(score, "chat") == ["firing a b"]


def test_a_group_that_was_told_waits_for_its_interval() -> None:
    score = Score(a_rule(), keys=DISKS, settings=settings(GROUPED))
    score.step(Sample([0], [60.0]), after_s=1.0)
    score.step(after_s=10.0)
    score.step(Sample([0, 1], [60.0, 60.0]), after_s=1.0)
    score.step(Sample([0, 1], [60.0, 60.0]), after_s=20.0)
    assert told_on(score, "chat") == ["firing a"]
    for _ in range(8):
        score.step(Sample([0, 1], [60.0, 60.0]), after_s=5.0)
    assert told_on(score, "chat") == ["firing a", "firing b"]


def test_a_critical_alert_does_not_wait_for_its_group() -> None:
    score = Score(a_rule(severity=CRITICAL), keys=DISKS, settings=settings(GROUPED))
    score.step(Sample([0], [60.0]), after_s=1.0)
    assert told_on(score, "chat") == ["firing a"]


def test_the_ends_of_a_group_are_told_together_once_each() -> None:
    score = Score(a_rule(), keys=DISKS, settings=settings(GROUPED))
    score.step(Sample([0, 1], [60.0, 60.0]), after_s=1.0)
    score.step(after_s=10.0)
    score.step(Sample([0, 1], [0.0, 0.0]), after_s=1.0)
    for _ in range(20):
        score.step(Sample([0, 1], [0.0, 0.0]), after_s=5.0)
    assert told_on(score, "chat") == ["firing a b", "resolved a b"]


def test_what_comes_and_goes_while_its_group_waits_is_counted_in_the_digest() -> None:
    score = Score(a_rule(), keys=DISKS, settings=settings(GROUPED))
    score.step(Sample([0], [60.0]), after_s=1.0)
    score.step(Sample([0], [0.0]), after_s=1.0)
    for _ in range(20):
        score.step(Sample([0], [0.0]), after_s=5.0)
    [digest] = [notice for outcome in score.outcomes for notice in outcome.notices]
    assert digest.kind is NoticeKind.DIGEST
    assert [(line.title, line.count, line.reason) for line in digest.digest] == [("high", 1, "came and went")]


# -- repeats and escalation


def test_an_alert_that_goes_on_is_repeated_until_somebody_takes_care() -> None:
    score = Score(a_rule(), settings=settings(Route(channel="all", repeat_s=100.0)))
    score.read(*[60.0] * 250)
    assert told_on(score, "all") == ["firing high"] * 3
    [alert] = score.engine.book.open_alerts()
    score.step(Acknowledge(alert.id, "ann"))
    score.read(*[60.0] * 500)
    assert told_on(score, "all") == ["firing high"] * 3
    score.read(0.0)
    assert told_on(score, "all")[3:] == ["resolved high"]


def test_without_a_repeat_time_it_is_told_once() -> None:
    score = Score(a_rule(), settings=settings(Route(channel="all", repeat_s=0.0)))
    for _ in range(100):
        score.step(Sample([0], [60.0]), after_s=1.0)
        score.clock.advance(3.0)
    assert told_on(score, "all") == ["firing high"]


ESCALATING = (
    Route(channel="mail", escalate_to="pager", escalate_after_s=60.0),
    Route(channel="pager", severity=CRITICAL),
)


def test_what_nobody_acknowledges_goes_to_the_next_channel_once_and_its_end_too() -> None:
    score = Score(a_rule(), settings=settings(*ESCALATING))
    score.read(*[60.0] * 200)
    assert told_on(score, "pager") == ["firing high"]
    score.read(0.0)
    assert told_on(score, "pager") == ["firing high", "resolved high"]
    assert told_on(score, "mail") == ["firing high", "resolved high"]


def test_what_is_acknowledged_does_not_go_to_the_next_channel() -> None:
    score = Score(a_rule(), settings=settings(*ESCALATING))
    score.read(60.0)
    [alert] = score.engine.book.open_alerts()
    score.step(Acknowledge(alert.id, "ann"))
    score.read(*[60.0] * 200)
    assert told_on(score, "pager") == []


# -- storms


def test_in_a_storm_there_is_one_summary_and_what_is_critical_is_still_told() -> None:
    score = Score(settings=settings(Route(channel="all", notices_per_minute=1000.0), storm_after=10))
    score.step(*(an_event(f"w{number}", source=f"s{number}") for number in range(100)))
    score.step(an_event("c", CRITICAL, source="c"))
    told = told_on(score, "all")
    assert told[:10] == [f"firing w{number}" for number in range(10)]
    assert told[10:] == ["digest", "firing c"]


def test_what_a_storm_held_back_is_counted_exactly() -> None:
    score = Score(settings=settings(Route(channel="all", notices_per_minute=1000.0), storm_after=10))
    for start in range(0, 500, 100):
        score.step(*(an_event(f"w{number}", source=f"s{number}") for number in range(start, start + 100)), after_s=1.0)
    score.step(after_s=120.0)
    digests = [notice for outcome in score.outcomes for notice in outcome.notices if notice.digest]
    assert sum(line.count for notice in digests for line in notice.digest) == 490


def test_a_storm_is_over_when_a_minute_was_calm() -> None:
    storm = Storm(3)
    assert [storm.admit(0.0) for _ in range(5)] == [Weather.CALM] * 3 + [Weather.BREAKS, Weather.RAGES]
    assert storm.admit(59.0) is Weather.RAGES
    assert storm.admit(130.0) is Weather.CALM
    assert not storm.active


# -- flapping, and what gets through it


def square_wave(score: Score, low: float, high: float, *, minutes: int, half_s: int) -> None:
    for second in range(minutes * 60):
        score.step(Sample([0], [high if second // half_s % 2 else low]), after_s=1.0)


def test_a_value_that_swings_a_percent_around_the_threshold_for_an_hour_is_told_once() -> None:
    score = Score(a_rule(threshold=100.0), settings=settings(Route(channel="all")))
    square_wave(score, 99.0, 101.0, minutes=60, half_s=30)
    assert told_on(score, "all") == ["firing high"]


@pytest.mark.parametrize("half_s", [5, 30, 45, 60])
def test_without_a_clear_threshold_of_its_own_flapping_is_told_a_few_times_and_then_once(half_s: int) -> None:
    score = Score(a_rule(threshold=100.0, clear_threshold=100.0), settings=settings(Route(channel="all")))
    square_wave(score, 99.0, 101.0, minutes=60, half_s=half_s)
    assert len(told_on(score, "all")) <= 6
    score.read(*[0.0] * 301)
    assert told_on(score, "all")[-1] == "resolved high"
    assert told_on(score, "all").count("firing high") == told_on(score, "all").count("resolved high")


def test_a_breach_twice_as_high_gets_through_at_once_and_only_once() -> None:
    score = Score(a_rule(threshold=100.0), settings=settings(Route(channel="all")))
    square_wave(score, 99.0, 101.0, minutes=10, half_s=30)
    score.read(200.0)
    assert told_on(score, "all") == ["firing high", "firing high"]
    score.read(*[250.0] * 100)
    assert told_on(score, "all") == ["firing high", "firing high"]


def test_what_grows_on_while_it_is_being_read_is_no_news() -> None:
    score = Score(a_rule(threshold=100.0), settings=settings(Route(channel="all")))
    score.read(101.0, 150.0, 200.0, 300.0, *[500.0] * 60)
    assert told_on(score, "all") == ["firing high"]


def test_what_rang_far_beyond_its_threshold_is_not_told_to_be_much_worse() -> None:
    score = Score(a_rule(threshold=100.0), settings=settings(Route(channel="all")))
    score.read(*[500.0] * 60)
    assert told_on(score, "all") == ["firing high"]


def test_half_of_a_lower_bound_is_much_worse_too() -> None:
    score = Score(a_rule(threshold=10.0, condition="less_than"), settings=settings(Route(channel="all")))
    score.read(9.0, *[6.0] * 20)
    assert told_on(score, "all") == ["firing high"]
    score.read(5.0)
    assert told_on(score, "all") == ["firing high", "firing high"]


def test_the_newest_changes_weigh_most() -> None:
    now_s = WINDOW_S
    old, new = Flapping([1.0]), Flapping([now_s - 1.0])
    assert new.share(now_s) > old.share(now_s) > 0.0


def test_flapping_begins_with_the_fourth_change_and_ends_with_a_quiet_window() -> None:
    flapping = Flapping()
    seen = []
    for number in range(5):
        flapping.note(number * 60.0)
        seen.append(flapping.active)
    assert seen == [False, False, False, True, True]
    assert flapping.share(240.0) >= BEGINS_AT
    flapping.note(240.0 + WINDOW_S + 1)
    assert not flapping.active


def test_the_worse_of_two_rules_speaks_for_both() -> None:
    score = Score(
        a_rule("a", severity=WARNING), a_rule("b", severity=CRITICAL), settings=settings(Route(channel="all"))
    )
    score.read(60.0)
    assert told_on(score, "all") == ["firing b"]
