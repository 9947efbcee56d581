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

# Rules alone are tried faster: on written readings, and without a system.

from tocsin.testing import play

scene = play(rule, {"orders.depth": "1x9 99x5 1"}, every="10s")
assert scene.at("80s").told == []
assert scene.at("2min").told == ["firing orders-deep"]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tocsin.clock import Instant, VirtualClock
from tocsin.config import AlertConfig
from tocsin.model.notice import Notice, NoticeKind
from tocsin.model.readings import SeriesKey, canonical_labels
from tocsin.model.rule import AlertRule
from tocsin.model.series_text import parse_series
from tocsin.replay.scene import START, Scene, Stop, readings_of, seconds_of
from tocsin.sensors.protocol import Tier
from tocsin.system import AlertSystem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from tocsin.model.alert import PerformanceAlert
    from tocsin.sensors.protocol import Sensor

__all__ = [
    "RecordingChannel",
    "Scene",
    "ScriptedSensor",
    "Stop",
    "VirtualClock",
    "fast_config",
    "play",
    "system_for_tests",
]


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


def play(
    rules: AlertRule | Iterable[AlertRule] | AlertConfig,
    series: Mapping[str, str | Sequence[float | None]],
    *,
    every: float | str = 1.0,
    start: datetime = START,
) -> Scene:
    """Play written readings to rules, in the engine that watches programs; no thread, no waiting, nobody is told.

    Args:
        rules: one, several, or a configuration with its routes, windows and limits.
        series: to each metric (`disk.usage{device="sda"}` where it has labels) its readings, one a step: in the compact
            notation of rule tests, `"600MBx3 _x2 700MBx6"`, or numbers in the metric's base unit, None for no reading.
        every: from one reading to the next; seconds, or a text such as "10s".
        start: the wall clock at the beginning; aware.
    Returns: the scene at its beginning; `scene.at("40s")` goes on to a time and says how things stand.
    Raises: ConfigError: if a rule is wrong. ValueError: if readings or a time are.
    """
    if isinstance(rules, AlertRule):
        rules = [rules]
    config = rules if isinstance(rules, AlertConfig) else AlertConfig(rules=rules, default_rules=False)
    every_s = seconds_of(every)
    if every_s <= 0:
        raise ValueError(f"found every={every!r}, expected a time above 0")
    if start.tzinfo is None:
        raise ValueError("play: start has no time zone; pass an aware datetime")
    keys = {name: parse_series(name) for name in series}
    read = {key: readings_of(series[name], key.metric) for name, key in keys.items()}
    return Scene(config, read, every_s=every_s, start=start)
