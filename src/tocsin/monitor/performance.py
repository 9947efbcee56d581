"""Which sensor is read when, and what becomes of one that fails."""

from __future__ import annotations

import math
import time
from itertools import compress
from typing import TYPE_CHECKING, Final

import msgspec

from tocsin.clock import Clock, Instant, SystemClock
from tocsin.errors import ConfigError, SampleError
from tocsin.model.readings import PerformanceReport, SensorHealth, SeriesKey
from tocsin.monitor.budget import DEFAULT_SHARE, SelfBudget
from tocsin.monitor.watched import WatchedSensor
from tocsin.sensors.choose import host_sensors, process_sensors

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tocsin.sensors.own import OwnMetrics
    from tocsin.sensors.protocol import Sensor

# In calm times the slow tiers take twice their time.
RELAXED: Final = 2.0
# A sensor's cost is a mean of about its last ten readings.
COST_WEIGHT: Final = 0.1

_FIRST_RETRY_S: Final = 10.0
_LAST_RETRY_S: Final = 600.0


class SensorChange(msgspec.Struct, frozen=True):
    """A sensor was set aside or came back.

    Attributes:
        health: how it does now.
        series_ids: the series that it read last.
    """

    health: SensorHealth
    series_ids: list[int]


class Batch(msgspec.Struct, frozen=True):
    """What was read at one time, in the form that is cheap for the engine.

    Attributes:
        ids: the number of each reading's series.
        values: the readings, finite, in base units; side by side with `ids`.
        new_keys: series that were numbered since the last batch.
        health_changes: sensors that were set aside or came back since the last batch.
    """

    ids: list[int]
    values: list[float]
    new_keys: list[tuple[int, SeriesKey]]
    health_changes: list[SensorChange]


class PerformanceMonitor:
    """Reads sensors, each as often as its tier asks for, and sets aside alone the one that fails.

    A sensor that fails is tried again after 10 seconds, then after twice as long each time, at most 600. Sensors are
    read by one thread at a time; `add` and `remove` may come from any.

    Args:
        sensors: what to read; None for all of this machine and this process.
        clock: the clock of `read`.
        pid: the process to watch instead of this one, where `sensors` is None.
        own: the program's own metrics, which each `collect` takes along.
        self_budget: the share of one core that the collecting thread may use; beyond it the dearest sensors are read
            less often, and their health says so.
    """

    def __init__(
        self,
        sensors: Iterable[Sensor] | None = None,
        *,
        clock: Clock | None = None,
        pid: int | None = None,
        own: OwnMetrics | None = None,
        self_budget: float = DEFAULT_SHARE,
    ) -> None:
        self.own = own
        self._budget = SelfBudget(self_budget)
        self._clock = clock or SystemClock()
        self._watched: tuple[WatchedSensor, ...] = ()
        self._ids: dict[SeriesKey, int] = {}
        self._new_keys: list[tuple[int, SeriesKey]] = []
        self._changes: list[SensorChange] = []
        self._mono_s = 0.0
        for sensor in [*host_sensors(), *process_sensors(pid)] if sensors is None else sensors:
            self.add(sensor)

    def add(self, sensor: Sensor) -> None:
        """Read one more sensor from now on.

        Raises: ConfigError: if there is one of this name.
        """
        if any(watched.sensor.name == sensor.name for watched in self._watched):
            raise ConfigError(
                f"sensor {sensor.name!r}: there is one of this name; give it another, or remove that first"
            )
        self._watched = (*self._watched, WatchedSensor(sensor))  # a new tuple: a reading may be under way

    def remove(self, name: str) -> None:
        """Read a sensor no longer and close it; a name that is not there is fine."""
        gone = [watched for watched in self._watched if watched.sensor.name == name]
        self._watched = tuple(watched for watched in self._watched if watched.sensor.name != name)
        for watched in gone:
            _close(watched.sensor)

    def read(self) -> PerformanceReport:
        """Read every sensor now, whatever its tier, those that are set aside included.

        Returns: all readings; a value that needs two readings (CPU) is missing from the first report.
        """
        now = self._clock.now()
        values: dict[SeriesKey, float] = {}
        for watched in self._watched:
            readings = self._try(watched, now)
            if readings is not None and watched.layout is not None:
                pairs = zip(watched.layout, readings, strict=True)
                values.update((key, value) for key, value in pairs if math.isfinite(value))
        return PerformanceReport(now.utc.isoformat(), values, self.health())

    def collect(self, now: Instant, interval_s: float, *, relaxed: bool = False) -> Batch:
        """Read the sensors that are due, and take the program's own metrics along.

        Args:
            now: this moment.
            interval_s: seconds between two calls in calm times; a tier is a number of these.
            relaxed: nothing has happened for minutes, so what is slow may be slower still. The core tier never is.
        Returns: the readings. Never raises for a sensor's failure.
        """
        ids: list[int] = []
        values: list[float] = []
        ease = RELAXED if relaxed else 1.0
        began_s = time.thread_time()
        for watched in self._watched:
            if watched.is_due(now.mono_s, interval_s, ease):
                self._read_into(ids, values, watched, now)
                ended_s = time.thread_time()
                watched.cost_s += COST_WEIGHT * (ended_s - began_s - watched.cost_s)
                began_s = ended_s
        self._budget.review(self._watched, now.mono_s, interval_s)
        if self.own is not None:
            keys, own_values = self.own.drain()
            ids += map(self.id_of, keys)
            values += own_values
        return self._batch(ids, values)

    def collect_sensor(self, name: str, now: Instant) -> Batch:
        """Read one sensor now, whatever its tier and even if it is set aside, for a direct check.

        Raises: SampleError: if there is no such sensor, or it failed; the reason is in the message.
        """
        watched = self._find(name)
        ids: list[int] = []
        values: list[float] = []
        self._read_into(ids, values, watched, now)
        if watched.failures:
            raise SampleError(f"sensor {name!r}: {watched.reason}")
        return self._batch(ids, values)

    def read_sensor(self, name: str, now: Instant) -> dict[SeriesKey, float]:
        """Like `collect_sensor`, as a mapping; what was new stays for the next batch."""
        watched = self._find(name)
        readings = self._try(watched, now)
        if readings is None or watched.layout is None:
            raise SampleError(f"sensor {name!r}: {watched.reason}")
        return {key: value for key, value in zip(watched.layout, readings, strict=True) if math.isfinite(value)}

    def id_of(self, key: SeriesKey) -> int:
        """The number of a series; a series that is seen for the first time gets the next one."""
        series_id = self._ids.get(key)
        if series_id is None:
            series_id = self._ids[key] = len(self._ids)
            self._new_keys.append((series_id, key))
        return series_id

    def health(self) -> tuple[SensorHealth, ...]:
        """How each sensor does, as of the last reading."""
        return tuple(watched.health(self._mono_s) for watched in self._watched)

    def failed_series(self) -> list[int]:
        """The series of all sensors that are set aside now."""
        return [series_id for watched in self._watched if watched.failures for series_id in watched.ids]

    def after_fork(self) -> None:
        """Let every sensor open its files anew and forget the parent's readings."""
        if self.own is not None:
            self.own.after_fork()
        for watched in self._watched:
            _close(watched.sensor)
            watched.last_read_s = -math.inf

    def close(self) -> None:
        """Give all files back; reading again opens them anew."""
        for watched in self._watched:
            _close(watched.sensor)

    def _find(self, name: str) -> WatchedSensor:
        for watched in self._watched:
            if watched.sensor.name == name:
                return watched
        known = ", ".join(watched.sensor.name for watched in self._watched) or "none"
        raise SampleError(f"there is no sensor {name!r}; the sensors are: {known}")

    def _read_into(self, ids: list[int], values: list[float], watched: WatchedSensor, now: Instant) -> None:
        readings = self._try(watched, now)
        if readings is None:
            return
        if math.isfinite(sum(readings)):  # nearly always; then nothing has to be looked at one by one
            ids += watched.ids
            values += readings
            return
        finite = list(map(math.isfinite, readings))
        ids += compress(watched.ids, finite)
        values += compress(readings, finite)

    def _try(self, watched: WatchedSensor, now: Instant) -> list[float] | None:
        """Read one sensor; None if it failed, and is set aside for it."""
        self._mono_s = now.mono_s
        sensor = watched.sensor
        try:
            readings = sensor.read(now)
            if sensor.layout is not watched.layout:
                self._learn(watched)
            if len(readings) != len(watched.ids):
                raise SampleError(f"it read {len(readings)} values for {len(watched.ids)} series")  # noqa: TRY301
            sum(readings)  # what is no number fails here, inside
        except (Exception, SystemExit) as error:  # noqa: BLE001 - an edge: anything is caught, and told by `health`
            self._set_aside(watched, error, now)
            return None
        watched.last_read_s = now.mono_s
        if watched.failures:
            watched.failures, watched.reason = 0, ""
            self._changes.append(SensorChange(watched.health(now.mono_s), watched.ids))
        return readings

    def _learn(self, watched: WatchedSensor) -> None:
        layout = watched.sensor.layout
        watched.ids = [self.id_of(key) for key in layout]
        watched.layout = layout

    def _set_aside(self, watched: WatchedSensor, error: BaseException, now: Instant) -> None:
        watched.failures += 1
        watched.reason = f"{type(error).__name__}: {error}"
        watched.retry_at_s = now.mono_s + min(_FIRST_RETRY_S * 2.0 ** (watched.failures - 1), _LAST_RETRY_S)
        if watched.layout is None and isinstance(watched.sensor.layout, tuple):
            self._learn(watched)  # it never read anything, but what it would read is in error all the same
        _close(watched.sensor)  # what it keeps open may be the cause
        if watched.failures == 1:
            self._changes.append(SensorChange(watched.health(now.mono_s), watched.ids))

    def _batch(self, ids: list[int], values: list[float]) -> Batch:
        new_keys, self._new_keys = self._new_keys, []
        changes, self._changes = self._changes, []
        return Batch(ids, values, new_keys, changes)


def _close(sensor: Sensor) -> None:
    try:
        sensor.close()
    except Exception:  # noqa: BLE001 - giving up files must not fail the one who asks for it
        return
