"""Whatever happens, in whatever order: alerts live and are told as DESIGN says."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tocsin.alerts.settings import AlertSettings, Route
from tocsin.clock import Instant, VirtualClock
from tocsin.engine import Engine
from tocsin.model.inputs import (
    Acknowledge,
    AddRule,
    Change,
    Check,
    ClearHistory,
    Event,
    ExpireSilence,
    Input,
    NewSeries,
    Outcome,
    PutSilence,
    RemoveRule,
    Resolve,
    Sample,
    SeriesFailed,
    SwitchRule,
    TellAll,
)
from tocsin.model.levels import AlertCategory, AlertSeverity, AlertState, Held
from tocsin.model.matching import parse_matcher
from tocsin.model.notice import NoticeKind
from tocsin.model.orders import Inhibition, Silence
from tocsin.model.readings import SeriesKey
from tocsin.model.rule import AlertRule

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

METRICS = ("a", "b")
GENERAL = AlertCategory.GENERAL
RULES = (
    AlertRule("a-high", GENERAL, AlertSeverity.WARNING, 10.0, metric="a", clear_threshold=5.0),
    AlertRule("a-higher", GENERAL, AlertSeverity.CRITICAL, 20.0, metric="a", for_s=2.0),
    AlertRule("b-high", GENERAL, AlertSeverity.WARNING, 10.0, metric="b", for_s=3.0, keep_firing_for_s=4.0),
    AlertRule("b-gone", GENERAL, AlertSeverity.INFO, 10.0, metric="b", no_data="alert", on_error="alert", for_s=2.0),
)
SETTINGS = AlertSettings(
    routes=(
        Route(channel="all", notices_per_minute=6.0, repeat_s=90.0, escalate_to="duty", escalate_after_s=30.0),
        Route(channel="pager", severity=AlertSeverity.CRITICAL, keeps_state=True),
        Route(channel="chat", group_by=("rule",), group_wait_s=3.0, group_interval_s=10.0),
        Route(channel="duty", matchers=(parse_matcher("title=none"),)),
    ),
    suppress_window_s=20.0,
    event_ttl_s=30.0,
    no_data_ttl_s=40.0,
    max_open=3,
    storm_after=5,
    inhibitions=(Inhibition(source=(parse_matcher("title=x"),), target=(parse_matcher("title=~b-.*|y"),)),),
    inhibition_wait_s=2.0,
)
STATELESS = ("all", "chat", "duty")
VALUES = st.sampled_from([0.0, 4.0, 7.0, 10.0, 10.5, 15.0, 20.0, 25.0])
NAMES = st.sampled_from([one.name for one in RULES])


def restarted(engine: Engine, now: Instant, disabled: AbstractSet[str]) -> Engine:
    """The engine of another process that goes on where this one ends."""
    kept = [engine.keep(episode.id, now) for episode in engine.book.episodes()]
    telling = engine.keep_telling(now)
    rules = [msgspec.structs.replace(one, enabled=one.name not in disabled) for one in RULES]
    other = Engine(rules, SETTINGS, interval_s=1.0)
    other.restore([body for body in kept if body is not None], telling, now)
    return other


class AlertLife(RuleBasedStateMachine):
    """Drives an engine, and keeps the books that DESIGN's promises are checked against."""

    @initialize()
    def open(self) -> None:
        self.clock = VirtualClock()
        self.engine = Engine(RULES, SETTINGS, interval_s=1.0)
        self.played: list[tuple[list[Input], Instant]] = []
        self.outcomes: list[Outcome] = []
        self.states: dict[str, AlertState] = {}
        self.told: dict[tuple[str, str], list[NoticeKind]] = {}
        self.names = {one.name for one in RULES}
        self.disabled: set[str] = set()
        self.restarts: dict[int, frozenset[str]] = {}
        self.cut_off: set[tuple[str, str]] = set()
        self.reloads: dict[int, tuple[list[AlertRule], AlertSettings]] = {}
        self.step([NewSeries(number, SeriesKey(name)) for number, name in enumerate(METRICS)])

    def step(self, inputs: list[Input], seconds: float = 0.0) -> Outcome:
        self.clock.advance(seconds)
        now = self.clock.now()
        outcome = self.engine.step(inputs, now)
        self.played.append((inputs, now))
        self.outcomes.append(outcome)
        for change in outcome.changes:
            self.book(change)
        for notice in outcome.notices:
            for alert in notice.alerts:
                self.told.setdefault((alert.id, notice.channel), []).append(notice.kind)
        return outcome

    def book(self, change: Change) -> None:
        alert = change.alert
        if change.before is AlertState.RESOLVED:
            assert self.states.get(alert.id) is alert.state is AlertState.RESOLVED, "an alert came back from its end"
            assert change.why == "acknowledged"
            return
        if alert.state is AlertState.RESOLVED:
            assert self.states.get(alert.id) is AlertState.FIRING, "an alert was resolved that never fired"
        self.states[alert.id] = alert.state
        if alert.state is AlertState.FIRING:
            assert alert.rule not in self.disabled, "a disabled rule rang"

    @rule(a=VALUES, b=VALUES, seconds=st.sampled_from([0.0, 0.5, 1.0, 2.0]))
    def readings_come(self, a: float, b: float, seconds: float) -> None:
        self.step([Sample([0, 1], [a, b])], seconds)

    @rule(seconds=st.sampled_from([1.0, 3.0, 6.0, 50.0, 400.0]))
    def nothing_comes(self, seconds: float) -> None:
        self.step([], seconds)

    @rule(value=VALUES, times=st.integers(1, 30))
    def a_value_stays(self, value: float, times: int) -> None:
        for _ in range(times):
            self.step([Sample([0, 1], [value, value])], 1.0)

    @rule()
    def the_machine_sleeps(self) -> None:
        self.clock.suspend(3600.0)
        self.step([])

    @rule(name=NAMES)
    def a_sensor_fails(self, name: str) -> None:
        self.step([SeriesFailed([1], f"{name}: broken")], 1.0)

    @rule(value=VALUES)
    def somebody_checks(self, value: float) -> None:
        self.step([Sample([0], [value]), Check("a-high", [0])], 0.1)

    @rule(
        title=st.sampled_from(["x", "y", "z", "u", "v"]),
        severity=st.sampled_from(list(AlertSeverity)),
        count=st.integers(1, 5),
    )
    def the_program_emits(self, title: str, severity: AlertSeverity, count: int) -> None:
        before = len(self.engine.history) + self.engine.history.dropped
        outcome = self.step([Event(title=title, message="m", severity=severity, source="s", count=count)], 0.2)
        signals = sum(change.signals for change in outcome.changes if not change.alert.rule)
        assert signals <= min(count, SETTINGS.suppress_after)
        assert len(self.engine.history) + self.engine.history.dropped > before

    @rule(data=st.data())
    def somebody_acknowledges(self, data: st.DataObject) -> None:
        alert_id = data.draw(st.sampled_from(sorted(self.states) or ["unknown"]))
        self.step([Acknowledge(alert_id, "ann", "on it")], 0.1)

    @rule(away_s=st.sampled_from([0.0, 1.0, 100.0]))
    def the_program_is_restarted(self, away_s: float) -> None:
        self.clock.advance(away_s)
        now = self.clock.now()
        self.engine = restarted(self.engine, now, self.disabled)
        self.played.append(([], now))
        self.restarts[len(self.played)] = frozenset(self.disabled)
        outcome = self.step([NewSeries(number, SeriesKey(name)) for number, name in enumerate(METRICS)])
        if away_s == 0.0:
            assert not [notice for notice in outcome.notices if notice.channel == "pager"], (
                "the restart itself was told"
            )

    @rule(
        matcher=st.sampled_from(["rule=a-high", "severity=critical", "source=s", "title=~.*"]),
        seconds=st.sampled_from([1.0, 10.0, 100.0]),
    )
    def somebody_silences(self, matcher: str, seconds: float) -> None:
        now = self.clock.now().utc
        ends = now + timedelta(seconds=seconds)
        ordered = Silence(id=matcher, matchers=(parse_matcher(matcher),), starts_at=now, ends_at=ends)
        outcome = self.step([PutSilence(ordered)], 0.1)
        assert outcome.answers[-1].found

    @rule(matcher=st.sampled_from(["rule=a-high", "severity=critical"]))
    def somebody_ends_a_silence(self, matcher: str) -> None:
        self.step([ExpireSilence(matcher)], 0.1)

    @invariant()
    def what_is_silenced_is_not_told(self) -> None:
        for episode in self.engine.book.episodes():
            if episode.held is Held.SILENCE and not episode.told:
                assert (episode.id, "pager") not in self.told

    @rule(data=st.data())
    def the_program_resolves(self, data: st.DataObject) -> None:
        prints = [episode.fingerprint for episode in self.engine.book.episodes()]
        self.step([Resolve(data.draw(st.sampled_from([*prints, "unknown"])))], 0.1)

    @rule(name=NAMES, enabled=st.booleans())
    def a_rule_is_switched(self, name: str, enabled: bool) -> None:
        self.step([SwitchRule(name, enabled)], 0.1)
        if name in self.names:
            (self.disabled.discard if enabled else self.disabled.add)(name)

    @rule(index=st.integers(0, len(RULES) - 1))
    def a_rule_is_exchanged(self, index: int) -> None:
        name = RULES[index].name
        self.step([RemoveRule(name)], 0.1)
        self.step([AddRule(RULES[index])], 0.1)
        self.disabled.discard(name)

    @rule(seconds=st.sampled_from([0.0, 0.4, 3.0]))
    def the_same_configuration_is_taken_again(self, seconds: float) -> None:
        # It is not played again at the end: a run without it gives the same outcomes, bit for bit.
        self.clock.advance(seconds)
        in_force = [compiled.as_it_stands() for compiled in self.engine.rules]
        self.engine.reload(reversed(in_force), SETTINGS, self.clock.now(), interval_s=1.0)

    @rule(
        which=st.sets(NAMES),
        change=st.sampled_from(
            [{"threshold": 12.0}, {"for_s": 1.0}, {"recommendations": ("look",)}, {"enabled": False}]
        ),
        with_pager=st.booleans(),
        minutely=st.sampled_from([1.0, 6.0]),
    )
    def another_configuration_is_taken(
        self, which: set[str], change: dict[str, Any], with_pager: bool, minutely: float
    ) -> None:
        # Then the first one again: what was made in between has to end, and whoever heard of it hears of its end.
        rules = [msgspec.structs.replace(one, **change) if one.name in which else one for one in RULES[1:]]
        routes = [msgspec.structs.replace(SETTINGS.routes[0], notices_per_minute=minutely), *SETTINGS.routes[2:]]
        routes += [SETTINGS.routes[1]] if with_pager else []
        self.reload(rules, msgspec.structs.replace(SETTINGS, routes=tuple(routes), inhibitions=()))
        assert not [one for one in self.engine.book.episodes() if one.origin.rule == RULES[0].name], "its rule is gone"
        if not with_pager:  # what ends while it is gone, it does not hear
            self.cut_off |= {key for key in self.told if key[1] == "pager"}
        self.step([Sample([0, 1], [15.0, 15.0])], 0.5)
        self.reload(list(RULES), SETTINGS)

    def reload(self, rules: list[AlertRule], alerts: AlertSettings) -> None:
        now = self.clock.now()
        open_before = {one.id: one for one in self.engine.book.episodes()}
        same = {one.name for one in rules if one in [compiled.as_it_stands() for compiled in self.engine.rules]}
        self.engine.reload(rules, alerts, now, interval_s=1.0)
        still = {one.id for one in self.engine.book.episodes()}
        for alert_id, episode in open_before.items():
            if episode.is_event or episode.origin.rule in same:
                assert alert_id in still, "an alert was lost though its rule is the same"
        self.disabled = {one.name for one in rules if not one.enabled}
        self.played.append(([], now))
        self.reloads[len(self.played)] = (rules, alerts)

    @rule()
    def the_history_is_cleared(self) -> None:
        outcome = self.step([ClearHistory()], 0.1)
        changed = {change.alert.id for change in outcome.changes}
        assert {alert.id for alert in self.engine.book.recent()} <= changed, "only what changed since is shown"

    @invariant()
    def firing_and_resolved_are_told_in_pairs(self) -> None:
        for (alert_id, channel), kinds in self.told.items():
            assert kinds.count(NoticeKind.RESOLVED) <= 1, f"{alert_id} was told resolved twice on {channel}"
            assert kinds[0] is NoticeKind.FIRING, f"{alert_id} was told resolved before it was told firing"
            assert NoticeKind.RESOLVED not in kinds[:-1], "something was told of an alert after its end"

    @invariant()
    def the_engine_and_the_told_changes_agree_on_what_is_open(self) -> None:
        firing = {key for key, state in self.states.items() if state is AlertState.FIRING}
        held = {episode.id for episode in self.engine.book.episodes() if episode.state is AlertState.FIRING}
        assert firing == held

    @invariant()
    def nothing_grows_without_bound(self) -> None:
        events = [episode for episode in self.engine.book.episodes() if episode.is_event]
        assert len(events) <= 2 * SETTINGS.max_open + 1
        assert len(self.engine.history) <= SETTINGS.history_size

    def teardown(self) -> None:
        if not hasattr(self, "engine"):
            return
        self.everything_calms_down()
        self.everybody_who_heard_the_bell_heard_its_end()
        self.a_second_run_of_the_same_inputs_gives_the_same_outcomes()

    def everything_calms_down(self) -> None:
        for name in sorted(self.disabled):
            self.step([SwitchRule(name, enabled=True)])
        self.disabled.clear()
        for _ in range(400):  # what flaps settles in five minutes
            self.step([Sample([0, 1], [0.0, 0.0]), TellAll()], 1.0)
        assert self.engine.book.episodes() == []

    def everybody_who_heard_the_bell_heard_its_end(self) -> None:
        events = {
            alert.id for outcome in self.outcomes for change in outcome.changes if not (alert := change.alert).rule
        }
        for (alert_id, channel), kinds in self.told.items():
            due = 0 if alert_id in events and channel in STATELESS else 1
            if (alert_id, channel) not in self.cut_off:
                assert kinds.count(NoticeKind.RESOLVED) == due, f"{alert_id} on {channel}: {kinds}"

    def a_second_run_of_the_same_inputs_gives_the_same_outcomes(self) -> None:
        again = Engine(RULES, SETTINGS, interval_s=1.0)
        encode = msgspec.json.encode
        outcomes = iter(self.outcomes)
        for number, (inputs, now) in enumerate(self.played, 1):
            if number in self.restarts:
                again = restarted(again, now, self.restarts[number])
                continue
            if number in self.reloads:
                again.reload(*self.reloads[number], now, interval_s=1.0)
                continue
            outcome = next(outcomes)
            wire = [msgspec.json.decode(encode(item), type=Input) for item in inputs]
            assert encode(again.step(wire, now)) == encode(outcome)


AlertLife.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None, phases=[Phase.generate])
test_alerts_live_as_promised = AlertLife.TestCase
