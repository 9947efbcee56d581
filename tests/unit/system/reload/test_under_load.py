"""While threads emit and readings cross thresholds, configurations come and go: nothing is lost, nothing told twice."""

from __future__ import annotations

import functools
import json
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tocsin import AlertSystem, load_config
from tocsin.config import again
from tocsin.model.readings import SeriesKey
from tocsin.sensors.protocol import Tier
from tocsin.testing import RecordingChannel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tocsin.clock import Instant

ENOUGH_S = 30.0
REFUSED = "Configuration refused"
THREADS, EVENTS, RELOADS = 4, 150, 40
STEADY = '[[rule]]\nname = "steady"\nmetric = "depth"\nthreshold = 50\n'
FLEETING = '[[rule]]\nname = "fleeting"\nmetric = "depth"\nthreshold = 50\n'
HEAD = (
    'check_interval = "50 ms"\ndefault_rules = false\ndynamic_interval = false\nstorm_after = 0\n'
    "suppress_after = 100000\nmax_open_alerts = 5000\nhistory_size = 1000\n"
)


def kept(name: str, keep: int) -> str:
    return f'[[channel]]\ntype = "file"\nname = "{name}"\npath = "{name}.jsonl"\nmax_size = "1 GB"\nkeep = {keep}\n'


# One channel stays as it is, one is made anew each time, and one comes and goes.
ONE = f"{HEAD}rate_limit = 1e9\n{STEADY}{kept('same', 3)}{kept('anew', 3)}{kept('fleeting', 3)}"
TWO = f"{HEAD}rate_limit = 1e8\n{STEADY}{FLEETING}{kept('same', 3)}{kept('anew', 4)}"
BROKEN = f"{HEAD}{STEADY}{kept('same', 3)}[[rule"


class Wave:
    """A sensor that is above the threshold at each second reading."""

    name = "depth"
    tier = Tier.CORE

    def __init__(self) -> None:
        self.layout = (SeriesKey("depth"),)
        self.reads = 0

    def read(self, _now: Instant) -> list[float]:
        self.reads += 1
        return [90.0 if self.reads % 2 else 10.0]

    def close(self) -> None:
        """Nothing is kept open."""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(again, "SETTLE_S", 0.0)
    (tmp_path / "tocsin.toml").write_text(ONE)
    return tmp_path


@pytest.fixture
def system(place: Path) -> Iterator[AlertSystem]:
    system = AlertSystem(load_config(place / "tocsin.toml"), sensors=[Wave()])
    yield system
    system.stop(ENOUGH_S)


def spied(system: AlertSystem) -> list[frozenset[str]]:
    """The rules of each step."""
    engine = system._core.engine
    seen: list[frozenset[str]] = []
    step = engine.step

    def spy(inputs: Any, now: Instant) -> Any:
        seen.append(frozenset(compiled.rule.name for compiled in engine.rules))
        return step(inputs, now)

    engine.step = spy  # type: ignore[method-assign]
    return seen


def together(*works: Callable[[], object]) -> None:
    failed: list[BaseException] = []

    def run(work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - told below
            failed.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(ENOUGH_S)
    assert not any(thread.is_alive() for thread in threads)
    assert failed == []


def told(path: Path) -> Counter[tuple[str, str]]:
    """How often each alert was told in a file, by kind and title or, of a rule's alert, id."""
    notices = [json.loads(line) for line in path.read_text().splitlines()]
    held = {line["title"] for notice in notices for line in notice["digest"]}
    assert held <= {REFUSED}, "something was held back"
    alerts = [(notice["kind"], alert) for notice in notices for alert in notice["alerts"]]
    return Counter((kind, alert["id"] if alert["rule"] else alert["title"]) for kind, alert in alerts)


def heard(bell: RecordingChannel) -> Counter[tuple[str, str]]:
    """The same of a channel that keeps what it is told."""
    alerts = [(notice.kind.value, alert) for notice in bell.notices for alert in notice.alerts]
    return Counter((kind, alert.id if alert.rule else alert.title) for kind, alert in alerts)


def test_nothing_is_lost_or_told_twice_while_configurations_come_and_go(system: AlertSystem, place: Path) -> None:
    bell = RecordingChannel("bell")  # the program's own: no reload takes it away
    system.add_channel(bell)
    seen = spied(system)
    system.start()

    def emit(number: int) -> None:
        for event in range(EVENTS):
            system.emit(f"{number}-{event}", "m", "warning", f"s{number}-{event}")
            if event % 10 == 0:
                threading.Event().wait(0.005)

    def reload() -> None:
        for turn in range(RELOADS):
            (place / "tocsin.toml").write_text((TWO, BROKEN, ONE)[turn % 3])
            system._core.watch.hurry()  # readings come all the time
            assert system.reload().applied is (turn % 3 != 1)

    together(*(functools.partial(emit, number) for number in range(THREADS)), reload)
    assert system.flush(ENOUGH_S)
    assert system.stop(ENOUGH_S)
    assert set(seen) == {frozenset({"steady"}), frozenset({"steady", "fleeting"})}, "a step saw half a configuration"
    rang = [alert for alert in system._core.engine.book.recent() if alert.rule]
    assert len(rang) > 10
    assert {alert.rule for alert in rang} == {"steady", "fleeting"}
    emitted = {f"{number}-{event}" for number in range(THREADS) for event in range(EVENTS)}
    for name, counts in {
        "kept": told(place / "same.jsonl"), "made anew": told(place / "anew.jsonl"), "the program's": heard(bell),
    }.items():  # fmt: skip
        fired = {what for kind, what in counts if kind == "firing"}
        assert fired == {*emitted, REFUSED, *(alert.id for alert in rang)}, (
            f"the channel that was {name} missed something"
        )
        ended = {what for kind, what in counts if kind == "resolved"}
        assert ended == {alert.id for alert in rang if alert.resolved_at is not None}, name
        assert {count for key, count in counts.items() if key[1] != REFUSED} == {1}, f"{name}: told twice"


def test_several_reloads_at_once_end_with_what_stands_in_the_file(system: AlertSystem, place: Path) -> None:
    system.start()
    (place / "tocsin.toml").write_text(TWO)
    results: list[Any] = []
    together(*(lambda: results.append(system.reload()) for _ in range(6)))
    assert all(found.applied for found in results)
    assert sum(bool(found.changes) for found in results) == 1
    assert [rule.name for rule in system.rules] == ["steady", "fleeting"]


def test_a_file_that_is_rewritten_all_the_time_is_taken_whole_or_not_at_all(
    system: AlertSystem, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(again, "SETTLE_S", 0.002)
    seen = spied(system)
    system.start()
    done = threading.Event()

    def write() -> None:
        turn = 0
        while not done.is_set():
            turn += 1
            with open(place / "tocsin.toml", "w", encoding="utf-8") as file:  # noqa: PTH123 - in pieces
                text = (ONE, TWO)[turn % 2]
                file.write(text[:200])
                file.flush()
                threading.Event().wait(0.0005)
                file.write(text[200:])
            threading.Event().wait(0.004)

    def reload() -> None:
        try:
            for _ in range(15):
                system.reload()
        finally:
            done.set()

    together(write, reload)
    assert set(seen) <= {frozenset({"steady"}), frozenset({"steady", "fleeting"})}
    assert {rule.name for rule in system.rules} >= {"steady"}
