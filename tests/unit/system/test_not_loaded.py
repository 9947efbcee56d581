"""What is not switched on is not loaded; asked for later it is there, and none of our own threads loads it."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest
from tests.unit.system.programs import run

if TYPE_CHECKING:
    from pathlib import Path

SPY = """
    import json, sys, threading, time

    loaded = []

    class Spy:
        def find_spec(self, name, path=None, target=None):
            loaded.append((name, threading.current_thread().name))

    sys.meta_path.insert(0, Spy())
    import tocsin
"""
CONFIG = """
    off = {"dynamic_thresholds": False, "memory": {"enabled": False}, "check_interval": "50ms"}
    rule = tocsin.AlertRule("high", "general", "info", "1000 TB", metric="process.memory.usage")
    config = tocsin.AlertConfig(channels=[], rules=[rule], **off)
"""
START = """
    system = tocsin.AlertSystem(config).start()

    def wait_for(there):
        until_s = time.monotonic() + 30
        while not there() and time.monotonic() < until_s:
            time.sleep(0.02)
        assert there()

    wait_for(lambda: system.latest() and system._core.passed_at)
"""
BARE = SPY + CONFIG + START
# Rooms, and what of them stands in their place.
ROOMS = (
    "sqlite3",
    "tocsin.artifacts",
    "tocsin.control",
    "tocsin.journal",
    "tocsin.memory_alerts",
    "tocsin.memory",
    "tocsin.replay",
    "tocsin.rules.detectors",
    "tocsin.rules.learned",
    "tocsin.sensors.buffers",
    "tocsin.system.acting",
    "tocsin.system.answers",
    "tocsin.system.doors.checks",
    "tocsin.system.lastrun",
    "tocsin.system.memory",
    "tocsin.system.reload",
    "tocsin.web",
)
STAND_INS = frozenset({
    "tocsin.memory", "tocsin.memory.hook_lock", "tocsin.memory.settings", "tocsin.system.acting",
    "tocsin.system.acting.part", "tocsin.system.lastrun", "tocsin.system.lastrun.part", "tocsin.system.memory",
    "tocsin.system.memory.part",
})  # fmt: skip


def test_a_system_loads_no_room_that_it_does_not_use() -> None:
    done = run(f"{BARE}\n    print(json.dumps(sorted(sys.modules)))")
    assert done.code == 0, done.err
    found = [name for name in json.loads(done.out) if any(f"{name}.".startswith(f"{room}.") for room in ROOMS)]
    assert sorted(set(found) - STAND_INS) == []


LATER = {
    "memory": ("tocsin.system.memory.room", "assert system.memory.report().rss_mb > 1"),
    "buffers": (
        "tocsin.sensors.buffers.manager",
        """
    queue = [None] * 3
    system.buffers.track("queue", lambda: len(queue), capacity=4)
    wait_for(lambda: 0.75 in system.latest().values())
        """,
    ),
    "a rule that learns": (
        "tocsin.rules.detectors.anomaly",
        """
    system.add_rule(tocsin.AlertRule(
        "odd", "general", "info", None, condition="anomalous", metric="process.memory.usage",
    ))
    wait_for(lambda: any(one.verdict for one in system._core.engine.learners._known.values()))
        """,
    ),
    "a rule that acts": (
        "tocsin.system.acting.room",
        """
    acts = ("call:json.dumps", "heap_snapshot", "stacks:100ms")
    system.add_rule(tocsin.AlertRule("any", "general", "info", "1 B", metric="process.memory.usage", actions=acts))

    def outcomes():  # a machine that is busy just now refuses some of them
        steps = [step for alert in system.open_alerts() for step in alert.trace]
        ended = [step.why for step in steps if step.what in {"acted", "not acted", "action failed"}]
        return {why.partition(":")[0]: why for why in ended}

    wait_for(lambda: len(outcomes()) == len(acts))
    assert "there is no state_dir to keep it in" in outcomes()["stacks"]
        """,
    ),
    "a check": (
        "tocsin.system.doors.checks",
        """
    import asyncio
    assert asyncio.run(system.check_memory_usage()).value > 0
        """,
    ),
    "a reload": ("tocsin.system.reload.reloader", "assert 'not read from a file' in system.reload().reasons[0]"),
    "its status": ("tocsin.system.answers.account", "assert system.status()['rules'] > 0"),
    "answers": ("tocsin.system.answers.alerts", "assert system.answers()['leaks']({})['enabled'] is False"),
}


@pytest.mark.skipif(sys.platform != "linux", reason="what sensors load elsewhere is psutil's")
@pytest.mark.parametrize("asked", LATER)
def test_what_is_asked_for_later_is_loaded_by_whoever_asks_and_works(asked: str) -> None:
    module, use = LATER[asked]
    done = run(f"{BARE}\n    assert {module!r} not in sys.modules\n    {use.strip()}\n    print(json.dumps(loaded))")
    assert done.code == 0, done.err
    loaded = json.loads(done.out)
    assert module in {name for name, _ in loaded}
    assert [name for name, thread in loaded if thread != "MainThread"] == []


FILE = """\
check_interval = "50ms"
dynamic_thresholds = false
memory.enabled = false

[[rule]]
name = "odd"
metric = "orders.waiting"
condition = "greater_than"
threshold = 1000
"""
RELOADED = """
    path = sys.argv[1]
    config = tocsin.load_config(path)
"""
LEARNS = """
    assert "tocsin.rules.learned" not in sys.modules
    with open(path) as file:
        text = file.read().replace('"greater_than"', '"anomalous"').replace("threshold = 1000", "")
    with open(path, "w") as file:
        file.write(text)
    done = system.reload()
    assert done.applied, done
    system.record("orders.waiting", 7)  # from now on there is a series; the watch thread meets it
    wait_for(lambda: any(one.verdict for one in system._core.engine.learners._known.values()))
    print(json.dumps(loaded))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="what sensors load elsewhere is psutil's")
def test_a_rule_that_comes_with_a_reload_brings_what_it_needs(tmp_path: Path) -> None:
    path = tmp_path / "tocsin.toml"
    path.write_text(FILE, "utf-8")
    done = run(SPY + RELOADED + START + LEARNS, str(path))
    assert done.code == 0, done.err
    assert [name for name, thread in json.loads(done.out) if thread != "MainThread"] == []


# What is loaded late sets its hook at forks behind ours, and ours lets the profiler of the parent stop.
FORKS = """
    import os, signal
    from tocsin.system import forking

    config = tocsin.AlertConfig(channels=[], check_interval="50ms", control=False)
    late = tocsin.AlertSystem(config).start()
    forking.watch_again_in_children(late)
    from tocsin.memory import hook_lock

    held, done = threading.Event(), threading.Event()

    def hold():
        with hook_lock.lock:
            held.set()
            done.wait()

    threading.Thread(target=hold).start()
    held.wait()
    child = os.fork()
    if child == 0:
        wait_for(lambda: late.latest() and late.memory.last_report() is not None)
        os._exit(0)
    until_s = time.monotonic() + 30
    while not (ended := os.waitpid(child, os.WNOHANG))[0] and time.monotonic() < until_s:
        time.sleep(0.02)
    if not ended[0]:
        os.kill(child, signal.SIGKILL)
    print(ended[1] if ended[0] else "hung", flush=True)
    os._exit(0)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="as above, and there is a fork")
def test_a_profiler_that_was_loaded_late_hangs_no_child_whose_parent_held_its_lock() -> None:
    done = run(SPY + CONFIG + START + FORKS)
    assert (done.code, done.out) == (0, "0\n"), done.err
