"""The manager by itself: each bound, families, getters, and what hand-made reports may hold."""

from __future__ import annotations

import asyncio
import math
import os
import threading
from typing import TYPE_CHECKING, Any

import pytest

from tocsin import (
    AlertCategory,
    AlertCondition,
    AlertNotFound,
    AlertRule,
    AlertSeverity,
    ConfigError,
    LeakAnalysis,
    LeakSite,
    MemoryAlertManager,
    MemoryReport,
    PerformanceAlert,
)
from tocsin.memory_alerts.manager import MAX_COMPONENTS
from tocsin.model.levels import Held

if TYPE_CHECKING:
    from collections.abc import Callable

WARNING, CRITICAL = AlertSeverity.WARNING, AlertSeverity.CRITICAL


@pytest.fixture
def manager() -> MemoryAlertManager:
    return MemoryAlertManager()


class Channel:
    def __init__(self, name: str = "mine") -> None:
        self.name = name
        self.told: list[PerformanceAlert] = []

    async def send_alert(self, alert: PerformanceAlert) -> None:
        self.told.append(alert)


@pytest.mark.parametrize(
    ("report", "severity", "message"),
    [
        ({"rss_mb": 649.9}, None, ""),
        ({"rss_mb": 650.0}, None, ""),
        ({"rss_mb": 650.1}, WARNING, "Memory usage 650.1MB exceeds threshold 650MB"),
        ({"rss_mb": 700.0}, WARNING, "Memory usage 700MB exceeds threshold 650MB"),
        ({"rss_mb": 700.1}, CRITICAL, "Memory usage 700.1MB exceeds threshold 700MB"),
        ({"rss_mb": 710.0}, CRITICAL, "Memory usage 710MB exceeds threshold 700MB"),
        ({"growth_rate_mb_per_s": 0.99}, None, ""),
        ({"growth_rate_mb_per_s": 1.0}, None, ""),
        ({"growth_rate_mb_per_s": 1.01}, WARNING, "High memory growth rate: 1.01MB/s"),
        ({"growth_rate_mb_per_s": 5.0}, WARNING, "High memory growth rate: 5MB/s"),
        ({"growth_rate_mb_per_s": 5.01}, CRITICAL, "High memory growth rate: 5.01MB/s"),
        ({"efficiency_score": 0.51}, None, ""),
        ({"efficiency_score": 0.5}, None, ""),
        ({"efficiency_score": 0.49}, WARNING, "Low allocation efficiency: 0.49"),
        ({"efficiency_score": 0.0}, WARNING, "Low allocation efficiency: 0"),
    ],
)
async def test_a_report_rings_on_the_far_side_of_each_bound_only(
    manager: MemoryAlertManager, report: dict[str, float], severity: AlertSeverity | None, message: str
) -> None:
    alerts = await manager.check_memory_alerts(MemoryReport(**report))  # type: ignore[arg-type]

    assert [(alert.severity, alert.message) for alert in alerts] == ([] if severity is None else [(severity, message)])


@pytest.mark.parametrize(
    ("leaks", "rate", "severity"),
    [
        ((), None, None),
        ((), 49.9, None),
        ((), 50.0, None),
        (("x",), None, WARNING),
        (("x",), 50.0, WARNING),
        (("x",), 50.1, CRITICAL),
        ((), 50.1, CRITICAL),
    ],
)
async def test_an_analysis_rings_for_any_leak_and_harder_for_a_fast_one(
    manager: MemoryAlertManager, leaks: tuple[Any, ...], rate: float | None, severity: AlertSeverity | None
) -> None:
    analysis = LeakAnalysis(potential_leaks=leaks, growth_rate_mb_per_hour=rate, component="cache")
    alerts = await manager.check_leak_alerts(analysis)

    assert [alert.severity for alert in alerts] == ([] if severity is None else [severity])
    assert [alert.message for alert in alerts] == ["Memory leak detected in cache"] * len(alerts)
    assert all(alert.component == "cache" and alert.category is AlertCategory.MEMORY_LEAK for alert in alerts)


async def test_what_a_report_does_not_say_never_rings(manager: MemoryAlertManager) -> None:
    assert await manager.check_memory_alerts(MemoryReport()) == []
    assert await manager.check_leak_alerts(LeakAnalysis()) == []
    odd = MemoryReport(rss_mb=math.nan, growth_rate_mb_per_s=math.inf, efficiency_score=None)
    assert await manager.check_memory_alerts(odd) == []
    assert await manager.get_recent_alerts() == []


async def test_each_family_has_one_alert_and_other_families_theirs(manager: MemoryAlertManager) -> None:
    report = MemoryReport(rss_mb=800.0, growth_rate_mb_per_s=6.0, efficiency_score=0.1)
    alerts = await manager.check_memory_alerts(report)

    assert [(alert.category, alert.severity) for alert in alerts] == [
        (AlertCategory.MEMORY_THRESHOLD, CRITICAL),
        (AlertCategory.MEMORY_GROWTH, CRITICAL),
        (AlertCategory.MEMORY_EFFICIENCY, WARNING),
    ]
    assert len(await manager.get_recent_alerts(10)) == 3
    assert [alert.category for alert in await manager.get_alerts_by_category("memory_growth")] == [
        AlertCategory.MEMORY_GROWTH
    ]


async def test_a_warning_that_becomes_critical_and_falls_back_is_told_each_time_once() -> None:
    manager, channel = MemoryAlertManager(), Channel()
    await manager.add_channel(channel)
    for rss_mb in (660.0, 710.0, 720.0, 660.0, 600.0):
        await manager.check_memory_alerts(MemoryReport(rss_mb=rss_mb))

    told = [(alert.rule, alert.state.value) for alert in channel.told]
    assert told == [
        ("reported-usage", "firing"),
        ("reported-usage-high", "firing"),
        ("reported-usage-high", "resolved"),
        ("reported-usage", "resolved"),
    ]


async def test_repeats_are_one_alert_and_after_three_in_a_minute_suppressed(manager: MemoryAlertManager) -> None:
    alerts = [alert for _ in range(5) for alert in await manager.check_memory_alerts(MemoryReport(rss_mb=710.0))]

    assert len({alert.id for alert in alerts}) == 1
    assert [alert.count for alert in alerts] == [1, 2, 3, 4, 5]
    assert [alert.suppressed for alert in alerts] == [False, False, False, True, True]
    assert alerts[-1].held is Held.SUPPRESSION
    assert len(await manager.get_recent_alerts(10)) == 1


async def test_components_have_alerts_of_their_own(manager: MemoryAlertManager) -> None:
    for component in ("a", "b"):
        await manager.check_memory_alerts(MemoryReport(rss_mb=710.0, component=component))
    await manager.check_memory_alerts(MemoryReport(rss_mb=100.0, component="a"))

    alerts = {alert.component: alert.state.value for alert in await manager.get_recent_alerts()}
    assert alerts == {"a": "resolved", "b": "firing"}


async def test_endless_components_do_not_fill_the_memory(manager: MemoryAlertManager) -> None:
    for number in range(MAX_COMPONENTS + 50):
        await manager.check_memory_alerts(MemoryReport(rss_mb=1.0, component=f"c{number}"))

    assert len(manager._door._engine.series) == MAX_COMPONENTS + 1  # type: ignore[attr-defined]


# -- rules of one's own


@pytest.mark.parametrize(("rate", "rings"), [(1.9, False), (2.0, False), (2.5, True)])
async def test_a_custom_rule_at_2_mb_a_second_rings_at_2_and_a_half(
    manager: MemoryAlertManager, rate: float, rings: bool
) -> None:
    manager.add_rule(AlertRule("custom_rule", AlertCategory.MEMORY_GROWTH, WARNING, 2.0))
    alerts = await manager.check_memory_alerts(MemoryReport(growth_rate_mb_per_s=rate))

    assert [alert.rule == "custom_rule" for alert in alerts] == [rings]
    assert len(alerts) == 1


@pytest.mark.parametrize(
    ("rule", "report"),
    [
        (AlertRule("r", AlertCategory.MEMORY_THRESHOLD, CRITICAL, 100), MemoryReport(rss_mb=100.5)),
        (AlertRule("r", AlertCategory.MEMORY_THRESHOLD, CRITICAL, "100 MB"), MemoryReport(rss_mb=100.5)),
        (
            AlertRule("r", AlertCategory.MEMORY_EFFICIENCY, CRITICAL, 0.8, AlertCondition.LESS_THAN),
            MemoryReport(efficiency_score=0.7),
        ),
        (
            AlertRule("r", AlertCategory.GENERAL, CRITICAL, "1 kB/s", metric="tocsin.memory.growth.rate"),
            MemoryReport(growth_rate_mb_per_s=0.5),
        ),
        (
            AlertRule("r", AlertCategory.MEMORY_THRESHOLD, CRITICAL, 100, for_s=3600.0, clear_threshold=50),
            MemoryReport(rss_mb=100.5),
        ),
    ],
)
async def test_a_rule_on_the_programs_memory_is_one_on_what_reports_say(
    manager: MemoryAlertManager, rule: AlertRule, report: MemoryReport
) -> None:
    manager.add_rule(rule)
    assert [alert.rule for alert in await manager.check_memory_alerts(report)] == ["r"]


async def test_a_rule_on_leaks_is_one_on_what_analyses_say(manager: MemoryAlertManager) -> None:
    manager.add_rule(AlertRule("r", AlertCategory.MEMORY_LEAK, CRITICAL, 10))
    alerts = await manager.check_leak_alerts(LeakAnalysis(growth_rate_mb_per_hour=11.0))
    assert [alert.rule for alert in alerts] == ["r"]


def test_a_rule_on_what_no_report_says_is_refused(manager: MemoryAlertManager) -> None:
    with pytest.raises(ConfigError, match=r"metric: found 'system\.cpu\.utilization', expected one of process\.memory"):
        manager.add_rule(AlertRule("r", AlertCategory.CPU_USAGE, WARNING, 50))


# -- getters and marks


async def test_the_newest_alerts_come_first_and_as_many_as_asked_for(manager: MemoryAlertManager) -> None:
    await manager.check_memory_alerts(MemoryReport(rss_mb=710.0))
    await manager.check_leak_alerts(LeakAnalysis(potential_leaks=(LeakSite(file="a.py", line=3),)))

    assert [alert.rule for alert in await manager.get_recent_alerts(10)] == ["reported-leak", "reported-usage-high"]
    assert [alert.rule for alert in await manager.get_recent_alerts(1)] == ["reported-leak"]
    assert await manager.get_recent_alerts(0) == []


async def test_an_acknowledged_alert_keeps_its_mark_beyond_its_end(manager: MemoryAlertManager) -> None:
    [alert] = await manager.check_memory_alerts(MemoryReport(rss_mb=710.0))
    assert [one.id for one in await manager.get_unacknowledged_alerts()] == [alert.id]
    for _ in range(2):
        assert (await manager.acknowledge_alert(alert.id)).acknowledgement is not None
    assert await manager.get_unacknowledged_alerts() == []
    await manager.check_memory_alerts(MemoryReport(rss_mb=1.0))

    [over] = await manager.get_recent_alerts()
    assert (over.state.value, over.acknowledgement is not None) == ("resolved", True)
    assert (await manager.acknowledge_alert(alert.id)).id == alert.id


async def test_an_unknown_id_is_refused(manager: MemoryAlertManager) -> None:
    with pytest.raises(AlertNotFound):
        await manager.acknowledge_alert("nobody")


async def test_a_cleared_history_is_empty_until_something_changes(manager: MemoryAlertManager) -> None:
    [alert] = await manager.check_memory_alerts(MemoryReport(rss_mb=710.0))
    await manager.clear_history()
    assert await manager.get_recent_alerts() == []
    assert await manager.get_alerts_by_category(alert.category) == []
    assert await manager.get_unacknowledged_alerts() == []
    await manager.check_memory_alerts(MemoryReport(rss_mb=720.0))
    assert [one.id for one in await manager.get_recent_alerts()] == [alert.id]


async def test_a_category_that_there_is_not_is_an_error(manager: MemoryAlertManager) -> None:
    with pytest.raises(ValueError, match="nothing"):
        await manager.get_alerts_by_category("nothing")


# -- channels


async def test_a_channel_has_heard_of_it_when_the_check_is_over(manager: MemoryAlertManager) -> None:
    channel = Channel()
    heard: list[str] = []
    await manager.add_channel(channel)
    await manager.add_channel(lambda alert: heard.append(alert.message))
    await manager.check_memory_alerts(MemoryReport(rss_mb=710.0))

    assert [alert.rule for alert in channel.told] == ["reported-usage-high"]
    assert heard == ["Memory usage 710MB exceeds threshold 700MB"]


async def test_a_name_that_is_taken_is_refused(manager: MemoryAlertManager) -> None:
    await manager.add_channel(Channel())
    with pytest.raises(ConfigError, match="there is one of this name"):
        await manager.add_channel(Channel())


async def test_a_channel_that_hangs_does_not_hold_the_check(manager: MemoryAlertManager) -> None:
    released = threading.Event()

    class Hung(Channel):
        async def send_alert(self, alert: PerformanceAlert) -> None:
            await asyncio.to_thread(released.wait, 60.0)

    await manager.add_channel(Hung())
    alerts = await asyncio.wait_for(manager.check_memory_alerts(MemoryReport(rss_mb=710.0)), 30)
    released.set()  # for the tests behind it
    assert len(alerts) == 1


# -- what leaks


@pytest.mark.parametrize(
    ("leak", "said"),
    [
        ("the session cache", "the session cache"),
        ({"file": "a.py", "line": 3, "function": "f"}, "a.py:3 in f"),
        ({"nothing": object()}, "{'nothing'"),
        (LeakSite(file="a.py", line=3, function="f"), "a.py:3 in f"),
        (LeakSite(kind="native"), "memory of C code"),
        (object(), "<object object"),
    ],
)
async def test_a_leak_may_be_anything_and_is_named(manager: MemoryAlertManager, leak: object, said: str) -> None:
    [alert] = await manager.check_leak_alerts(LeakAnalysis(potential_leaks=(leak,)))  # type: ignore[arg-type]

    assert said in alert.evidence[0].lines[0]
    assert alert.recommendations


async def test_disabled_it_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_DISABLED", "1")
    manager = MemoryAlertManager()
    assert await manager.check_memory_alerts(MemoryReport(rss_mb=710.0)) == []
    assert await manager.get_recent_alerts() == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX")
def test_a_forked_child_judges_by_itself(run_in_child: Callable[[Callable[[], bool]], bool]) -> None:
    manager, channel = MemoryAlertManager(), Channel()

    async def check(rss_mb: float) -> int:
        return len(await manager.check_memory_alerts(MemoryReport(rss_mb=rss_mb)))

    asyncio.run(manager.add_channel(channel))
    assert asyncio.run(check(710.0)) == 1
    assert run_in_child(lambda: asyncio.run(check(1.0)) == 0 and asyncio.run(check(800.0)) == 1)
