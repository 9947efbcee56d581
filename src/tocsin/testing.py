"""For the tests of programs that use Tocsin: an obedient clock, a channel that remembers, a sensor with a script.

from tocsin import AlertCategory, AlertRule, AlertSeverity
from tocsin.testing import RecordingChannel, ScriptedSensor, system_for_tests

rule = AlertRule("orders-deep", AlertCategory.GENERAL, AlertSeverity.WARNING, 50, metric="orders.depth")
channel = RecordingChannel()
system, clock = system_for_tests(channel, sensors=[ScriptedSensor("orders.depth", [1, 1, 99])], rules=[rule])
with system:
    clock.advance(2)
    system.flush()
assert channel.titles() == ["orders-deep"]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tocsin.clock import Instant, VirtualClock
from tocsin.config import AlertConfig
from tocsin.model.notice import Notice, NoticeKind
from tocsin.model.readings import SeriesKey, canonical_labels
from tocsin.sensors.protocol import Tier
from tocsin.system import AlertSystem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tocsin.model.alert import PerformanceAlert
    from tocsin.sensors.protocol import Sensor

__all__ = ["RecordingChannel", "ScriptedSensor", "VirtualClock", "fast_config", "system_for_tests"]


class RecordingChannel:
    """A channel that keeps what it is told.

    Args:
        name: the channel's name.
        fail_with: raised at each delivery instead of keeping it, for tests of what happens then.

    Attributes:
        notices: all that was told, in order.
    """

    def __init__(self, name: str = "recording", *, fail_with: Exception | None = None) -> None:
        self.name = name
        self.fail_with = fail_with
        self.notices: list[Notice] = []

    async def send_alert(self, alert: PerformanceAlert) -> None:
        """Keep one alert, as if it were a notice of its own."""
        kind = NoticeKind.RESOLVED if alert.resolved_at is not None else NoticeKind.FIRING
        self.deliver(
            Notice(
                id=alert.id,
                channel=self.name,
                kind=kind,
                severity=alert.severity,
                created_at=alert.last_at,
                alerts=(alert,),
            )
        )

    def deliver(self, notice: Notice) -> None:
        """Keep a notice."""
        if self.fail_with is not None:
            raise self.fail_with
        self.notices.append(notice)

    @property
    def alerts(self) -> list[PerformanceAlert]:
        """The alerts that were told to fire, in order."""
        return [alert for notice in self.notices if notice.kind is NoticeKind.FIRING for alert in notice.alerts]

    @property
    def resolved(self) -> list[PerformanceAlert]:
        """The alerts that were told to be over, in order."""
        return [alert for notice in self.notices if notice.kind is NoticeKind.RESOLVED for alert in notice.alerts]

    @property
    def held_back(self) -> int:
        """How many occurrences the digests counted."""
        return sum(line.count for notice in self.notices for line in notice.digest)

    def titles(self) -> list[str]:
        """The titles of the alerts that were told to fire, in order."""
        return [alert.title for alert in self.alerts]


class ScriptedSensor:
    """A sensor whose readings are written down beforehand, one a pass; the last one stays.

    Args:
        metric: the metric it reads.
        script: the readings; None for "nothing measured", an exception to be raised.
        labels: of its series.
        name: the sensor's name; by default the metric's.
    """

    tier = Tier.CORE

    def __init__(
        self,
        metric: str,
        script: Sequence[float | Exception | None],
        *,
        labels: Mapping[str, str] | None = None,
        name: str = "",
    ) -> None:
        if not script:
            raise ValueError("ScriptedSensor: the script is empty; give it at least one reading")
        self.name = name or metric
        self.layout = (SeriesKey(metric, canonical_labels(labels or {})),)
        self._script = list(script)
        self.reads = 0

    def read(self, now: Instant) -> list[float]:  # noqa: ARG002 - a script needs no clock
        """The next line of the script."""
        line = self._script[min(self.reads, len(self._script) - 1)]
        self.reads += 1
        if isinstance(line, Exception):
            raise line
        return [float("nan") if line is None else float(line)]

    def close(self) -> None:
        """Nothing is kept open."""


def fast_config(*channels: Any, **settings: Any) -> AlertConfig:
    """A configuration for tests: short windows, no default rules, and only the channels that are given.

    Args:
        *channels: by default one `RecordingChannel` that nobody reads.
        **settings: of `AlertConfig`, instead of the short ones.
    """
    short: dict[str, Any] = {
        "name": "test", "check_interval": 1.0, "default_rules": False, "suppress_window": "10s",
        "event_ttl": "20s", "error_backoff": "1s", "dynamic_interval": False,
    }  # fmt: skip
    return AlertConfig(channels=list(channels) or [RecordingChannel()], **{**short, **settings})


def system_for_tests(
    *channels: Any, sensors: Iterable[Sensor] = (), clock: VirtualClock | None = None, **settings: Any
) -> tuple[AlertSystem, VirtualClock]:
    """An AlertSystem on a clock that stands still until it is moved, with scripted sensors only.

    Returns: the system, not started, and its clock.
    """
    clock = clock or VirtualClock()
    return AlertSystem(fast_config(*channels, **settings), clock=clock, sensors=sensors), clock
