"""How every room of a system does: what waits, what was dropped, what is down, and what the watching costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tocsin.model.levels import AlertState
from tocsin.model.readings import SeriesKey

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin.clock import Instant
    from tocsin.system.core import SystemCore

_OWN_CPU: Final = SeriesKey("tocsin.self.cpu")
MAX_DEAREST: Final = 5
_SET_ASIDE: Final = "set aside"


def health_of_rooms(core: SystemCore, latest: Mapping[SeriesKey, float], now: Instant) -> dict[str, Any]:
    """By room, in the order in which a reading goes through them.

    Args:
        core: the system.
        latest: the last reading of each series.
        now: the moment.
    """
    return {
        "watch": _watch(core, now),
        "sensing": _sensing(core),
        "intake": core.intake.counts() | {"capacity": max(core.config.emit_queue_size, 0)},
        "alerts": _alerts(core),
        "channels": core.telling.delivery.status(),
        "listeners": {"failed": core.telling.listeners_failed()},
        "journal": core.recorder.status(now),
        "cost": _cost(core, latest),
    }


def _watch(core: SystemCore, now: Instant) -> dict[str, Any]:
    passed_at = core.passed_at
    return {
        "running": core.is_started(),
        "last_pass_s": None if passed_at is None else max(now.mono_s - passed_at.mono_s, 0.0),
        "interval_s": core.interval_s(),
        "failed": core.watch.failed_passes.value(),
        "deaths": core.watch.deaths.value(),
        "last_error": core.watch.last_error,
    }


def _sensing(core: SystemCore) -> dict[str, Any]:
    health = core.sensing.health()
    return {
        "sensors": len(health),
        "set_aside": [
            {"name": one.name, "reason": one.reason, "failures": one.failures, "retry_in_s": one.retry_in_s}
            for one in health
            if one.state == _SET_ASIDE
        ],
        "series": len(core.engine.series),
        "readings_dropped": dict(core.sensing.metrics.dropped),
    }


def _alerts(core: SystemCore) -> dict[str, Any]:
    states = [alert.state for alert in core.engine.book.open_alerts()]
    teller = core.engine.decisions.teller
    return {
        "firing": states.count(AlertState.FIRING),
        "pending": states.count(AlertState.PENDING),
        "unsaid": teller.has_unsaid(),
        "storm": teller.storm.active,
        "history_dropped": core.engine.history.dropped,
    }


def _cost(core: SystemCore, latest: Mapping[SeriesKey, float]) -> dict[str, Any]:
    costs = core.sensing.monitor.costs(core.config.check_interval)
    return {
        "cpu": latest.get(_OWN_CPU),
        "budget": core.config.self_budget / 100,
        "dearest": [{"sensor": name, "cpu": share} for name, share in list(costs.items())[:MAX_DEAREST]],
    }
