"""Locks are taken in one order: whatever the doors do, on many threads, no two locks are ever taken both ways."""

from __future__ import annotations

import asyncio
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import tocsin
from tocsin import (
    AlertCategory,
    AlertRule,
    AlertSeverity,
    AlertSystem,
    MonitoringCoordinator,
    PerformanceAlert,
    load_config,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FILE = (
    'control = false\nsuppress_after = {0}\nself_budget = "{0} %"\ndynamic_interval = true\n'
    '[[channel]]\ntype = "file"\npath = "alerts"\nkeep = {0}\n'
    '[[rule]]\nname = "r{0}"\nmetric = "depth"\nthreshold = 2\n'
)
ROOT = Path(tocsin.__file__).parent
Edges = set[tuple[str, str]]


class Order:
    """Hands out locks that write down which were held when another was taken, by the line that made them."""

    def __init__(self) -> None:
        self.edges: Edges = set()
        self.taken: set[str] = set()
        self._held = threading.local()

    def maker(self, make: Callable[[], Any]) -> Callable[[], Any]:
        def made() -> Any:
            frame = sys._getframe(1)
            path = Path(frame.f_code.co_filename)
            if ROOT not in path.parents or path == ROOT / "clock.py":
                return make()  # a `Wakeup` waits at a lock that somebody else releases: no critical section
            return _Lock(make(), f"{path.relative_to(ROOT)}:{frame.f_lineno}", self)

        return made

    def took(self, name: str) -> None:
        held: list[str] = self._held.__dict__.setdefault("names", [])
        self.taken.add(name)
        self.edges |= {(one, name) for one in held if one != name}
        held.append(name)

    def gave(self, name: str) -> None:
        held: list[str] = self._held.__dict__.setdefault("names", [])
        if name in held:
            held.reverse()
            held.remove(name)
            held.reverse()


class _Lock:
    def __init__(self, lock: Any, name: str, order: Order) -> None:
        self._lock, self._name, self._order = lock, name, order

    def acquire(self, *args: Any, **named: Any) -> bool:
        taken = bool(self._lock.acquire(*args, **named))
        if taken:
            self._order.took(self._name)
        return taken

    def release(self) -> None:
        self._lock.release()
        self._order.gave(self._name)

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lock, name)  # what threading.Condition asks of its lock


@pytest.fixture
def order(monkeypatch: pytest.MonkeyPatch) -> Iterator[Order]:
    order = Order()
    monkeypatch.setattr(threading, "Lock", order.maker(threading.Lock))
    monkeypatch.setattr(threading, "RLock", order.maker(threading.RLock))
    yield order
    monkeypatch.undo()


def circle(edges: Edges) -> list[str]:
    """Some locks of which each was held when the next was taken, and the last when the first was; else empty."""
    after: dict[str, set[str]] = {}
    for before, behind in edges:
        after.setdefault(before, set()).add(behind)

    def walk(path: list[str]) -> list[str]:
        for behind in sorted(after.get(path[-1], ())):
            if behind in path:
                return path[path.index(behind) :]
            if found := walk([*path, behind]):
                return found
        return []

    return next((found for start in sorted(after) if (found := walk([start]))), [])


def test_a_circle_is_found_and_a_chain_is_none() -> None:
    assert circle({("a", "b"), ("b", "c"), ("a", "c")}) == []
    assert circle({("a", "b"), ("b", "c"), ("c", "a")}) == ["a", "b", "c"]


def use_every_door(bell: AlertSystem, number: int, file: Path) -> None:
    """What a program may do with a system, from one of several threads."""
    rule = AlertRule(f"depth-{number}", AlertCategory.GENERAL, AlertSeverity.WARNING, 5, metric="depth")

    def channel(alert: PerformanceAlert) -> None:
        bell.emit("Told", f"of {alert.title}", 1, "channel")

    channel.__name__ = f"channel-{number}"
    bell.register_thread()
    with bell.registered(f"worker-{number}", heartbeat_s=60.0) as registered:
        registered.heartbeat()
        bell.add_rule(rule)
        bell.record("depth", 9.0)
        with bell.timed("work"):
            alert = bell._emit_alert(f"Odd {number}", "m", 3, "test")
        bell.emit("Equal", "m", 2, "test")
        assert alert is not None
        bell.acknowledge(alert.id)
        bell.resolve(alert.fingerprint)
        bell.add_sensor(lambda: {"depth": 1.0})
        bell.add_channel(channel)
        with bell.buffers.allocate(100):
            bell.buffers.track(f"list-{number}", list(range(3)), capacity=3)
        bell.disable_rule(rule.name)
        bell.flush(20)
        bell.status()
        bell.remove_rule(rule.name)
        file.write_text(FILE.format(number + 1))
        bell.reload()
        asyncio.run(use_every_coroutine(bell))
    bell.unregister_thread()


async def use_every_coroutine(bell: AlertSystem) -> None:
    await bell.check_cpu_usage()
    await bell.check_memory_usage()
    await bell.check_storage_latency()
    await bell.check_buffer_usage()
    await bell.get_recent_alerts()
    await bell.clear_history()


@pytest.mark.parametrize("started", [True, False])
def test_no_two_locks_are_ever_taken_both_ways(
    order: Order, started: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tocsin.config.again.SETTLE_S", 0.0)
    file = tmp_path / "tocsin.toml"
    file.write_text(FILE.format(9))
    coordinator = MonitoringCoordinator()
    bell = AlertSystem(load_config(file), coordinator=coordinator)
    bell.alert_triggered.connect(lambda title, message, level: bell.emit("Heard", "m", 1, "listener"))
    bell.buffers.on_pressure("warning", lambda *_: bell.emit("Full", "m", 1, "buffers"))
    if started:
        bell.start()
    failed: list[BaseException] = []

    def work(number: int) -> None:
        try:
            use_every_door(bell, number, file)
        except BaseException as error:  # noqa: BLE001 - the test tells of it
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "two of them wait for each other"
    assert bell.reload().applied
    asyncio.run(bell.cleanup())
    assert bell.stop(20)
    assert failed == []
    assert len(order.taken) > 5
    assert circle(order.edges) == []
