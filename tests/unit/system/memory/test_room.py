"""The memory room in a system: when it looks, what becomes a reading, and what proves an alert."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tocsin import AlertCategory, AlertConfig, AlertRule, AlertSeverity, AlertSystem, VirtualClock
from tocsin.library import _TOCSIN
from tocsin.model.alert import PerformanceAlert
from tocsin.model.inputs import Want
from tocsin.model.memory import (
    HeapSnapshot,
    HeapTier,
    LeakAnalysis,
    LeakSite,
    LeakState,
    MemoryReport,
    MemoryUse,
    Retention,
)
from tocsin.model.readings import OVERFLOW_LABELS, SeriesKey
from tocsin.system.memory.holders import MAX_SITES, PATIENCE_S, HolderSearch
from tocsin.system.memory.room import FRESH_S, STAYS_LOOKS, MemoryRoom
from tocsin.system.memory.sensor import MAX_COMPONENTS, MemorySensor
from tocsin.system.memory.verdicts import OWN_BYTES, without_own
from tocsin.testing import RecordingChannel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

MB_PER_HOUR = 1e6 / 3600
SITE = LeakSite(
    file="app.py", line=3, function="f", component="app", live_bytes=1e6, samples=20, rate_mb_per_hour=36.0,
    rate_low=30.0, rate_high=42.0, state=LeakState.CONFIRMED, key="app.py:f", stack_numbers=(1,),
)  # fmt: skip


def site(**changes: Any) -> LeakSite:
    return msgspec.structs.replace(SITE, **changes)


def analysis_of(*sites: LeakSite) -> LeakAnalysis:
    leaks = tuple(one for one in sites if one.state is LeakState.CONFIRMED)
    rate = sum(one.rate_mb_per_hour or 0.0 for one in leaks) if leaks else None
    return LeakAnalysis(potential_leaks=leaks, growth_rate_mb_per_hour=rate, sites=sites)


class Heap:
    """Stands for the profiler and the detector at once, and says what it is told to."""

    def __init__(self) -> None:
        self.analysis = LeakAnalysis()
        self.report_ = MemoryReport(rss_mb=100.0, live_mb=60.0)
        self.looks: list[float] = []
        self.running = 0
        self.held: dict[str, tuple[Sequence[str], str]] = {}

    def start(self, now_s: float | None = None) -> None:
        self.running += 1

    def stop(self) -> None:
        self.running = 0

    def snapshot(self, now_s: float) -> HeapSnapshot:
        self.looks.append(now_s)
        return HeapSnapshot(at_s=now_s, tier=HeapTier.SAMPLING, rss_bytes=100_000_000, remarks=("all is well",))

    def report(
        self, now_s: float, *, snapshot: Any = None, limit_bytes: float | None = None, with_pss: bool = True
    ) -> MemoryReport:
        return msgspec.structs.replace(self.report_, limit_mb=None if limit_bytes is None else limit_bytes / 1e6)

    def observe(self, snapshot: HeapSnapshot, now_s: float | None = None) -> None:
        pass

    def analyze(self, now_s: float | None = None) -> LeakAnalysis:
        def known(one: LeakSite) -> LeakSite:
            return msgspec.structs.replace(one, retained_by=tuple(self.held.get(one.key, ((), ""))[0]))

        return msgspec.structs.replace(
            self.analysis,
            potential_leaks=tuple(map(known, self.analysis.potential_leaks)),
            sites=tuple(map(known, self.analysis.sites)),
        )

    def retained(self, site_key: str, chain: Sequence[str], bounded_by: str = "") -> None:
        self.held[site_key] = (chain, bounded_by)


@pytest.fixture
def heap() -> Heap:
    return Heap()


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


def put_in(room: MemoryRoom, heap: Heap, find: Callable[[Any], dict[str, Retention]] | None = None) -> MemoryRoom:
    room._profiler = heap  # type: ignore[assignment]
    room._detector = heap
    room._search = HolderSearch(room.hurry, find or (lambda sites: {}))
    return room


@pytest.fixture
def room(heap: Heap, clock: VirtualClock) -> MemoryRoom:
    return put_in(MemoryRoom(AlertConfig(), clock, wanted=True, limit_bytes=lambda: 200e6), heap)


def confirm(room: MemoryRoom, clock: VirtualClock) -> None:
    """Let what is confirmed stay so for as long as it takes to be told, its holders having been searched for."""
    room.hurry()
    room.look_if_due(clock.now())
    assert room._search.wait()
    clock.advance(STAYS_LOOKS * room.settings.snapshot_s)
    room.hurry()


def readings(sensor: MemorySensor, clock: VirtualClock) -> dict[str, float]:
    values = sensor.read(clock.now())
    return {
        ",".join((key.metric.removeprefix("tocsin.memory."), *(text for _, text in key.labels))): value
        for key, value in zip(sensor.layout, values, strict=True)
        if value == value  # noqa: PLR0124 - NaN is no reading
    }


# -- when it looks


def test_it_looks_every_snapshot_while_it_is_fresh_and_then_half_as_often(
    room: MemoryRoom, heap: Heap, clock: VirtualClock
) -> None:
    sensor = room.sensor()
    for _ in range(int(FRESH_S) + 40):
        sensor.read(clock.now())
        clock.advance(1.0)

    gaps = [after - before for before, after in zip(heap.looks, heap.looks[1:], strict=False)]
    assert gaps[:10] == [5.0] * 10
    assert gaps[-2:] == [10.0, 10.0]


@pytest.mark.parametrize("state", [LeakState.SUSPECTED, LeakState.CONFIRMED])
def test_it_goes_on_looking_closely_where_something_grows(
    room: MemoryRoom, heap: Heap, clock: VirtualClock, state: LeakState
) -> None:
    room.look(clock.now())
    heap.analysis = analysis_of(site(state=state))
    clock.advance(FRESH_S + 1)
    room.look(clock.now())
    assert room._due_s - clock.now().mono_s == 5.0


def test_a_look_that_costs_much_is_taken_seldom(room: MemoryRoom, clock: VirtualClock) -> None:
    assert room._pause_s(clock.now(), LeakAnalysis(), 0.001) == 5.0
    assert room._pause_s(clock.now(), LeakAnalysis(), 0.1) == pytest.approx(20.0)  # half a percent of a core
    assert room._pause_s(clock.now(), LeakAnalysis(), 10.0) == 60.0


def test_between_two_looks_nothing_is_read(room: MemoryRoom, heap: Heap, clock: VirtualClock) -> None:
    sensor = room.sensor()
    sensor.read(clock.now())
    clock.advance(1.0)
    assert readings(sensor, clock) == {}
    assert len(heap.looks) == 1


# -- readings


def test_a_look_becomes_readings_in_base_units(room: MemoryRoom, heap: Heap, clock: VirtualClock) -> None:
    heap.report_ = MemoryReport(
        live_mb=60.0, growth_rate_mb_per_s=0.5, efficiency_score=0.8, components=(MemoryUse(name="app", live_mb=40.0),)
    )
    heap.analysis = analysis_of(
        SITE, site(line=9, key="b", rate_mb_per_hour=3.6), site(state=LeakState.SUSPECTED, key="c")
    )
    confirm(room, clock)

    assert readings(room.sensor(), clock) == {
        "live": 60e6,
        "growth.rate": 0.5e6,
        "efficiency": 0.8,
        "component.live,app": 40e6,
        "leak.count,app": 2.0,
        "leak.rate,app": pytest.approx(39.6 * MB_PER_HOUR),
        "leak.site.rate,app,app.py:3 in f": pytest.approx(72.0 * MB_PER_HOUR),
        "leak.site.rate,app,app.py:9 in f": pytest.approx(3.6 * MB_PER_HOUR),
    }


@pytest.mark.parametrize(
    ("rss_mb", "expected"), [(99.0, {}), (100.0, {"efficiency": 0.3}), (None, {"efficiency": 0.3})]
)
def test_the_efficiency_of_a_small_program_is_nobodys_concern(
    room: MemoryRoom, heap: Heap, clock: VirtualClock, rss_mb: float | None, expected: dict[str, float]
) -> None:
    heap.report_ = MemoryReport(efficiency_score=0.3, rss_mb=rss_mb)
    assert readings(room.sensor(), clock) == expected


def test_what_is_not_known_is_not_read(room: MemoryRoom, heap: Heap, clock: VirtualClock) -> None:
    heap.report_ = MemoryReport(rss_mb=100.0)
    assert readings(room.sensor(), clock) == {}


def test_a_component_that_leaks_no_more_reads_zero(room: MemoryRoom, heap: Heap, clock: VirtualClock) -> None:
    sensor = room.sensor()
    heap.analysis = analysis_of(SITE)
    confirm(room, clock)
    assert readings(sensor, clock)["leak.count,app"] == 1.0
    heap.analysis = analysis_of(site(state=LeakState.RESOLVED))
    room.hurry()
    found = readings(sensor, clock)
    assert (found["leak.count,app"], found["leak.rate,app"]) == (0.0, 0.0)


def test_endless_components_and_sites_share_one_series(room: MemoryRoom, heap: Heap, clock: VirtualClock) -> None:
    sensor = room.sensor()
    for number in range(MAX_COMPONENTS + 20):
        heap.analysis = analysis_of(site(component=f"c{number}", line=number, key=str(number)))
        confirm(room, clock)
        sensor.read(clock.now())
    assert SeriesKey("tocsin.memory.leak.count", OVERFLOW_LABELS) in sensor.layout
    assert len(sensor.layout) < 4 * MAX_COMPONENTS + 10


# -- holders


def test_a_leak_is_told_once_its_holders_were_searched_for(heap: Heap, clock: VirtualClock) -> None:
    may_go_on, begun = threading.Event(), threading.Event()
    asked: list[str] = []

    def find(sites: Iterable[LeakSite]) -> dict[str, Retention]:
        asked.extend(one.key for one in sites)
        begun.set()
        assert may_go_on.wait(30)
        return {SITE.key: Retention(chain=("dict[len 7]", "global app.CACHE"), share=1.0)}

    room = put_in(MemoryRoom(AlertConfig(), clock, wanted=True, limit_bytes=lambda: None), heap, find)
    sensor = room.sensor()
    heap.analysis = analysis_of(SITE)
    assert "leak.count,app" not in readings(sensor, clock)
    assert begun.wait(30)
    clock.advance(11.0)
    assert "leak.count,app" not in readings(sensor, clock)
    may_go_on.set()
    assert room._search.wait()
    assert readings(sensor, clock)["leak.count,app"] == 1.0  # in the next pass, and not after the next five seconds
    assert room.analysis().potential_leaks[0].retained_by == ("dict[len 7]", "global app.CACHE")
    clock.advance(60.0)
    readings(sensor, clock)
    assert asked == [SITE.key]  # once


@pytest.mark.parametrize(
    ("share", "chain", "bound"),
    [
        (1.0, ("deque", "global app.D"), "deque(maxlen=9)"),
        (0.8, ("deque", "global app.D"), "deque(maxlen=9)"),
        (0.4, ("deque", "global app.D (40 % of the survivors looked at)"), ""),
    ],
)
def test_what_holds_only_some_of_the_survivors_says_so_and_bounds_none(
    heap: Heap, clock: VirtualClock, share: float, chain: tuple[str, ...], bound: str
) -> None:
    found = Retention(chain=("deque", "global app.D"), share=share, bounded_by="deque(maxlen=9)")
    room = put_in(
        MemoryRoom(AlertConfig(), clock, wanted=True, limit_bytes=lambda: None), heap, lambda _: {SITE.key: found}
    )
    heap.analysis = analysis_of(SITE)
    confirm(room, clock)
    room.look(clock.now())
    assert heap.held == {SITE.key: (chain, bound)}


def test_a_search_that_takes_for_ever_holds_no_alert_back_for_long(heap: Heap, clock: VirtualClock) -> None:
    may_go_on = threading.Event()

    def find(_sites: object) -> dict[str, Retention]:
        may_go_on.wait(60)
        return {}

    room = put_in(MemoryRoom(AlertConfig(), clock, wanted=True, limit_bytes=lambda: None), heap, find)
    heap.analysis = analysis_of(SITE)
    sensor = room.sensor()
    assert "leak.count,app" not in readings(sensor, clock)
    clock.advance(PATIENCE_S + 1)
    assert readings(sensor, clock)["leak.count,app"] == 1.0
    may_go_on.set()


def test_a_leak_that_is_confirmed_only_for_a_moment_is_not_told(
    room: MemoryRoom, heap: Heap, clock: VirtualClock
) -> None:
    sensor = room.sensor()
    for state in (LeakState.CONFIRMED, LeakState.BOUNDED, LeakState.CONFIRMED):
        heap.analysis = analysis_of(site(state=state))
        room.hurry()
        assert "leak.count,app" not in readings(sensor, clock)
        assert room._search.wait()
        clock.advance(6.0)
    heap.analysis = analysis_of(SITE)
    clock.advance(6.0)
    assert readings(sensor, clock)["leak.count,app"] == 1.0


def test_a_search_that_fails_is_over() -> None:
    def find(_sites: object) -> dict[str, Retention]:
        raise MemoryError

    search = HolderSearch(lambda: None, find)
    search.begin([SITE], 0.0)
    assert search.wait()
    assert search.is_over(SITE, 0.0)
    assert list(search.results()) == []


def test_sites_without_stacks_are_not_searched_for_and_their_number_is_bounded() -> None:
    asked: list[LeakSite] = []
    search = HolderSearch(lambda: None, lambda sites: asked.extend(sites) or {})  # type: ignore[func-returns-value]
    search.begin([site(key="native", stack_numbers=())], 0.0)
    search.begin([site(key=str(number)) for number in range(MAX_SITES + 5)], 0.0)
    assert search.wait()
    assert len(asked) == MAX_SITES - 1
    assert search.is_over(site(key="native"), 0.0)
    assert search.is_over(site(key=str(MAX_SITES + 4)), 0.0)  # not searched for, so not waited for


# -- Tocsin's own memory, and the limit


def test_tocsins_own_memory_is_no_leak_within_its_budget() -> None:
    own = site(file=_TOCSIN + "series/memory.py", key="own")
    found = without_own(analysis_of(own, SITE))
    assert found.potential_leaks == (SITE,)
    assert [one.state for one in found.sites] == [LeakState.WATCH, LeakState.CONFIRMED]
    assert found.growth_rate_mb_per_hour == 36.0
    assert without_own(analysis_of(own)).growth_rate_mb_per_hour is None

    grown = analysis_of(msgspec.structs.replace(own, live_bytes=OWN_BYTES))
    assert without_own(grown) is grown


def test_the_time_to_the_limit_is_reckoned_from_the_limit_of_now(
    room: MemoryRoom, heap: Heap, clock: VirtualClock
) -> None:
    heap.analysis = analysis_of(SITE, site(key="b", rate_mb_per_hour=None))
    first, second = room.look(clock.now()).analysis.potential_leaks
    assert first.seconds_to_limit == pytest.approx(100 / 36 * 3600)  # 100 of 200 MB are left
    assert second.seconds_to_limit is None


# -- proofs


def alert(rule: str, category: AlertCategory, *advice: str) -> PerformanceAlert:
    return PerformanceAlert("t", "m", AlertSeverity.WARNING, category, id="1", rule=rule, recommendations=advice)


def test_a_leak_is_proved_by_its_sites_and_the_general_advice_gives_way(
    room: MemoryRoom, heap: Heap, clock: VirtualClock
) -> None:
    general = next(rule for rule in AlertConfig().all_rules() if rule.name == "memory-leak").recommendations
    heap.analysis = analysis_of(SITE, site(key="b", file="other.py", component="other"))
    room.look(clock.now())
    proof = room.proof(
        Want("1", "leak_sites", (("component", "other"),)), alert("memory-leak", AlertCategory.MEMORY_LEAK, *general)
    )
    assert proof is not None
    assert proof.evidence.lines[0].startswith("other.py:3 in f, grows by 36 MB/hour (30 to 42)")
    assert all("other.py:3" in text for text in proof.recommendations)


def test_advice_of_a_rule_of_ones_own_stays(room: MemoryRoom, heap: Heap, clock: VirtualClock) -> None:
    heap.analysis = analysis_of(SITE)
    room.look(clock.now())
    proof = room.proof(Want("1", "leak_sites"), alert("mine", AlertCategory.MEMORY_LEAK, "call Ada"))
    assert proof is not None
    assert proof.recommendations[-1] == "call Ada"
    assert len(proof.recommendations) > 1


@pytest.mark.parametrize(
    ("category", "sites", "first"),
    [
        (AlertCategory.MEMORY_GROWTH, (site(state=LeakState.SUSPECTED),), "app.py:3 in f, grows by 36 MB/hour"),
        (AlertCategory.MEMORY_GROWTH, (), "resident 100 MB, alive in Python 60 MB"),
        (AlertCategory.MEMORY_EFFICIENCY, (SITE,), "resident 100 MB, alive in Python 60 MB"),
    ],
)
def test_growth_is_proved_by_the_lines_that_grow_or_else_by_those_that_hold_most(  # noqa: PLR0917 - fixtures
    room: MemoryRoom, heap: Heap, clock: VirtualClock, category: AlertCategory, sites: tuple[LeakSite, ...], first: str
) -> None:
    heap.report_ = MemoryReport(rss_mb=100.0, live_mb=60.0, sites=(MemoryUse(name="a.py:1 in g", live_mb=9.0),))
    heap.analysis = analysis_of(*sites)
    room.look(clock.now())
    proof = room.proof(Want("1", "growing_lines"), alert("memory-growth", category))
    assert proof is not None
    assert proof.evidence.lines[0].startswith(first)
    assert proof.recommendations


def test_other_wants_are_left_to_others(room: MemoryRoom, clock: VirtualClock) -> None:
    some = alert("r", AlertCategory.CPU_USAGE)
    assert room.proof(Want("1", "leak_sites"), some) is None  # nothing was seen yet
    room.look(clock.now())
    assert room.proof(Want("1", "busy_threads"), some) is None
    assert room.proof(Want("1", "leak_sites"), None) is None


# -- in a system


@pytest.fixture
def system(heap: Heap, clock: VirtualClock) -> AlertSystem:
    channel = RecordingChannel()
    system = AlertSystem(AlertConfig(channels=[channel], dynamic_interval=False), clock=clock, sensors=[])
    put_in(
        system.memory,
        heap,
        lambda sites: {one.key: Retention(chain=("dict[len 7]", "global app.C"), share=1.0) for one in sites},
    )
    system.memory.enabled = True
    system._core.sensing.monitor  # noqa: B018 - made with the memory sensor in it
    return system


def channel_of(system: AlertSystem) -> RecordingChannel:
    [(channel, _)] = system.config.make_channels()
    assert isinstance(channel, RecordingChannel)
    return channel


def test_a_leak_rings_once_with_line_rate_holder_and_cap_and_ends(
    system: AlertSystem, heap: Heap, clock: VirtualClock
) -> None:
    with system:
        assert heap.running == 1
        clock.advance(1.0)
        heap.analysis = analysis_of(site(rate_mb_per_hour=360.0))
        for _ in range(20):
            clock.advance(1.0)
            system.memory._search.wait()
        system.flush()
        [told] = channel_of(system).alerts
        heap.analysis = LeakAnalysis()
        clock.advance(120.0)
        system.flush()

    assert told.rule == "memory-leak-fast"
    assert told.message == "Memory leak detected in app"
    assert "held by dict[len 7] ← global app.C" in told.evidence[0].lines[0]
    assert told.recommendations[0].startswith("Cap dict[len 7] ← global app.C at ")
    assert [alert.rule for alert in channel_of(system).resolved] == ["memory-leak-fast"]
    assert heap.running == 0


def test_a_system_with_sensors_of_its_own_does_not_watch_this_process() -> None:
    system = AlertSystem(AlertConfig(channels=[]), sensors=[])
    assert not system.memory.enabled
    assert system.memory.report().tier is HeapTier.RSS_ONLY


def test_memory_can_be_switched_off() -> None:
    system = AlertSystem(AlertConfig(channels=[], memory={"enabled": False}))
    assert "memory" not in {health.name for health in system.sensor_health()}
    with system:
        assert not system.memory.profiler.is_started


def test_a_rule_on_a_sites_rate_can_be_written() -> None:
    rule = AlertRule(
        "r", AlertCategory.MEMORY_LEAK, AlertSeverity.WARNING, "1 MB/hour", metric="tocsin.memory.leak.site.rate"
    )
    assert rule.limit == pytest.approx(MB_PER_HOUR)
