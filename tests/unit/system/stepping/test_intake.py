"""The queue between the program's threads and the one that steps: what is critical has a place of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tocsin import AlertConfig, AlertSeverity, AlertSystem
from tocsin.system.stepping import intake as intake_module

if TYPE_CHECKING:
    from tocsin.system.stepping.intake import Intake


class Full:
    """A system whose thread does not come to take what waits."""

    def __init__(self, capacity: int = 3) -> None:
        self.system = AlertSystem(
            AlertConfig(emit_queue_size=capacity, channels=[], default_rules=False, control=False), sensors=()
        )
        self.intake: Intake = self.system._core.intake
        self.intake._ring = lambda: None  # nobody hears the bell

    def emit(self, title: str, level: Any = "warning") -> bool:
        return self.system.emit(title, "m", level, title).accepted

    def drained(self) -> list[str]:
        return [event.title for event in self.intake.drain()]


@pytest.mark.parametrize("level", ["critical", "CRITICAL ", 3, 3.0, AlertSeverity.CRITICAL], ids=repr)
def test_a_queue_full_of_lesser_events_takes_what_is_critical(level: Any) -> None:
    full = Full()
    assert [full.emit(f"w{number}", AlertSeverity.WARNING) for number in range(4)] == [True, True, True, False]
    assert [full.emit(f"i{number}", "info") for number in range(2)] == [False, False]
    assert full.emit("urgent", level)
    assert full.drained() == ["urgent"]
    assert full.drained() == ["w0", "w1", "w2"]
    assert full.intake.counts() == {"offered": 7, "accepted": 4, "coalesced": 0, "dropped": 3, "waiting": 0}


def test_what_is_critical_is_bounded_too_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake_module, "URGENT", 2)
    full = Full(capacity=10)
    assert [full.emit(f"c{number}", "critical") for number in range(3)] == [True, True, False]
    assert full.emit("w")
    assert full.intake.counts()["dropped"] == 1
    assert len(full.intake) == 3


def test_critical_events_go_first_and_without_the_others() -> None:
    full = Full(capacity=10)
    for title, level in [("w1", 2), ("c1", 3), ("w2", 2), ("c2", 3)]:
        assert full.emit(title, level)
    assert full.drained() == ["c1", "c2"]
    assert full.drained() == ["w1", "w2"]
    assert full.drained() == []


def test_of_very_many_some_stay_for_the_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake_module, "AT_ONCE", 2)
    full = Full(capacity=10)
    for number in range(5):
        full.emit(f"w{number}")
    assert [full.drained(), full.drained(), full.drained()] == [["w0", "w1"], ["w2", "w3"], ["w4"]]
    assert len(full.intake) == 0


def test_in_a_disabled_system_nothing_critical_is_taken_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_DISABLED", "1")
    assert not Full().emit("urgent", "critical")
