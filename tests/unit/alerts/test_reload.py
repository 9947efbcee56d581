"""Another configuration: what is the same goes on as if nothing had happened, and what is not ends with its reason."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from tests.unit.score import CRITICAL, Score, a_rule, an_event

from tocsin.alerts.settings import AlertSettings, Route
from tocsin.clock import VirtualClock
from tocsin.model.inputs import Acknowledge, NewSeries, PutSilence, Sample
from tocsin.model.levels import AlertState
from tocsin.model.matching import parse_matcher
from tocsin.model.orders import Inhibition, Maintenance, Silence
from tocsin.model.readings import SeriesKey
from tocsin.model.schedule import Recurrence

if TYPE_CHECKING:
    from tocsin.model.rule import AlertRule


def take(score: Score, *rules: AlertRule, **changes: Any) -> None:
    """Let other rules and settings be in force, between two steps."""
    score.settings = msgspec.structs.replace(score.settings, **changes)
    score.engine.reload(rules, score.settings, score.clock.now(), interval_s=1.0)


def whys(score: Score) -> list[str]:
    """Why alerts ended."""
    changes = [change for outcome in score.outcomes for change in outcome.changes]
    return [change.why for change in changes if change.alert.state is AlertState.RESOLVED]


# -- rules


def test_a_firing_alert_of_an_equal_rule_goes_on_and_nobody_is_told() -> None:
    score = Score(a_rule())
    score.read(60.0)
    before = score.alert.id
    take(score, a_rule(), a_rule("other", 90.0))
    score.read(60.0, 60.0)
    assert (score.notices(), score.alert.id) == (["firing high"], before)


def test_a_pending_alert_of_an_equal_rule_keeps_the_time_that_it_has_lasted() -> None:
    score = Score(a_rule(for_s=10.0))
    score.read(*[60.0] * 9)
    take(score, a_rule(for_s=10.0))
    score.read(60.0)
    assert score.notices() == []
    score.read(60.0)
    assert score.notices() == ["firing high"]


def test_a_time_in_which_nobody_looked_is_none_in_which_it_was_bad_though_a_configuration_was_taken_in_it() -> None:
    score = Score(a_rule(for_s=6.0))
    score.read(60.0)
    score.clock.advance(4.0)
    take(score, a_rule(for_s=6.0))
    score.read(60.0, every_s=4.0)
    assert score.notices() == []


def test_the_alert_of_a_rule_that_is_gone_ends_with_that_reason_and_whoever_heard_it_hears_so() -> None:
    score = Score(a_rule(), a_rule("stays"))
    score.read(60.0)
    take(score, a_rule("stays"))
    score.step()
    assert sorted(score.notices()) == ["firing high", "firing stays", "resolved high"]
    assert whys(score) == ["its rule is gone"]
    score.read(60.0)
    assert len(score.engine.book.open_alerts()) == 1


def test_a_rule_that_judges_otherwise_ends_its_alert_and_begins_anew() -> None:
    score = Score(a_rule(threshold=50.0))
    score.read(60.0)
    take(score, a_rule(threshold=55.0))
    score.read(60.0)
    assert (score.notices(), whys(score)) == (["firing high", "resolved high", "firing high"], ["its rule was changed"])


@pytest.mark.parametrize(
    "change",
    [
        {"recommendations": ("Look here",)}, {"message": "oh"}, {"owner": "ann"}, {"runbook_url": "u"}, {"for_s": 30.0},
        {"keep_firing_for_s": 30.0}, {"no_data": "alert"}, {"on_error": "alert"},
    ],
)  # fmt: skip
def test_a_rule_that_only_waits_or_speaks_differently_keeps_its_alert(change: dict[str, Any]) -> None:
    score = Score(a_rule())
    score.read(60.0)
    before = score.alert.id
    take(score, a_rule(**change))
    score.read(60.0)
    alert = score.alert
    assert (score.notices(), alert.id, alert.trace[-1].what) == (["firing high"], before, "rule changed")
    score.read(0.0, *[0.0] * 31)
    assert score.notices() == ["firing high", "resolved high"]


@pytest.mark.parametrize(
    "change",
    [{"severity": CRITICAL}, {"clear_threshold": 10.0}, {"component": "db"}, {"window_s": 5.0, "aggregate": "avg"}],
)
def test_what_a_rule_finds_bad_or_how_bad_is_its_judgement(change: dict[str, Any]) -> None:
    score = Score(a_rule())
    score.read(60.0)
    take(score, a_rule(**change))
    score.step()
    assert score.notices() == ["firing high", "resolved high"]


def test_advice_that_was_changed_is_what_the_alert_gives_from_then_on() -> None:
    score = Score(a_rule(recommendations=("Old",)))
    score.read(60.0)
    take(score, a_rule(recommendations=("New",)))
    assert score.alert.recommendations == ("New",)


def test_a_rule_that_is_disabled_ends_its_alert_and_one_that_is_enabled_again_rings() -> None:
    score = Score(a_rule())
    score.read(60.0)
    take(score, a_rule(enabled=False))
    score.read(60.0)
    take(score, a_rule())
    score.read(60.0)
    assert (score.notices(), whys(score)) == (["firing high", "resolved high", "firing high"], ["rule disabled"])


def test_a_rule_that_cannot_be_compiled_changes_nothing() -> None:
    score = Score(a_rule(), a_rule("gone-if-taken"))
    score.read(60.0)
    broken = a_rule("broken")
    msgspec.structs.force_setattr(broken, "condition", "no condition")
    with pytest.raises(ValueError, match="no condition"):
        take(score, a_rule(threshold=99.0), broken)
    score.read(60.0)
    assert sorted(score.notices()) == ["firing gone-if-taken", "firing high"]
    assert {one.rule.name for one in score.engine.rules} == {"high", "gone-if-taken"}


def test_an_alert_that_waits_for_its_series_after_a_restart_ends_with_its_rule() -> None:
    score = Score(a_rule())
    score.read(60.0)
    score.keys = []
    score.restart()
    take(score)
    score.step()
    assert (score.notices(), whys(score)) == (["firing high", "resolved high"], ["its rule is gone"])


# -- what is remembered


def test_silences_and_acknowledgements_stay() -> None:
    settings = AlertSettings(routes=(Route(channel="all", repeat_s=10.0),))
    score = Score(a_rule(), a_rule("second"), settings=settings)
    now = score.clock.now().utc
    silence = Silence(
        id="s", matchers=(parse_matcher("rule=second"),), starts_at=now, ends_at=now + timedelta(hours=1)
    )  # fmt: skip
    score.step(PutSilence(silence))
    score.read(60.0)
    score.step(Acknowledge(score.alert.id if score.alert.rule == "high" else _id_of(score, "high"), "ann"))
    take(score, a_rule(), a_rule("second"), a_rule("third", 99.0), storm_after=7)
    score.read(*[60.0] * 30)
    assert score.notices() == ["firing high"]
    assert next(one for one in score.engine.book.open_alerts() if one.rule == "high").acknowledgement is not None


def _id_of(score: Score, rule: str) -> str:
    return next(one.id for one in score.engine.book.open_alerts() if one.rule == rule)


def test_the_budget_of_a_channel_stays_and_a_smaller_one_takes_from_it() -> None:
    settings = AlertSettings(routes=(Route(channel="all", notices_per_minute=6.0),), storm_after=0)
    score = Score(settings=settings)
    for number in range(4):
        score.step(an_event(f"e{number}", source=f"s{number}"))
    desk = score.engine.decisions.teller.desks["all"]
    assert desk.bucket.tokens(score.clock.now().mono_s) == 2.0
    take(score, a_rule())
    assert desk.bucket.tokens(score.clock.now().mono_s) == 2.0
    take(score, a_rule(), routes=(Route(channel="all", notices_per_minute=1.0),))
    assert score.engine.decisions.teller.desks["all"].bucket.tokens(score.clock.now().mono_s) == 1.0
    score.step(an_event("e5", source="s5"), an_event("e6", source="s6"))
    assert len([one for one in score.notices() if one.startswith("firing")]) == 5


def test_a_repeat_is_told_when_it_was_due_before() -> None:
    settings = AlertSettings(routes=(Route(channel="all", repeat_s=10.0),))
    score = Score(a_rule(), settings=settings)
    score.read(*[60.0] * 8)
    take(score, a_rule(), a_rule("other", 99.0))
    score.read(60.0, 60.0)
    assert score.notices() == ["firing high"]
    score.read(60.0)
    assert score.notices() == ["firing high", "firing high"]


def test_a_shorter_repeat_counts_from_when_it_was_told() -> None:
    score = Score(a_rule(), settings=AlertSettings(routes=(Route(channel="all", repeat_s=3600.0),)))
    score.read(*[60.0] * 8)
    take(score, a_rule(), routes=(Route(channel="all", repeat_s=10.0),))
    score.read(60.0, 60.0)
    assert score.notices() == ["firing high"]
    score.read(60.0)
    assert score.notices() == ["firing high", "firing high"]


def test_suppression_goes_on_counting_under_another_number() -> None:
    score = Score()
    for _ in range(3):
        score.step(an_event())
    take(score, suppress_after=5)
    for _ in range(4):
        score.step(an_event())
    assert score.signals() == 5


def test_a_history_that_is_shorter_now_drops_the_oldest_and_counts_them() -> None:
    score = Score()
    for number in range(5):
        score.step(an_event(f"e{number}"))
    take(score, history_size=2)
    score.step(an_event("last"))
    history = score.engine.history
    assert ([alert.title for alert in history.alerts], history.dropped) == (["e4", "last"], 4)


# -- reasons


def test_what_a_maintenance_window_held_is_told_when_the_window_is_no_longer_configured() -> None:
    window = Maintenance(name="w", recurrence=Recurrence(cron="* * * * *", duration_s=3600.0))
    settings = AlertSettings(routes=(Route(channel="all"),), maintenance=(window,))
    score = Score(a_rule(), settings=settings)
    score.read(60.0)
    assert score.notices() == []
    take(score, a_rule(), maintenance=())
    score.read(60.0)
    assert score.notices() == ["firing high"]


def test_a_window_that_was_ordered_outlives_the_configured_ones() -> None:
    score = Score(a_rule())
    window = Maintenance(name="ordered", recurrence=Recurrence(cron="* * * * *", duration_s=3600.0))
    score.engine.decisions.teller.reasons.maintenance.put(window)
    take(
        score,
        a_rule(),
        maintenance=(msgspec.structs.replace(window, name="configured", matchers=(parse_matcher("rule=x"),)),),
    )
    score.read(60.0)
    assert score.notices() == []


def test_an_inhibition_holds_back_from_the_moment_on_that_it_is_configured() -> None:
    score = Score(a_rule("cause", 10.0), a_rule("effect", 50.0))
    score.read(20.0)
    one = Inhibition(source=(parse_matcher("rule=cause"),), target=(parse_matcher("rule=effect"),))
    take(score, a_rule("cause", 10.0), a_rule("effect", 50.0), inhibitions=(one,))
    score.read(60.0, 60.0)
    assert score.notices() == ["firing cause"]


# -- channels


def test_a_new_channel_hears_of_what_fires_already_and_the_old_one_does_not_hear_it_again() -> None:
    score = Score(a_rule())
    score.read(60.0)
    take(
        score, a_rule(), routes=(Route(channel="all"), Route(channel="pager", severity=CRITICAL), Route(channel="new"))
    )
    score.read(60.0)
    told = [notice.channel for outcome in score.outcomes for notice in outcome.notices]
    assert told == ["all", "new"]
    score.read(0.0)
    assert [notice.channel for notice in score.outcomes[-1].notices] == ["all", "new"]


def test_a_channel_that_is_told_of_more_than_before_hears_of_what_it_missed() -> None:
    score = Score(a_rule(), settings=AlertSettings(routes=(Route(channel="all", severity=CRITICAL),)))
    score.read(60.0)
    take(score, a_rule(), routes=(Route(channel="all"),))
    score.read(60.0, 60.0)
    assert score.notices() == ["firing high"]


def test_a_new_channel_does_not_hear_of_what_is_acknowledged() -> None:
    score = Score(a_rule())
    score.read(60.0)
    score.step(Acknowledge(score.alert.id, "ann"))
    take(score, a_rule(), routes=(Route(channel="all"), Route(channel="new")))
    score.read(60.0)
    assert score.notices() == ["firing high"]


def test_a_channel_that_is_gone_and_comes_back_does_not_hear_the_same_again() -> None:
    score = Score(a_rule())
    score.read(60.0)
    take(score, a_rule(), routes=(Route(channel="other"),))
    score.step()
    take(score, a_rule(), routes=(Route(channel="other"), Route(channel="all")))
    score.read(60.0, 0.0)
    told = [(notice.channel, notice.kind.value) for outcome in score.outcomes for notice in outcome.notices]
    assert told.count(("all", "firing")) == told.count(("all", "resolved")) == 1


@pytest.mark.parametrize("group_by", [None, ("rule",), ("component",)])
def test_what_waits_for_its_group_is_told_once_whatever_the_groups_are_now(group_by: tuple[str, ...] | None) -> None:
    route = Route(channel="all", group_by=("rule",), group_wait_s=30.0)
    score = Score(a_rule(), settings=AlertSettings(routes=(route,)))
    score.read(60.0)
    take(score, a_rule(), routes=(msgspec.structs.replace(route, group_by=group_by, group_wait_s=5.0),))
    score.read(*[60.0] * 40)
    assert score.notices() == ["firing high"]
    score.read(0.0, *[0.0] * 90)
    assert score.notices() == ["firing high", "resolved high"]


def test_an_end_that_waits_for_its_group_is_told_when_there_are_no_groups_any_more() -> None:
    route = Route(channel="all", group_by=("rule",), group_wait_s=1.0, group_interval_s=600.0)
    score = Score(a_rule(), settings=AlertSettings(routes=(route,)))
    score.read(60.0, 60.0, 0.0)
    take(score, a_rule(), routes=(msgspec.structs.replace(route, group_by=None),))
    score.step()
    assert score.notices() == ["firing high", "resolved high"]


def test_before_the_first_step_another_configuration_is_taken_as_well() -> None:
    score = Score(a_rule())
    engine = type(score.engine)([a_rule()], score.settings)
    clock = VirtualClock()
    engine.reload([a_rule(threshold=99.0)], score.settings, clock.now(), interval_s=1.0)
    outcome = engine.step([NewSeries(0, SeriesKey("m")), Sample([0], [60.0])], clock.now())
    assert outcome.notices == ()
