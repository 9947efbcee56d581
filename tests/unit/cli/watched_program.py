"""A program with a journal, for the commands on alerts: it runs, or it has ended."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from tocsin import AlertCategory, AlertConfig, AlertRule, AlertSeverity, AlertSystem, DeliveryError, Routed
from tocsin.testing import RecordingChannel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ENOUGH_S = 20.0
BOTH = pytest.mark.parametrize("where", ["running", "stopped"])


def until(condition: Callable[[], bool]) -> None:
    """Wait for what no event tells of; far longer than it can take."""
    until_s = time.monotonic() + ENOUGH_S
    while not condition():
        assert time.monotonic() < until_s
        threading.Event().wait(0.005)


class Program:
    """A program with a journal, which runs or has ended."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.bell = RecordingChannel("bell")
        self.dead = RecordingChannel("dead", fail_with=DeliveryError("no such address", permanent=True))
        self.system = self._made()

    def _made(self) -> AlertSystem:
        channels: list[Any] = [self.bell, Routed(self.dead, severity="critical")]
        rule = AlertRule("high", AlertCategory.GENERAL, AlertSeverity.WARNING, 10, metric="app.level", for_s=3600)
        config = AlertConfig(
            name="orders", state_dir=self.state, channels=channels, rules=[rule], default_rules=False, control=True,
            check_interval=0.05, memory={"enabled": False},
        )  # fmt: skip
        return AlertSystem(config, sensors=()).start()

    def emit(self, title: str, level: str = "warning", **fields: Any) -> str:
        return self.system.emit(title, f"{title} is bad", level, "backup", durable=True, **fields).id

    def where(self, where: str) -> list[str]:
        """The options that choose it, after it was ended if so asked."""
        assert self.system.flush(ENOUGH_S)
        if where == "running":
            return ["--name", "orders"]
        assert self.system.stop(ENOUGH_S)
        return ["--state-dir", str(self.state)]

    def again(self) -> AlertSystem:
        """Its next run, with the channel that failed in order."""
        self.system.stop(ENOUGH_S)
        self.dead.fail_with = None
        self.system = self._made()
        return self.system
