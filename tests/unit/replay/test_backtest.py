"""What rules would have done: counted on runs whose course is known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.config import AlertConfig
from tocsin.model import inputs as given_to
from tocsin.model.levels import AlertCategory, AlertSeverity
from tocsin.model.orders import Maintenance
from tocsin.model.readings import SeriesKey
from tocsin.model.rule import AlertRule
from tocsin.replay.backtest import Contender, run
from tocsin.replay.moments import Moment, Timeline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tocsin.replay.account import RuleAccount

START = datetime(2026, 1, 5, 8, tzinfo=UTC)
METRIC = "app.depth"


class Written:
    """A feed that was written down: a reading of one series a moment; None for a moment without."""

    def __init__(self, *values: float | None, every_s: float = 10.0) -> None:
        self._values = values
        self._every_s = every_s

    def moments(self, wanted: Callable[[SeriesKey], bool]) -> Iterator[Moment]:
        assert wanted(SeriesKey(METRIC))
        timeline, ids = Timeline(START.timestamp()), (0,)
        inputs: list[given_to.Input] = [given_to.NewSeries(0, SeriesKey(METRIC))]
        for number, value in enumerate(self._values):
            inputs += [] if value is None else [given_to.Sample(ids, [value])]
            yield Moment(timeline.at(START.timestamp() + number * self._every_s), inputs, self._every_s)
            inputs = []

    def share_done(self) -> float:
        return 0.5

    def remarks(self) -> list[str]:
        return []

    def close(self) -> None:
        pass


def a_rule(name: str = "deep", threshold: float = 50.0, **fields: Any) -> AlertRule:
    return AlertRule(name, AlertCategory.GENERAL, AlertSeverity.WARNING, threshold, metric=METRIC, **fields)


def contender(*rules: AlertRule, **settings: Any) -> Contender:
    return Contender("rules", AlertConfig(rules=rules, default_rules=False, **settings))


def account(values: Sequence[float | None], *rules: AlertRule, every_s: float = 10.0, **settings: Any) -> RuleAccount:
    tried = contender(*rules, **settings)
    run(Written(*values, every_s=every_s), [tried])
    return tried.account.rules[rules[0].name]


def test_each_firing_is_counted_with_its_time() -> None:
    found = account([0, 99, 99, 0] * 2 + [0] * 100 + [99], a_rule())
    assert (found.series, found.fired, found.open, found.short) == (1, 3, 1, 0)
    assert (found.firing_s, found.longest_s) == (40.0, 20.0)
    spans = [(firing.began_at, firing.ended_at) for firing in found.firings]
    assert spans[0] == (START + timedelta(seconds=10), START + timedelta(seconds=30))
    assert spans[2] == (START + timedelta(seconds=1080), None)


def test_what_fires_at_the_end_has_fired_until_then() -> None:
    found = account([0, 99, 99, 99], a_rule())
    assert (found.open, found.firing_s, found.longest_s) == (1, 20.0, 20.0)


def test_a_breach_that_was_over_before_its_time_is_short() -> None:
    found = account([0, 99, 0, 99, 99, 99, 0], a_rule(for_s=20.0))
    assert (found.fired, found.short) == (1, 1)


def test_a_pace_of_minutes_is_no_gap() -> None:
    found = account([0, 99, 99, 99, 0], a_rule(for_s=120.0), every_s=60.0)
    assert (found.fired, found.firing_s) == (1, 60.0)


def test_coming_back_within_ten_minutes_is_a_flap_and_later_is_none() -> None:
    quick = account([0, 99, 0, 99, 0], a_rule())
    slow = account([0, 99, 0, *[0] * 70, 99, 0], a_rule())
    assert (quick.flaps, slow.flaps) == (1, 0)


def test_coming_back_counts_also_while_the_alert_goes_on_for_its_flapping() -> None:
    found = account([0, *[99, 0] * 30], a_rule())
    assert found.fired < 30
    assert found.flaps == 29


def test_notices_are_counted_by_kind_and_by_channel() -> None:
    tried = contender(a_rule())
    run(Written(0, 99, 0), [tried])
    assert tried.account.rules["deep"].notices == {"firing": 1, "resolved": 1}
    assert tried.account.told == {"console": {"firing": 1, "resolved": 1}}


def test_what_maintenance_holds_back_is_counted_with_its_reason() -> None:
    window = Maintenance(name="move", starts_at=START, ends_at=START + timedelta(hours=1))
    found = account([0, 99, 0], a_rule(), maintenance=[window])
    assert (found.fired, found.held, found.notices) == (1, {"maintenance": 1}, {})
    assert found.firings[0].held.startswith("maintenance: move until")


def test_suppression_and_limits_are_counted_with_their_reasons() -> None:
    # The fourth within the window of suppression; flapping would keep the alert firing, so the readings are far apart.
    severe = [a_rule(f"deep-{number}", 50.0 + number) for number in range(3)]
    tried = contender(*severe, rate_limit=1)
    run(Written(0, 99, 0), [tried])
    held = [tried.account.rules[rule.name].held for rule in severe]
    assert sum(counted["limit"] for counted in held) == 2


def test_actions_are_counted_with_those_that_were_refused_and_never_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builtins.print", lambda *_: pytest.fail("an action was run"))
    acting = a_rule(actions=("call:builtins.print", "stacks:10s"))
    # Each attempt is followed by a minute of rest: two of the firings come 20 s after another.
    quick = [0, 99, 0, 99, 0]
    found = account([*quick, *[0] * 70, *quick], acting)

    assert {action: (acted.due, acted.refused) for action, acted in found.actions.items()} == {
        "call:builtins.print": (2, 2),
        "stacks:10s": (2, 2),
    }
    assert [len(firing.actions) for firing in found.firings] == [2, 0, 2, 0]
    assert found.firings[0].actions == ["call:builtins.print", "stacks:10s"]
    assert not account(quick, a_rule()).actions


def test_an_action_that_ran_too_often_is_refused_until_the_window_has_passed() -> None:
    found = account([0, *[99, *[0] * 70] * 4, *[0] * 300, 99], a_rule(actions=("heap_snapshot",)),
                    actions={"count": 2, "window": "1h"})  # fmt: skip

    acted = found.actions["heap_snapshot"]
    assert (found.fired, acted.due, acted.refused) == (5, 3, 2)


def test_two_sets_of_rules_see_the_same_moments() -> None:
    strict, lax = contender(a_rule(threshold=10)), contender(a_rule(threshold=80))
    run(Written(0, 50, 0, 99, 0), [strict, lax])
    assert [one.account.rules["deep"].fired for one in (strict, lax)] == [2, 1]
    assert strict.account.steps == lax.account.steps == 5


def test_progress_is_told_and_ends_at_the_whole() -> None:
    shares: list[float] = []
    run(Written(*[0.0] * 2001), [contender(a_rule())], told=shares.append)
    assert shares == [0.5, 0.5, 0.5, 1.0]


def test_of_very_many_firings_the_sums_go_on_and_the_list_ends() -> None:
    found = account([0, 99, *[0] * 61] * 1010, a_rule())
    assert (found.fired, len(found.firings), found.firing_s) == (1010, 1000, 10100.0)


@pytest.mark.parametrize("enabled", [True, False])
def test_a_rule_that_is_disabled_fires_never(*, enabled: bool) -> None:
    tried = contender(a_rule(enabled=enabled), a_rule("other", 1e9))
    run(Written(0, 99, 0), [tried])
    assert tried.account.rules["deep"].fired == int(enabled)


@given(st.lists(st.sampled_from([0.0, 99.0]), min_size=1, max_size=200))
def test_without_for_and_flapping_the_time_of_firing_is_the_time_of_breach(values: list[float]) -> None:
    """Each reading is told an hour after the one before, so nothing flaps."""
    found = account(values, a_rule(), every_s=3600.0)
    comings = sum(now > 50 and (number == 0 or values[number - 1] < 50) for number, now in enumerate(values))
    assert found.fired == comings
    assert found.firing_s == 3600.0 * sum(value > 50 for value in values[:-1])
    assert found.notices["firing"] >= comings
