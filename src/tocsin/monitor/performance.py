"""Which sensor is read when, and what becomes of one that fails."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Final

import msgspec

from tocsin.clock import Clock, Instant, SystemClock
from tocsin.errors import ConfigError, SampleError
from tocsin.model.inputs import Sample
from tocsin.model.readings import PerformanceReport, SensorHealth, SeriesKey
from tocsin.monitor.budget import DEFAULT_SHARE, SelfBudget
from tocsin.monitor.watched import WatchedSensor
from tocsin.sensors.choose import host_sensors, process_sensors
from tocsin.sensors.linux.quick import PureSweep, make_sweep, quick_of
from tocsin.sensors.protocol import Tier

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tocsin.sensors.own import OwnMetrics
    from tocsin.sensors.protocol import Sensor

# In calm times the slow tiers take twice their time.
RELAXED: Final = 2.0
# A sensor's cost is a mean of about its last ten measurements; those of the core tier are not measured each time, since
# asking the thread's clock is a good part of what they cost.
COST_WEIGHT: Final = 0.1
COST_EVERY: Final = 4
# What is read without a step of Python is measured more rarely still: for that, Python has to read it.
SWEPT_EVERY: Final = 16

# When the first of the slower sensors is due, and for which interval and ease that was reckoned.
_NOW: Final = (-math.inf, 0.0, 0.0)
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
        samples: the readings in base units, NaN where nothing was measured. Those of the core tier are one sample, and
            each further sensor has its own: a sample of the same series has the very same `series_ids` as the last one.
        new_keys: series that were numbered since the last batch.
        health_changes: sensors that were set aside or came back since the last batch.
    """

    samples: list[Sample]
    new_keys: list[tuple[int, SeriesKey]]
    health_changes: list[SensorChange]

    @property
    def ids(self) -> list[int]:
        """The number of the series of each reading."""
        return [number for number, _ in self._readings()]

    @property
    def values(self) -> list[float]:
        """The readings, side by side with `ids`."""
        return [value for _, value in self._readings()]

    def _readings(self) -> Iterator[tuple[int, float]]:
        for sample in self.samples:
            for number, value in zip(sample.series_ids, sample.values, strict=True):
                if value == value:  # noqa: PLR0124 - NaN: nothing was measured
                    yield number, value


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
        self._core: tuple[WatchedSensor, ...] = ()
        self._slower: tuple[WatchedSensor, ...] = ()
        self._core_ids: tuple[int, ...] | None = None  # not put together yet
        self._interval_s = 1.0
        self._slower_at = _NOW
        self._passes = 0
        self._is_slowed = False  # one of the core tier, by the self-budget
        self._ids: dict[SeriesKey, int] = {}
        self._new_keys: list[tuple[int, SeriesKey]] = []
        self._changes: list[SensorChange] = []
        self._mono_s = 0.0
        for sensor in [*host_sensors(), *process_sensors(pid)] if sensors is None else sensors:
            self.add(sensor)

    def spend(self, share: float) -> None:
        """Let the collecting thread use this share of one core from now on."""
        self._budget.share = share

    def add(self, sensor: Sensor) -> None:
        """Read one more sensor from now on.

        Raises: ConfigError: if there is one of this name.
        """
        if any(watched.sensor.name == sensor.name for watched in self._watched):
            raise ConfigError(
                f"sensor {sensor.name!r}: there is one of this name; give it another, or remove that first"
            )
        self._care_for((*self._watched, WatchedSensor(sensor)))

    def remove(self, name: str) -> None:
        """Read a sensor no longer and close it; a name that is not there is fine."""
        gone = [watched for watched in self._watched if watched.sensor.name == name]
        self._care_for(tuple(watched for watched in self._watched if watched.sensor.name != name))
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
        ease = RELAXED if relaxed else 1.0
        samples = self._read_core(now, interval_s)
        if now.mono_s >= self._slower_at[0] or (interval_s, ease) != self._slower_at[1:]:
            samples += self._read_slower(now, interval_s, ease)
        if self._budget.review(self._watched, now.mono_s, interval_s):
            self._is_slowed = any(watched.stretch > 1.0 for watched in self._core)
        if self.own is not None:
            keys, own_values = self.own.drain()
            if keys:
                samples.append(Sample([*map(self.id_of, keys)], own_values))
        return self._batch(samples)

    def collect_sensor(self, name: str, now: Instant) -> Batch:
        """Read one sensor now, whatever its tier and even if it is set aside, for a direct check.

        Raises: SampleError: if there is no such sensor, or it failed; the reason is in the message.
        """
        watched = self._find(name)
        readings = self._try(watched, now)
        if readings is None:
            raise SampleError(f"sensor {name!r}: {watched.reason}")
        return self._batch([Sample(watched.ids, readings)])

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

    def costs(self, interval_s: float) -> dict[str, float]:
        """To each sensor the share of a core that it takes, as a mean of its last readings; the dearest first."""
        costs = {watched.sensor.name: watched.cost_per_second(interval_s) for watched in self._watched}
        return dict(sorted(costs.items(), key=lambda one: -one[1]))

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
        self._slower_at = _NOW

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

    def _care_for(self, watched: tuple[WatchedSensor, ...]) -> None:
        """From now on for these; new tuples, since a reading may be under way."""
        self._watched = watched
        self._core = tuple(one for one in watched if one.sensor.tier == Tier.CORE)
        self._slower = tuple(one for one in watched if one.sensor.tier != Tier.CORE)
        self._core_ids = None
        self._slower_at = _NOW
        entries = tuple((one, quick_of(one.sensor)) for one in self._core)
        self._sweep, self._plain = make_sweep(entries), PureSweep(entries)

    def _read_core(self, now: Instant, interval_s: float) -> list[Sample]:
        """All sensors of the core tier as one sample; NaN for those that were not read."""
        self._passes += 1
        self._mono_s, self._interval_s = now.mono_s, interval_s
        sweep = self._plain if self._is_slowed or self._passes % SWEPT_EVERY == 0 else self._sweep
        one = self._measure_one if self._passes % COST_EVERY == 0 else self._read_one
        values = sweep.read(now, now.mono_s, now.boot_s, one)
        if self._core_ids is None:
            self._core_ids = tuple(number for watched in self._core for number in watched.ids)
        return [Sample(self._core_ids, values)] if values else []

    def _read_one(self, watched: WatchedSensor, now: Instant) -> list[float]:
        """The readings of one sensor of the core tier; NaN where it is not time for them, or where it failed."""
        if self._rests(watched, now):
            return watched.nothing
        return self._try(watched, now) or watched.nothing

    def _measure_one(self, watched: WatchedSensor, now: Instant) -> list[float]:
        """The same, and what it costs."""
        if self._rests(watched, now):
            return watched.nothing
        return self._try_and_measure(watched, now) or watched.nothing

    def _rests(self, watched: WatchedSensor, now: Instant) -> bool:
        """Whether a sensor that failed, or is too dear, is left alone this time."""
        restrained = watched.failures or watched.stretch > 1.0
        return bool(restrained) and now.mono_s < watched.due_s(self._interval_s, 1.0)

    def _read_slower(self, now: Instant, interval_s: float, ease: float) -> list[Sample]:
        """Those of the other sensors that are due, a sample each."""
        samples = []
        for watched in self._slower:
            if now.mono_s >= watched.due_s(interval_s, ease):
                readings = self._try_and_measure(watched, now)
                if readings:
                    samples.append(Sample(watched.ids, readings))
        first_s = min((watched.due_s(interval_s, ease) for watched in self._slower), default=math.inf)
        self._slower_at = (first_s, interval_s, ease)
        return samples

    def _try_and_measure(self, watched: WatchedSensor, now: Instant) -> list[float] | None:
        began_s = time.thread_time()
        readings = self._try(watched, now)
        watched.cost_s += COST_WEIGHT * (time.thread_time() - began_s - watched.cost_s)
        return readings

    def _try(self, watched: WatchedSensor, now: Instant) -> list[float] | None:
        """Read one sensor; NaN is what was not measured. None if it failed, and is set aside for it."""
        self._mono_s = now.mono_s
        try:
            readings = watched.read(now)
            if watched.sensor.layout is not watched.layout:
                self._learn(watched)
            if len(readings) != len(watched.ids):
                raise SampleError(f"it read {len(readings)} values for {len(watched.ids)} series")  # noqa: TRY301
            total = sum(readings)  # what is no number fails here, inside
            if not math.isfinite(total) and (math.inf in readings or -math.inf in readings):
                readings = [value if math.isfinite(value) else math.nan for value in readings]
        except (Exception, SystemExit) as error:  # noqa: BLE001 - an edge: anything is caught, and told by `health`
            self._set_aside(watched, error, now)
            return None
        watched.last_read_s = now.mono_s
        if watched.failures:
            watched.failures, watched.reason = 0, ""
            self._changes.append(SensorChange(watched.health(now.mono_s), list(watched.ids)))
        return readings

    def _learn(self, watched: WatchedSensor) -> None:
        layout = watched.sensor.layout
        watched.ids = tuple(self.id_of(key) for key in layout)
        watched.nothing = [math.nan] * len(layout)
        watched.layout = layout
        if watched.sensor.tier == Tier.CORE:
            self._core_ids = None

    def _set_aside(self, watched: WatchedSensor, error: BaseException, now: Instant) -> None:
        self._slower_at = _NOW
        watched.failures += 1
        watched.reason = f"{type(error).__name__}: {error}"
        watched.retry_at_s = now.mono_s + min(_FIRST_RETRY_S * 2.0 ** (watched.failures - 1), _LAST_RETRY_S)
        if watched.layout is None and isinstance(watched.sensor.layout, tuple):
            self._learn(watched)  # it never read anything, but what it would read is in error all the same
        _close(watched.sensor)  # what it keeps open may be the cause
        if watched.failures == 1:
            self._changes.append(SensorChange(watched.health(now.mono_s), list(watched.ids)))

    def _batch(self, samples: list[Sample]) -> Batch:
        new_keys, self._new_keys = self._new_keys, []
        changes, self._changes = self._changes, []
        return Batch(samples, new_keys, changes)


def _close(sensor: Sensor) -> None:
    try:
        sensor.close()
    except Exception:  # noqa: BLE001 - giving up files must not fail the one who asks for it
        return
