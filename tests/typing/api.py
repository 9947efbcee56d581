"""The public face as a user's type checker sees it: every public name in use. It is checked, and never run."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, assert_type

import tocsin
from tocsin import (
    AlertCategory,
    AlertChannel,
    AlertCondition,
    AlertConfig,
    AlertHistory,
    AlertmanagerChannel,
    AlertNotFound,
    AlertRule,
    AlertSeverity,
    AlertState,
    AlertSystem,
    AnomalyDetector,
    AnomalyVerdict,
    AppriseChannel,
    BufferFull,
    BufferManager,
    CheckResult,
    Clock,
    CommandAlertChannel,
    ConfigError,
    ConsoleAlertChannel,
    ControlError,
    DeliveryError,
    EmailAlertChannel,
    FileAlertChannel,
    HeapSnapshot,
    Instant,
    LeakAnalysis,
    LeakDetector,
    LeakSite,
    LeakState,
    MemoryAlertManager,
    MemoryProfiler,
    MemoryReport,
    MonitoringCoordinator,
    Notice,
    PagerDutyChannel,
    PerformanceAlert,
    PerformanceMonitor,
    PerformanceReport,
    Receipt,
    Routed,
    RuleNotFound,
    SampleError,
    Silence,
    SilenceNotFound,
    SlackAlertChannel,
    StoreError,
    SystemClock,
    TocsinError,
    VirtualClock,
    WebhookAlertChannel,
    emit,
    load_config,
    testing,
    watch,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION: str = tocsin.__version__


class Pager:
    """A channel needs a name and one coroutine."""

    name = "pager"

    async def send_alert(self, alert: PerformanceAlert) -> None:
        if alert.severity >= AlertSeverity.CRITICAL and alert.category is not AlertCategory.GENERAL:
            raise DeliveryError(f"no route for {alert.title}", permanent=True, retry_after_s=None)


def tell(alert: PerformanceAlert) -> None:
    """A plain function is a channel too."""
    assert_type(alert.state, AlertState)
    assert_type(alert.started_at, datetime)
    assert_type(alert.with_component("orders").with_recommendations("Look"), PerformanceAlert)


def one_line() -> None:
    with watch(AlertConfig(name="orders")) as bell:
        assert_type(bell, AlertSystem)
    assert_type(emit("Disk is odd", "…", "critical", "backup", labels={"disk": "a"}), Receipt)


def configure() -> AlertConfig:
    rule = AlertRule(
        "depth-high",
        AlertCategory.GENERAL,
        AlertSeverity.WARNING,
        100,
        metric="orders.depth",
        condition=AlertCondition.GREATER_THAN,
        for_s=30.0,
        recommendations=("Look",),
        actions=("heap_snapshot", "stacks:10s"),
    )
    filling = AlertRule(
        "spool-filling",
        AlertCategory.GENERAL,
        AlertSeverity.WARNING,
        10_000,
        AlertCondition.WILL_EXCEED,
        metric="orders.spool",
        horizon_s=4 * 3600.0,
    )
    channel: AlertChannel = Pager()
    config = AlertConfig(
        check_interval="1s",
        cpu_threshold=85,
        memory_threshold="90 %",
        rules=[rule, filling],
        actions={"cooldown": "5min", "count": 3},
        channels=[channel, tell, ConsoleAlertChannel(color=False)],
        state_dir=Path("state"),
        record=Path("run.tocsin"),
    )
    assert_type(config.get_dynamic_threshold("cpu", [40, 60]), float)
    assert_type(load_config(Path("tocsin.toml")), AlertConfig)
    return config.replace(name="orders")


async def use(system: AlertSystem) -> None:
    assert_type(await system.check_cpu_usage(), CheckResult)
    assert_type(await system.check_memory_usage(), CheckResult)
    assert_type(await system.check_storage_latency(), CheckResult)
    assert_type(await system.check_buffer_usage(), CheckResult)
    assert_type(system.emit("Odd", "m", AlertSeverity.INFO, "app", durable=True), Receipt)
    assert_type(system.resolve("fingerprint"), bool)
    assert_type(await system.get_recent_alerts(5), list[PerformanceAlert])
    assert_type(await system.get_alerts_by_category(AlertCategory.CPU_USAGE), list[PerformanceAlert])
    assert_type(await system.get_unacknowledged_alerts(), list[PerformanceAlert])
    assert_type(system.history, AlertHistory)
    assert_type(system.history.get_recent(minutes=1), list[PerformanceAlert])
    assert_type(system.history.should_suppress("app", AlertSeverity.INFO), bool)
    assert_type(system.buffers, BufferManager)
    refusals: tuple[type[Exception], ...] = (BufferFull,)
    assert refusals
    system.buffers.track("orders", [], capacity=10)
    try:
        with system.buffers.allocate(4096, timeout_s=0) as lease:
            assert_type(lease.n_bytes, int)
    except BufferFull:
        pass
    with system.registered("worker", must_live=True, heartbeat_s=10) as registered:
        registered.heartbeat()
    system.alert_triggered.connect(lambda title, message, level: None)
    system.alert_changed.connect(tell)
    system.record("orders.depth", 4.0, {"queue": "a"})
    system.add_channel(tell, severity=AlertSeverity.CRITICAL)
    system.register_thread()
    system.unregister_thread()
    await system.clear_history()
    await system.cleanup()
    assert_type(system.stop(timeout_s=1.0), bool)


async def report_on_memory(system: AlertSystem, rule: AlertRule) -> None:
    assert_type(await MemoryAlertManager().check_memory_alerts(MemoryReport(rss_mb=710.0)), list[PerformanceAlert])
    manager = MemoryAlertManager(system)
    await manager.add_channel(Pager())
    manager.add_rule(rule)
    analysis = LeakAnalysis(potential_leaks=(LeakSite(file="app.py", line=3),), growth_rate_mb_per_hour=60.0)
    alerts = await manager.check_leak_alerts(analysis)
    assert_type(await manager.acknowledge_alert(alerts[0].id), PerformanceAlert)
    assert_type(await manager.get_recent_alerts(10), list[PerformanceAlert])
    assert_type(await manager.get_alerts_by_category(AlertCategory.MEMORY_LEAK), list[PerformanceAlert])
    assert_type(await manager.get_unacknowledged_alerts(), list[PerformanceAlert])
    await manager.clear_history()


def try_on_paper(rule: AlertRule) -> list[str]:
    scene = testing.play(rule, {"orders.depth": "1x2 99x7", "orders.spool": [1.0, None]}, every="10s")
    stop = scene.at("40s")
    assert_type(stop.alerts, tuple[PerformanceAlert, ...])
    assert_type(stop.notices, tuple[Notice, ...])
    silence = scene.silence("component=orders", for_="1h")
    assert_type(silence, Silence)
    return scene.end().told


def refuse(system: AlertSystem) -> Mapping[str, Any]:
    try:
        system.acknowledge("id", by="me")
        system.remove_rule("name")
        system.expire_silence("id")
    except (AlertNotFound, RuleNotFound, SilenceNotFound) as error:
        assert_type(str(error), str)
    except ConfigError as error:
        for problem in error.problems:
            assert_type(problem.where, str)
    except (SampleError, StoreError, ControlError, TocsinError):
        raise
    return system.status()


async def hush(system: AlertSystem) -> list[Silence]:
    placed = system.silence(
        "component=db", "severity!=critical", for_s=3600, author="jo", comment="moving the database"
    )
    assert_type(placed.open_alerts, int)
    assert_type(system.preview("component=db"), list[PerformanceAlert])
    assert_type(system.acknowledge("id", "jo", "on it", for_s=600), PerformanceAlert)
    assert_type(await system.emit_durably("Paid twice", "order 17", "critical", "checkout"), Receipt)
    return system.silences()


def tell_people() -> AlertConfig:
    return AlertConfig(
        channels=[
            EmailAlertChannel(["ops@example.com"], "tocsin@example.com", smtp="smtp.example.com:587", deadline="30s"),
            SlackAlertChannel("https://hooks.slack.com/services/T0/B0/x", severity="warning"),
            SlackAlertChannel(token="xoxb-1", channel="#alerts", name="slack-bot"),
            WebhookAlertChannel("https://alerts.example/tocsin", secret=["new", "old"], headers={"X-Team": "orders"}),
            AlertmanagerChannel(["http://am-0:9093", "http://am-1:9093"], labels={"cluster": "eu-1"}),
            Routed(PagerDutyChannel("k" * 32, source="orders-api"), match="component=orders", repeat="1h"),
            AppriseChannel("tgram://token/chat"),
            FileAlertChannel(Path("alerts.jsonl"), max_size="10 MB", keep=3),
            CommandAlertChannel(["/usr/local/bin/page"], severity=AlertSeverity.CRITICAL),
        ]
    )


def look() -> float | None:
    report = PerformanceMonitor().read()
    assert_type(report, PerformanceReport)
    return report.get("system.cpu.utilization")


def remember(now_s: float) -> MemoryReport:
    with MemoryProfiler(interval_bytes=65536, components={"sessions": ["app.sessions"]}) as profiler:
        assert_type(profiler.snapshot(now_s), HeapSnapshot)
        assert_type(profiler.report(now_s, limit_bytes=512e6), MemoryReport)
    site = LeakSite(file="app.py", line=41)
    assert_type(LeakAnalysis(potential_leaks=(site,)).potential_leaks, tuple[LeakSite, ...])
    return MemoryReport(rss_mb=710.0)


def find_anomalies(values: list[float], at_s: float) -> AnomalyVerdict:
    detector = AnomalyDetector(false_alarms_per_week=1.0, min_change=0.5, legal_range=(0.0, 100.0))
    resumed = AnomalyDetector.from_state(detector.to_state(), min_change=0.5)
    assert_type(resumed, AnomalyDetector)
    for number, value in enumerate(values):
        verdict = resumed.update(value, at_s + number)
        assert_type(verdict.alarm, bool)
    return resumed.update(1.0, at_s + len(values))


def find_leaks(snapshots: list[HeapSnapshot]) -> LeakAnalysis:
    detector = LeakDetector(limit_bytes=512e6, components={"sessions": ["app.sessions"]})
    for snapshot in snapshots:
        detector.observe(snapshot, snapshot.at_s)
    analysis = detector.analyze(snapshots[-1].at_s)
    for site in analysis.potential_leaks:
        assert_type(site.state, LeakState)
        detector.retained(site.key, ("list", "global app.SESSIONS"), bounded_by="deque(maxlen=100)")
    return analysis


def on_a_clock_of_ones_own(notice: Notice) -> None:
    clock: Clock = SystemClock()
    virtual = VirtualClock()
    virtual.advance(60)
    assert_type(virtual.now(), Instant)
    assert_type(clock.now().plus(1.0), Instant)
    assert_type(notice.alerts, tuple[PerformanceAlert, ...])
    AlertSystem(configure(), coordinator=MonitoringCoordinator(clock=clock), clock=virtual)
