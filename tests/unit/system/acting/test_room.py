"""Actions in a system: run off the step path, and told of in the trace."""

from __future__ import annotations

import json
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from tests.unit.system.acting.acted import ENOUGH_S, a_system, ring, settle, trace, words

from tocsin.model.memory import Frame, HeapSnapshot, HeapStack, HeapTier

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

    from tocsin.model.alert import PerformanceAlert


@pytest.mark.parametrize("started", [True, False])
def test_a_function_is_called_once_an_episode_and_the_step_does_not_wait_for_it(
    tmp_path: Path, module: ModuleType, started: bool
) -> None:
    release, called = threading.Event(), []

    def on_alert(alert: PerformanceAlert) -> None:
        called.append(alert)
        release.wait(ENOUGH_S)

    module.on_alert = on_alert  # type: ignore[attr-defined]
    system, clock, bell = a_system(tmp_path, "call:acting_in_system.on_alert")
    if started:
        system.start()
        clock.advance(5)
    else:
        for _ in range(5):
            clock.advance(1)
            system._core.one_pass()
    assert system.flush(ENOUGH_S)
    assert bell.titles() == ["high"]
    assert system._core.acting.room.waiting() == 1  # it was told, though the function hangs
    release.set()
    settle(system)
    [alert] = called
    assert (alert.title, alert.value) == ("high", 99.0)
    assert trace(system.open_alerts()[0])[-1][1].startswith("call:acting_in_system.on_alert: it returned, after ")
    assert system.stop(ENOUGH_S)


def test_a_command_gets_the_alert_and_what_it_said_is_in_the_trace(tmp_path: Path) -> None:
    code = 'import json, sys; alert = json.load(sys.stdin); print(alert["title"], alert["value"])'
    system, clock, _ = a_system(tmp_path, f"run:{sys.executable} -c '{code}'")
    with system:
        alert = ring(system, clock)
    assert "it ended well; it said: high 99.0" in words(alert)
    assert trace(alert)[-1][0] == "acted"


@pytest.mark.parametrize("action", ["call:no_such_module.f", "run:/no/such/program"])
def test_what_fails_is_told_with_its_reason_and_the_system_goes_on(tmp_path: Path, action: str) -> None:
    system, clock, bell = a_system(tmp_path, action, script=(1, 99, 99, 99, 1, 1))
    with system:
        alert = ring(system, clock)
        assert trace(alert)[-1][0] == "action failed"
        clock.advance(5)
        system.flush(ENOUGH_S)
        assert [one.title for one in bell.resolved] == ["high"]
        assert system.counters() is not None


def test_stacks_are_kept_with_what_came_before_and_the_alert_shows_where_the_time_went(tmp_path: Path) -> None:
    system, clock, bell = a_system(tmp_path, "stacks:300ms")
    stop = threading.Event()

    def spin_here() -> None:
        while not stop.is_set():
            sum(range(1000))

    thread = threading.Thread(target=spin_here, name="spinner")
    thread.start()
    with system:
        alert = ring(system, clock)
    stop.set()
    thread.join()
    artifact = f"{alert.id}-stacks"
    assert f"kept as {artifact}" in words(alert)
    shown = {one.kind: one.lines for one in alert.evidence}
    assert shown["artifacts"] == (f"stacks:300ms: tocsin artifacts show {artifact}",)
    assert any(line.startswith("spinner: ") and "in spin_here" in line for line in shown["stacks"])
    told = {line for notice in bell.notices for one in notice.alerts[0].evidence for line in one.lines}
    assert f"stacks:300ms: is being taken; then: tocsin artifacts show {artifact}" in told

    store = system._core.acting.store
    assert store is not None
    kept = json.loads(store.read(artifact))
    assert (kept["kind"], kept["rule"], kept["action"], kept["alert_title"]) == (
        "stacks",
        "high",
        "stacks:300ms",
        "high",
    )
    spinner = next(one for one in kept["threads"] if one["name"] == "spinner")
    assert not any(one["name"].startswith("tocsin-") for one in kept["threads"])
    names = {kept["frames"][frame][2] for _, _, stack in spinner["runs"] for frame in kept["stacks"][stack]}
    assert "spin_here" in names
    assert kept["from_s"] < 0 < kept["to_s"]
    assert any(at_s < 0 for at_s, _, _ in spinner["runs"])
    assert sum(count for _, count, _ in spinner["runs"]) <= kept["samples"]


def test_a_spike_that_is_over_before_it_rings_is_in_the_stacks_all_the_same(tmp_path: Path) -> None:
    system, clock, _ = a_system(tmp_path, "stacks:100ms", script=(1, 1, 1, 1, 99))
    over, done = threading.Event(), threading.Event()

    def spike() -> None:
        while not over.is_set():
            sum(range(1000))
        done.wait(ENOUGH_S)

    thread = threading.Thread(target=spike, name="spiky")
    thread.start()
    for _ in range(4):
        clock.advance(1)
        system._core.sensing.runtime.witness.stacks._pace.forget()  # virtual seconds pass too fast for its budget
        system._core.one_pass()
    over.set()
    clock.advance(1)
    system._core.one_pass()
    settle(system)
    done.set()
    thread.join()
    alert = system._core.engine.book.recent()[0]
    shown = {one.kind: one.lines for one in alert.evidence}
    assert any(line.startswith("spiky: ") and "in spike" in line for line in shown["stacks"])


def a_heap(at_s: float, **held: float) -> HeapSnapshot:
    stacks = tuple(
        HeapStack(
            number=number, frames=(Frame(f"/srv/{name}.py", 7, name),), live_bytes=size, live_variance=size * 1000,
            samples=10,
        )
        for number, (name, size) in enumerate(sorted(held.items()))
    )  # fmt: skip
    return HeapSnapshot(
        at_s=at_s, tier=HeapTier.SAMPLING, stacks=stacks, live_bytes=sum(held.values()), live_variance=1.0
    )


def test_a_heap_snapshot_says_by_line_what_was_gained_since_the_warm_up(tmp_path: Path) -> None:
    system, clock, _ = a_system(tmp_path, "heap_snapshot", script=(*[1.0] * 200, 99.0))
    memory = system._core.memory.room
    for at_s, held in (
        (0, {"cache": 9e6}),
        (125, {"cache": 5e6, "orders": 1e6}),
        (400, {"cache": 4e6, "orders": 31e6}),
    ):
        snapshot = a_heap(at_s, **held)
        memory._baseline.consider(snapshot)
    memory._last = memory.seen()._replace(snapshot=snapshot)
    with system:
        alert = ring(system, clock, seconds=202.0)
    shown = {one.kind: one for one in alert.evidence}
    difference = shown["heap_difference"]
    assert difference.title == "the heap since it had warmed up 4.58 min ago: +29 MB, by line"
    assert len(difference.lines) == 1  # what lost is no proof
    assert difference.lines[0].startswith("/srv/orders.py:7 in orders: +30 MB (+")
    assert difference.lines[0].endswith("now 31 MB")
    store = system._core.acting.store
    assert store is not None
    kept = json.loads(store.read(f"{alert.id}-heap"))
    sites = {
        one["function"]: (one["before_bytes"], one["now_bytes"], one["gained_bytes"])
        for one in kept["difference"]["sites"]
    }
    assert sites == {"orders": (1_000_000, 31_000_000, 30_000_000), "cache": (5_000_000, 4_000_000, -1_000_000)}
    assert kept["difference"]["warm"] is True
    assert kept["frames"][kept["stacks"][0]["frames"][0]] == ["/srv/orders.py", 7, "orders"]


def test_without_a_state_dir_nothing_is_kept_and_the_alert_still_has_its_proof() -> None:
    system, clock, _ = a_system(None, "stacks:100ms")
    stop = threading.Event()
    thread = threading.Thread(target=lambda: [sum(range(1000)) for _ in iter(stop.is_set, True)], name="spinner")
    thread.start()
    with system:
        alert = ring(system, clock)
    stop.set()
    thread.join()
    assert trace(alert)[-1][0] == "action failed"
    assert "there is no state_dir to keep it in" in words(alert)
    assert {"artifacts", "stacks"} <= {one.kind for one in alert.evidence}


def test_a_heap_that_nobody_sees_is_said_to_be_none(tmp_path: Path) -> None:
    system, clock, _ = a_system(tmp_path, "heap_snapshot")
    with system:
        alert = ring(system, clock)
    assert "there is no heap to keep (tier: rss only)" in words(alert)
    assert not (tmp_path / "artifacts").exists()
