"""Actions in a system: what is not begun, what is ended, and that both are told."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.system.acting.acted import ENOUGH_S, a_system, ring, settle, trace, words

from tocsin import AlertCategory, AlertRule, AlertSeverity, MemoryAlertManager, MemoryReport
from tocsin.model.action import DueAction
from tocsin.model.readings import SeriesKey
from tocsin.system.acting import captures
from tocsin.system.acting.room import MAX_WAITING
from tocsin.testing import ScriptedSensor

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

    from tocsin.model.alert import PerformanceAlert


@pytest.mark.parametrize("action", ["heap_snapshot", "stacks:100ms", "call:acting_in_system.f", "run:true"])
def test_where_memory_is_short_nothing_is_begun(tmp_path: Path, module: ModuleType, action: str) -> None:
    module.f = pytest.fail  # type: ignore[attr-defined]
    short = ScriptedSensor("system.memory.utilization", [0.97])
    system, clock, _ = a_system(tmp_path, action, sensors=(short,))
    with system:
        alert = ring(system, clock)
    assert trace(alert)[-1] == (
        "not acted", f"{action}: memory is at 97 % (system.memory.utilization), and above 95 % nothing is done",
    )  # fmt: skip
    assert not (tmp_path / "artifacts").exists()


def test_below_the_floor_of_free_disk_nothing_is_captured(tmp_path: Path) -> None:
    system, clock, _ = a_system(tmp_path, "stacks:100ms", artifacts={"min_free": 2**39})
    system._core.acting.room._make_ready(())
    ceilings = system._core.acting.room._ceilings
    assert ceilings is not None
    ceilings._free_bytes = lambda _: 2**38
    with system:
        alert = ring(system, clock)
    assert "not acted stacks:100ms: only 275 GB are free on the disk" in words(alert)
    assert not (tmp_path / "artifacts").exists()


def test_a_function_that_hangs_holds_up_no_capture_and_whoever_waits_too_long_is_refused(
    tmp_path: Path, module: ModuleType
) -> None:
    release = threading.Event()
    module.f = lambda _: release.wait(ENOUGH_S)  # type: ignore[attr-defined]
    system, clock, _ = a_system(tmp_path, "call:acting_in_system.f", "stacks:100ms")
    with system:
        clock.advance(3)
        assert system._core.acting.room._captures.flush(ENOUGH_S)
        assert system.flush(ENOUGH_S)
        alert = system.open_alerts()[0]
        assert [what for what, _ in trace(alert)] == ["acting", "acting", "acted"]
        room = system._core.acting.room
        due = DueAction(alert.id, "high", "call:acting_in_system.f")
        room.take([due] * (MAX_WAITING + 4))
        assert system.flush(ENOUGH_S)
        refused = [why for what, why in trace(system.open_alerts()[0]) if what == "not acted"]
        assert set(refused) == {f"call:acting_in_system.f: {MAX_WAITING} others wait to be run"}
        assert system._core.engine.decisions.acting.counts["refused"] == 4
        release.set()
        settle(system)


def test_a_thousand_episodes_within_a_minute_act_the_allowed_count_and_the_rest_is_counted(
    tmp_path: Path, module: ModuleType
) -> None:
    called: list[Any] = []
    module.f = called.append  # type: ignore[attr-defined]

    class Thousand:
        name, tier = "thousand", ScriptedSensor.tier
        layout = tuple(SeriesKey("m", (("n", str(number)),)) for number in range(1000))
        reads = 0

        def read(self, now: Any) -> list[float]:
            self.reads += 1
            # Sixteen or seventeen begin each second.
            return [99.0 if number * 60 < self.reads * 1000 else 1.0 for number in range(1000)]

        def close(self) -> None:
            pass

    limits = {"cooldown": 0, "count": 7}
    system, clock, _ = a_system(tmp_path, "call:acting_in_system.f", script=(1,), sensors=(Thousand(),), actions=limits)
    with system:
        clock.advance(62)
        settle(system)
        clock.advance(11)  # the account of what became of them is read every ten seconds
        counts = dict(system._core.engine.decisions.acting.counts)
        latest = {
            key.metric: value for key, value in system.latest().items() if key.metric.startswith("tocsin.actions")
        }
    assert len(system._core.engine.book.recent()) == 1000
    assert len(called) == 7
    assert counts == {"done": 7, "refused": 993, "failed": 0}
    recorded = {key.metric for key in system._core._account()}
    assert {"tocsin.actions.done", "tocsin.actions.refused", "tocsin.actions.failed"} <= recorded
    assert set(latest) == {"tocsin.actions.done", "tocsin.actions.refused", "tocsin.actions.failed"}
    last = max(
        (alert for alert in system._core.engine.book.recent()), key=lambda alert: (alert.started_at, alert.labels["n"])
    )
    assert "it ran 7 times within 60 min, and may run 7 times" in words(last)


def test_the_end_of_the_system_ends_what_runs_and_says_so(
    tmp_path: Path, module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, sampling, sample_stacks = threading.Event(), threading.Event(), captures.sample_stacks

    def f(alert: PerformanceAlert) -> None:
        began.set()
        while True:
            pass

    def sample(*arguments: Any) -> Any:
        sampling.set()
        return sample_stacks(*arguments)

    module.f = f  # type: ignore[attr-defined]
    monkeypatch.setattr(captures, "sample_stacks", sample)
    system, clock, _ = a_system(tmp_path, "call:acting_in_system.f", "run:sleep 300", "stacks:60s")
    system.start()
    clock.advance(3)
    assert began.wait(ENOUGH_S)
    assert sampling.wait(ENOUGH_S)
    assert system.stop(10.0)
    found = words(system._core.engine.book.recent()[0])
    assert "action failed call:acting_in_system.f: the watch of this program ended; it was stopped" in found
    assert "not acted run:sleep 300: the watch of this program ended" in found
    assert "cut short, since the watch of this program ended" in found


def test_an_alert_that_is_over_before_its_capture_still_gets_it(tmp_path: Path) -> None:
    system, clock, _ = a_system(tmp_path, "stacks:200ms", script=(1, 99, 1, 1, 1))
    with system:
        clock.advance(5)
        settle(system)
        [alert] = system._core.engine.book.recent()
    assert alert.resolved_at is not None
    assert trace(alert)[-1][0] == "acted"
    with system._core.recorder.reading(1.0):
        pass
    store = system._core.acting.store
    assert store is not None
    assert [one.id for one in store.listed()] == [f"{alert.id}-stacks"]


def test_a_manager_without_a_system_runs_nothing_and_says_so() -> None:
    manager = MemoryAlertManager()
    manager.add_rule(
        AlertRule("own", AlertCategory.MEMORY_THRESHOLD, AlertSeverity.CRITICAL, "100 MB", actions=("stacks:1s",))
    )
    asyncio.run(manager.check_memory_alerts(MemoryReport(rss_mb=200.0)))
    [alert] = asyncio.run(manager.get_recent_alerts(10))
    assert [what for what, _ in trace(alert)] == ["acting", "not acted"]
    assert "without a system nobody runs it" in words(alert)
