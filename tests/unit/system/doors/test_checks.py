"""The direct checks: what they answer when there is something to say, and when there is not."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

from tocsin import AlertSystem, VirtualClock
from tocsin.model.readings import SeriesKey
from tocsin.sensors.protocol import Tier
from tocsin.sensors.storage import ProbeResult
from tocsin.system.doors import checks
from tocsin.testing import RecordingChannel, system_for_tests

if TYPE_CHECKING:
    from tocsin.clock import Instant

NAN = float("nan")


class Fake:
    """A sensor of the machine, under the name that the checks look for."""

    tier = Tier.CORE

    def __init__(self, name: str, readings: dict[str, list[float]]) -> None:
        self.name = name
        self.layout = tuple(SeriesKey(metric) for metric in readings)
        self.script = readings
        self.reads = 0

    def read(self, now: Instant) -> list[float]:
        line = [values[min(self.reads, len(values) - 1)] for values in self.script.values()]
        self.reads += 1
        return line

    def close(self) -> None: ...


def cpu(*shares: float) -> Fake:
    return Fake("host.cpu", {"system.cpu.utilization": list(shares)})


def memory(share: float, limit: float = 16e9) -> Fake:
    return Fake("host.memory", {"system.memory.utilization": [share], "system.memory.limit": [limit]})


def process(share: float, limit: float) -> Fake:
    return Fake("process", {"process.memory.utilization": [share], "process.memory.limit": [limit]})


def a_system(*sensors: Any, **settings: Any) -> tuple[AlertSystem, VirtualClock, RecordingChannel]:
    channel = RecordingChannel()
    system, clock = system_for_tests(
        channel, sensors=sensors, clock=VirtualClock(autojump=True), **{"default_rules": True, **settings}
    )
    return system, clock, channel


async def test_a_cpu_without_a_reading_to_compare_with_is_read_again_after_a_tenth_of_a_second() -> None:
    system, clock, channel = a_system(cpu(NAN, 0.97))
    result = await system.check_cpu_usage()
    assert clock.now().mono_s == pytest.approx(1000.1)
    assert (result.triggered, result.value, result.threshold, result.unit) == (True, 97.0, 85.0, "%")
    assert not result.suppressed
    assert system.flush()
    assert channel.titles() == ["cpu-high"]


async def test_a_check_needs_no_for() -> None:
    system, _, _ = a_system(cpu(0.5, 0.99))
    quiet = await system.check_cpu_usage()
    assert not quiet.triggered
    assert quiet.alert is None


async def test_the_same_check_again_within_a_tenth_of_a_second_answers_the_last_reading() -> None:
    sensor = cpu(0.99)
    system, clock, _ = a_system(sensor)
    first = await system.check_cpu_usage()
    again = await system.check_cpu_usage()
    assert (again.suppressed, again.reason) == (True, "interval")
    assert (again.triggered, again.value) == (first.triggered, first.value)
    assert sensor.reads == 1
    clock.advance(0.1)
    assert (await system.check_cpu_usage()).reason != "interval"
    assert sensor.reads == 2


async def test_a_breach_that_is_checked_again_and_again_is_told_three_times_and_then_suppressed() -> None:
    system, clock, _ = a_system(cpu(0.99))
    heard: list[str] = []
    system.alert_triggered.connect(heard.append)
    results = []
    for _ in range(6):
        results.append(await system.check_cpu_usage())
        clock.advance(1)
    assert all(result.triggered for result in results)
    assert [result.suppressed for result in results] == [False] * 3 + [True] * 3
    assert {result.reason for result in results[3:]} == {"suppression"}
    assert heard == ["cpu-high"] * 3
    assert results[-1].alert is not None
    assert results[-1].alert.count == 6


async def test_memory_is_that_of_a_tighter_container() -> None:
    system, _, _ = a_system(memory(0.3), process(0.97, 1e9))
    result = await system.check_memory_usage()
    assert (result.triggered, result.value) == (True, 97.0)
    assert result.alert is not None
    assert result.alert.rule == "process-memory-high"


async def test_memory_is_the_machines_where_the_container_is_no_tighter() -> None:
    system, _, _ = a_system(memory(0.3), process(0.97, 16e9))
    result = await system.check_memory_usage()
    assert (result.triggered, result.value) == (False, 30.0)


async def test_what_cannot_be_measured_is_not_triggered_and_says_why() -> None:
    system, _, channel = a_system()
    for check, reason in (
        (system.check_cpu_usage, "the CPU could not be measured"),
        (system.check_memory_usage, "memory could not be measured"),
        (system.check_buffer_usage, "no buffers are tracked; see BufferManager.track"),
    ):
        result = await check()
        assert (result.triggered, result.value, result.reason) == (False, None, reason)
    assert channel.notices == []


async def test_a_check_whose_rule_is_gone_says_so() -> None:
    system, _, _ = a_system(cpu(0.99), memory(0.99))
    system.disable_rule("cpu-high")
    system.remove_rule("memory-high")
    assert (await system.check_cpu_usage()).reason == "rule 'cpu-high' is disabled"
    assert (await system.check_memory_usage()).reason == "rule 'memory-high' is removed"


async def test_slow_storage_triggers_in_milliseconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "probe_storage", lambda _: ProbeResult(0.25, "/data"))
    system, _, _ = a_system()
    result = await system.check_storage_latency()
    assert (result.triggered, result.value, result.threshold, result.unit) == (True, 250.0, 100.0, "ms")
    assert result.alert is not None
    assert result.alert.labels == {"path": "/data"}


async def test_storage_in_memory_is_nothing_to_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "probe_storage", lambda _: ProbeResult(None, "/tmp", "it is on tmpfs"))
    system, _, _ = a_system()
    result = await system.check_storage_latency()
    assert (result.triggered, result.value, result.reason) == (False, None, "it is on tmpfs")


async def test_a_disk_that_hangs_hangs_one_thread_and_no_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    probes: list[threading.Thread] = []

    def hang(_: object) -> ProbeResult:
        probes.append(threading.current_thread())
        release.wait(60)
        return ProbeResult(0.001, "/data")

    monkeypatch.setattr(checks, "probe_storage", hang)
    monkeypatch.setattr(checks, "PROBE_DEADLINE_S", 0.02)
    system, clock, _ = a_system()
    for reason in ("the probe has not come back", "an earlier probe has not come back"):
        result = await asyncio.wait_for(system.check_storage_latency(), 10)
        assert result.reason == reason or result.triggered is False
        clock.advance(1)
    assert len(probes) == 1
    release.set()
    probes[0].join(10)


async def test_the_fullest_buffer_decides() -> None:
    system, _, _ = a_system()
    system.buffers.track("low", [0] * 2, capacity=10)
    system.buffers.track("full", [0] * 10, capacity=10)
    system.buffers.track("high", [0] * 9, capacity=10)
    result = await system.check_buffer_usage()
    assert (result.triggered, result.value, result.threshold) == (True, 100.0, 80.0)
    assert result.alert is not None
    assert result.alert.labels == {"buffer": "full"}


async def test_a_started_system_is_asked_and_does_not_block_the_callers_loop() -> None:
    system, _, _ = a_system(cpu(0.99))
    ticks: list[None] = []

    async def tick() -> None:
        while True:
            ticks.append(None)
            await asyncio.sleep(0)

    with system:
        ticking = asyncio.ensure_future(tick())
        result = await system.check_cpu_usage()
        ticking.cancel()
    assert result.triggered
    assert ticks


async def test_memory_is_that_of_the_container_where_a_group_sets_a_limit() -> None:
    container = Fake("container", {"container.memory.utilization": [0.95], "container.memory.limit": [1e9]})
    system, _, _ = a_system(memory(0.3), container)
    result = await system.check_memory_usage()
    assert (result.triggered, result.value) == (True, 95.0)
    assert result.alert is not None
    assert result.alert.rule == "container-memory-high"
