"""The mission's calls on memory alerts, through an engine of the manager's own and through a system's."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tocsin import (
    AlertCategory,
    AlertConfig,
    AlertNotFound,
    AlertRule,
    AlertSeverity,
    AlertSystem,
    LeakAnalysis,
    MemoryAlertManager,
    MemoryReport,
    PerformanceAlert,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

WARNING, CRITICAL = AlertSeverity.WARNING, AlertSeverity.CRITICAL


class Channel:
    name = "mine"

    def __init__(self) -> None:
        self.told: list[PerformanceAlert] = []

    async def send_alert(self, alert: PerformanceAlert) -> None:
        self.told.append(alert)


@pytest.fixture(params=["alone", "in a system", "in a started system"])
def manager(request: pytest.FixtureRequest) -> Iterator[MemoryAlertManager]:
    if request.param == "alone":
        yield MemoryAlertManager()
        return
    system = AlertSystem(AlertConfig(channels=[], memory={"enabled": False}))
    if "started" in request.param:
        system.start()
    yield MemoryAlertManager(system)
    assert system.stop(10.0)


async def test_710_mb_are_critical(manager: MemoryAlertManager) -> None:
    [alert] = await manager.check_memory_alerts(MemoryReport(rss_mb=710.0))

    assert alert.severity is CRITICAL
    assert alert.category is AlertCategory.MEMORY_THRESHOLD
    assert alert.message == "Memory usage 710MB exceeds threshold 700MB"
    assert alert.recommendations
    assert alert.triggered


async def test_each_kind_of_trouble_has_its_message(manager: MemoryAlertManager) -> None:
    report = MemoryReport(rss_mb=660.0, growth_rate_mb_per_s=1.5, efficiency_score=0.4, component="orders")
    alerts = {alert.category: alert for alert in await manager.check_memory_alerts(report)}
    analysis = LeakAnalysis(potential_leaks=("x",), growth_rate_mb_per_hour=60.0, component="orders")  # type: ignore[arg-type]
    [leak] = await manager.check_leak_alerts(analysis)

    assert alerts[AlertCategory.MEMORY_THRESHOLD].message == "Memory usage 660MB exceeds threshold 650MB"
    assert alerts[AlertCategory.MEMORY_GROWTH].message == "High memory growth rate: 1.5MB/s"
    assert alerts[AlertCategory.MEMORY_EFFICIENCY].message == "Low allocation efficiency: 0.4"
    assert (leak.message, leak.severity) == ("Memory leak detected in orders", CRITICAL)
    assert {alert.severity for alert in alerts.values()} == {WARNING}


async def test_a_healthy_report_is_silent(manager: MemoryAlertManager) -> None:
    report = MemoryReport(rss_mb=100.0, growth_rate_mb_per_s=0.1, efficiency_score=0.9)
    assert await manager.check_memory_alerts(report) == []
    assert await manager.check_leak_alerts(LeakAnalysis(growth_rate_mb_per_hour=1.0)) == []


async def test_a_custom_rule_rings(manager: MemoryAlertManager) -> None:
    manager.add_rule(AlertRule("custom_rule", AlertCategory.MEMORY_GROWTH, WARNING, 2.0))
    [alert] = await manager.check_memory_alerts(MemoryReport(growth_rate_mb_per_s=2.5))
    assert alert.rule == "custom_rule"


async def test_ones_own_channel_is_told(manager: MemoryAlertManager) -> None:
    channel = Channel()
    await manager.add_channel(channel)
    await manager.check_memory_alerts(MemoryReport(rss_mb=710.0))
    for _ in range(500):  # a machine that builds and tests at the same time may need a moment more
        if channel.told:
            break
        await asyncio.sleep(0.02)
    assert [alert.severity for alert in channel.told] == [CRITICAL]


async def test_alerts_can_be_listed_acknowledged_and_cleared(manager: MemoryAlertManager) -> None:
    [usage] = await manager.check_memory_alerts(MemoryReport(rss_mb=710.0))
    [leak] = await manager.check_leak_alerts(LeakAnalysis(potential_leaks=("x",)))  # type: ignore[arg-type]
    both = {usage.id, leak.id}

    assert both <= {alert.id for alert in await manager.get_recent_alerts(50)}
    assert [alert.id for alert in await manager.get_alerts_by_category(AlertCategory.MEMORY_LEAK)] == [leak.id]
    assert both <= {alert.id for alert in await manager.get_unacknowledged_alerts()}
    for _ in range(2):
        await manager.acknowledge_alert(leak.id)
    assert leak.id not in {alert.id for alert in await manager.get_unacknowledged_alerts()}
    with pytest.raises(AlertNotFound):
        await manager.acknowledge_alert("nobody")
    await manager.clear_history()
    assert both.isdisjoint({alert.id for alert in await manager.get_recent_alerts(50)})


async def test_a_system_that_is_the_door_keeps_the_same_history() -> None:
    system = AlertSystem(AlertConfig(channels=[]))
    rules = {rule.name for rule in system.rules}
    [alert] = await MemoryAlertManager(system).check_memory_alerts(MemoryReport(rss_mb=710.0))

    assert [one.id for one in await system.get_recent_alerts()] == [alert.id]
    assert [one.id for one in system.open_alerts()] == [alert.id]
    assert rules < {rule.name for rule in system.rules}
    heard: list[str] = []
    system.alert_triggered.connect(lambda title, message, level: heard.append(message))
    await MemoryAlertManager(system).check_memory_alerts(MemoryReport(rss_mb=800.0, component="other"))
    assert heard == ["Memory usage 800MB exceeds threshold 700MB"]
