"""Systems that act, for the tests of this folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tocsin import AlertCategory, AlertRule, AlertSeverity, AlertSystem
from tocsin.testing import RecordingChannel, ScriptedSensor, system_for_tests

if TYPE_CHECKING:
    from pathlib import Path

    from tocsin.clock import VirtualClock
    from tocsin.model.alert import PerformanceAlert

ENOUGH_S = 30.0


def a_rule(*actions: str, **fields: Any) -> AlertRule:
    return AlertRule("high", AlertCategory.GENERAL, AlertSeverity.WARNING, 10, metric="m", actions=actions, **fields)


def a_system(
    folder: Path | None,
    *actions: str,
    script: tuple[float, ...] = (1, 99),
    sensors: tuple[Any, ...] = (),
    **settings: Any,
) -> tuple[AlertSystem, VirtualClock, RecordingChannel]:
    bell = RecordingChannel()
    plain = {"state_dir": folder, "artifacts": {"min_free": 1}, "memory": {"enabled": False}}
    system, clock = system_for_tests(
        bell, sensors=[ScriptedSensor("m", script), *sensors], rules=[a_rule(*actions)], **{**plain, **settings}
    )
    return system, clock, bell


def ring(system: AlertSystem, clock: VirtualClock, *, seconds: float = 3.0) -> PerformanceAlert:
    """Let it ring, and wait for all that is done about it."""
    clock.advance(seconds)
    settle(system)
    return system._core.engine.book.recent()[0]


def settle(system: AlertSystem) -> None:
    assert system._core.acting.room.flush(ENOUGH_S)
    assert system.flush(ENOUGH_S)


def trace(alert: PerformanceAlert) -> list[tuple[str, str]]:
    return [(step.what, step.why) for step in alert.trace if "act" in step.what]


def words(alert: PerformanceAlert) -> str:
    return "\n".join(f"{what} {why}" for what, why in trace(alert))
