"""What a system reads: its sensors, the program's own metrics, and the monitor that reads each in its time."""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING

from tocsin.model import inputs as given
from tocsin.monitor import PerformanceMonitor
from tocsin.sensors.choose import host_sensors, process_sensors
from tocsin.sensors.eventloop import EventLoopSensor
from tocsin.sensors.own import CallableSensor, OwnMetrics
from tocsin.sensors.storage.background import storage_sensor
from tocsin.system.buffers import Buffers
from tocsin.system.witness.processes import lines_of_processes
from tocsin.system.witness.runtime import Runtime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tocsin.clock import Clock, Instant
    from tocsin.config import AlertConfig
    from tocsin.model.inputs import Input
    from tocsin.model.readings import SensorHealth, SeriesKey
    from tocsin.monitor.performance import Batch
    from tocsin.sensors.protocol import Sensor


class Sensing:
    """The sensors of a system.

    Args:
        config: how often, and within what budget.
        clock: read once a pass.
        sensors: instead of those of this machine.
        further: made with the monitor, and read beside whatever else there is.
        owns_host: whether this process is the one that reads the machine, asked when the monitor is made.
        latest: the last reading of each series.
        disabled: nothing is to be taken in.

    Attributes:
        reading: held while sensors are read, so for ever if one of them hangs.
        metrics: what the program hands over.
        loops: the event loops that are watched.
        buffers: the containers that are watched.
        runtime: what is seen of the interpreter.
        of_this_machine: whether the sensors are its own choice.
    """

    def __init__(
        self,
        config: AlertConfig,
        clock: Clock,
        sensors: Iterable[Sensor] | None,
        *,
        further: Callable[[], Iterable[Sensor]],
        owns_host: Callable[[], bool],
        latest: Callable[[], Mapping[SeriesKey, float]],
        disabled: bool,
    ) -> None:
        self.buffers = Buffers(config.buffer_budget)
        self.loops = EventLoopSensor()
        self.runtime = Runtime(self.loops, latest)
        self.metrics = OwnMetrics(capacity=0) if disabled else OwnMetrics()
        self.of_this_machine = sensors is None
        self._config = config
        self._clock = clock
        self._given = [] if sensors is None else list(sensors)
        self._further = further
        self._owns_host = owns_host
        self._added: list[Sensor] = []
        self._forget()

    def _forget(self) -> None:
        self._monitor: PerformanceMonitor | None = None
        self._monitor_lock = threading.Lock()  # held while the monitor is made
        self.reading = threading.RLock()

    @property
    def monitor(self) -> PerformanceMonitor:
        """Which sensor is read when; made at first use."""
        with self._monitor_lock:
            if self._monitor is None:
                self._monitor = self._make_monitor()
            return self._monitor

    def reload(self, config: AlertConfig) -> None:
        """Read as often, and at such a cost, as this configuration says."""
        with self._monitor_lock:
            self._config = config
            if self._monitor is not None:
                self._monitor.spend(config.self_budget / 100)

    def health(self) -> tuple[SensorHealth, ...]:
        """How each sensor does."""
        return self.monitor.health()

    def collect(self, now: Instant, *, relaxed: bool) -> list[Input]:
        """Read what is due; with `relaxed`, the dear sensors more rarely."""
        monitor = self.monitor
        with self.reading:
            batch = monitor.collect(now, self._config.check_interval, relaxed=relaxed)
            ended = self._ended_loops(monitor)
            failed = monitor.failed_series()
        inputs: list[Input] = [*self._new_series(batch), *ended, *batch.samples]
        if failed:
            inputs.append(given.SeriesFailed(failed, "its sensor was set aside; see tocsin doctor"))
        return inputs

    def loops_are_prompt(self) -> bool:
        """Ask the event loops once more; whether all have answered promptly so far."""
        with self.reading:
            return self.loops.ask_again()

    def collect_loops(self, now: Instant) -> list[Input]:
        """Read the event loops alone."""
        with self.reading:
            batch = self.monitor.collect_sensor(self.loops.name, now)
            ended = self._ended_loops(self.monitor)
        return [*self._new_series(batch), *ended, *batch.samples]

    def _new_series(self, batch: Batch) -> list[given.NewSeries]:
        units = self.metrics.units
        return [given.NewSeries(number, key, units.get(key.metric, "")) for number, key in batch.new_keys]

    def _ended_loops(self, monitor: PerformanceMonitor) -> list[given.SeriesEnded]:
        """The loops that are closed: told before the readings, which may be of others that took their names."""
        ended = self.loops.take_ended()
        return [given.SeriesEnded([*map(monitor.id_of, ended)], "the event loop has ended")] if ended else []

    def numbers_of(self, keys: Iterable[SeriesKey]) -> dict[SeriesKey, int]:
        """The number of each series, new ones included."""
        with self.reading:
            return {key: self.monitor.id_of(key) for key in keys}

    def install(self, read: Callable[[], object], name: str | None) -> None:
        """Read one more sensor from now on: a function of the program's own."""
        with self._monitor_lock:
            taken = {sensor.name for sensor in self._added}
            wanted = CallableSensor(read, name=name).name
            numbered = (f"{wanted}-{number}" for number in itertools.count(2))
            free = wanted if wanted not in taken else next(one for one in numbered if one not in taken)
            sensor = CallableSensor(read, name=free, limits=self.metrics.limits)
            self._added.append(sensor)
            if self._monitor is not None:
                self._monitor.add(sensor)

    def after_fork(self) -> None:
        """In the child: no lock or open file of the parent, and every reading is a first one."""
        self._forget()
        self.metrics.after_fork()
        self.loops.close()
        self.runtime.after_fork()

    def _make_monitor(self) -> PerformanceMonitor:
        sensors = self._of_this_machine() if self.of_this_machine else self._given
        self.runtime.witness.top_processes = lines_of_processes(sensors, self._clock)
        return PerformanceMonitor(
            [*sensors, self.loops, self.buffers, *self._further(), *self._added],
            clock=self._clock,
            own=self.metrics,
            self_budget=self._config.self_budget / 100,
        )

    def _of_this_machine(self) -> Sequence[Sensor]:
        return [
            *(host_sensors() if self._owns_host() else ()),
            *process_sensors(),
            *self.runtime.sensors(),
            storage_sensor(self._config.storage_settings),
        ]
