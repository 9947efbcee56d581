"""The machinery under AlertSystem: sensors, engine and channels, driven by one thread or by whoever calls."""

from __future__ import annotations

import itertools
import os
import random
import threading
from typing import TYPE_CHECKING, Any

from tocsin.alerts.history import AlertHistory
from tocsin.coordinator import MonitoringCoordinator
from tocsin.delivery import Delivery
from tocsin.engine import Engine
from tocsin.model import inputs as given
from tocsin.model.levels import AlertState
from tocsin.model.readings import SeriesKey
from tocsin.monitor import PerformanceMonitor
from tocsin.sensors.buffers import BufferManager, BufferSensor
from tocsin.sensors.choose import host_sensors, process_sensors
from tocsin.sensors.eventloop import EventLoopSensor
from tocsin.sensors.linux.pressure_trigger import PressureTrigger
from tocsin.sensors.own import CallableSensor, OwnMetrics
from tocsin.sensors.storage.background import storage_sensor
from tocsin.system.intake import Intake
from tocsin.system.memory import MemoryRoom
from tocsin.system.processes import lines_of_processes
from tocsin.system.receipts import Receipts
from tocsin.system.recording import make_recording
from tocsin.system.reporting import complain
from tocsin.system.runtime import Runtime
from tocsin.system.self_sensor import SelfSensor, as_metrics
from tocsin.system.signals import AlertSignal
from tocsin.system.stepper import ANSWER_WITHIN_S, Stepper
from tocsin.system.supervision import ThreadSupervision
from tocsin.system.tempo import Tempo
from tocsin.system.watching import WatchThread
from tocsin.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tocsin.alerts.settings import Route
    from tocsin.channels.protocol import Channel
    from tocsin.clock import Clock, Instant
    from tocsin.config import AlertConfig
    from tocsin.model.alert import PerformanceAlert
    from tocsin.model.inputs import Answer, Input, Outcome
    from tocsin.model.notice import Notice
    from tocsin.model.rule import AlertRule
    from tocsin.sensors.protocol import Sensor


class SystemCore:
    """Reads, steps and tells; `AlertSystem` is its face.

    Args:
        config: what to watch and whom to tell.
        clock: read once a pass.
        sensors: instead of those of this machine.
        coordinator: who is told of threads, asked at each use; by default the one of its own.
    """

    def __init__(
        self,
        config: AlertConfig,
        clock: Clock,
        sensors: Iterable[Sensor] | None,
        *,
        coordinator: Callable[[], object] | None = None,
    ) -> None:
        self.config = config
        self.clock = clock
        self.disabled = os.environ.get("TOCSIN_DISABLED", "") not in {"", "0"}
        self.parts = MonitoringCoordinator(clock=clock)
        self._coordinator = coordinator
        self.supervision = ThreadSupervision(
            lambda: (self.parts, self.keeper()),
            stuck_after_s=config.stuck_after,
            interval_s=config.check_interval,
        )
        self.buffers = BufferManager(config.buffer_budget)
        self.loops = EventLoopSensor()
        self.runtime = Runtime(self.loops, self._latest)
        self.metrics = OwnMetrics(capacity=0) if self.disabled else OwnMetrics()
        self.listener_failures = Tally()
        self.rules: dict[str, AlertRule] = {rule.name: rule for rule in config.all_rules()}
        self._sensors = None if sensors is None else list(sensors)
        self._added: list[Sensor] = []
        # Pauses between attempts are spread by chance; nothing is judged by it.
        self.recorder = make_recording(None if self.disabled else config.state_dir, clock, self)
        self.receipts = Receipts(self.recorder)
        self.delivery = Delivery(clock, random.Random(), report=_given_up, record=self.receipts)
        self.routes: list[Route] = []
        for channel, route in config.make_channels():
            self._attach(channel, route)
        self._monitor: PerformanceMonitor | None = None
        self._monitor_lock = threading.Lock()  # held while the monitor is made
        self.reading = threading.RLock()  # held while sensors are read, so for ever if one of them hangs
        self.intake = Intake(-1 if self.disabled else config.emit_queue_size, self._ring)
        self.stepper = Stepper(self._make_engine(), self.intake, clock, self._publish, recorder=self.recorder)
        self._passed_at: Instant | None = None
        self.tempo = Tempo(config.check_interval, lambda: self.engine.history, dynamic=config.dynamic_interval)
        self.pressure = PressureTrigger(self._pressure_rises)
        self.watch = WatchThread(
            self.stepper, clock, self, error_backoff_s=config.error_backoff, died=self._watch_died,
            probe=self.runtime.probe,
        )  # fmt: skip
        self.memory = MemoryRoom(config, clock, wanted=sensors is None and not self.disabled, limit_bytes=self._limit)
        self.parts.add(self.runtime)
        self.parts.add(self.memory)
        self.parts.add(self.watch)
        self.alert_triggered = AlertSignal("alert_triggered", (str, str, int), self.is_started, self.listener_failures)
        self.alert_changed = AlertSignal("alert_changed", (object,), self.is_started, self.listener_failures)

    @property
    def engine(self) -> Engine:
        """The pipeline; a new one in a forked child."""
        return self.stepper.engine

    def is_started(self) -> bool:
        """Whether a watch thread steps."""
        return self.stepper.owner is not None

    async def ask(self, work: Callable[[Instant], Sequence[Input]]) -> Answer | None:
        """Step with what `work` makes and give back the last answer, without blocking the caller's event loop."""
        if self.disabled:
            return None
        if self.stepper.owner is None or self.stepper.owner is threading.current_thread():
            return self.ask_now(work)
        import asyncio  # noqa: PLC0415 - whoever awaits has loaded it

        loop = asyncio.get_running_loop()
        done = asyncio.Event()
        reply = self.stepper.post(work, lambda: _call_soon(loop, done.set))
        try:
            await asyncio.wait_for(done.wait(), ANSWER_WITHIN_S)
        except TimeoutError:
            return None
        return reply.answers[0] if reply.answers else None

    async def on_disk(self, timeout_s: float) -> str:
        """Wait until all that was recorded is on disk, without blocking the caller's event loop; why it is not."""
        import asyncio  # noqa: PLC0415 - as above

        loop = asyncio.get_running_loop()
        done = asyncio.Event()
        found: list[str] = []

        def settled(reason: str) -> None:
            found.append(reason)
            _call_soon(loop, done.set)

        self.recorder.sync_later(settled)
        try:
            await asyncio.wait_for(done.wait(), timeout_s)
        except TimeoutError:
            return f"not on disk within {timeout_s:g} s"
        return found[0]

    def ask_now(self, work: Callable[[Instant], Sequence[Input]]) -> Answer | None:
        """Step with what `work` makes, or let the watch thread do it, and give back the last answer. Never raises."""
        if self.disabled:
            return None
        try:
            answers = self.stepper.ask(work)
        except Exception as error:  # noqa: BLE001 - the fault is ours, and not the program's that calls
            self._step_failed(error)
            return None
        return answers[0] if answers else None

    def numbers_of(self, keys: Iterable[SeriesKey]) -> dict[SeriesKey, int]:
        """The number of each series, new ones included."""
        with self.reading:
            return {key: self.monitor.id_of(key) for key in keys}

    @property
    def monitor(self) -> PerformanceMonitor:
        """Which sensor is read when; made at first use."""
        with self._monitor_lock:
            if self._monitor is None:
                self._monitor = self._make_monitor()
            return self._monitor

    def has_unfinished(self) -> bool:
        """Whether something waits to be judged, told or delivered."""
        unsaid = self.engine.decisions.teller.has_unsaid() or self.supervision.has_unseen()
        return bool(len(self.intake) or self.delivery.waiting() or unsaid or self.recorder.waiting())

    def keeper(self) -> MonitoringCoordinator:
        """Who keeps what threads promised: the coordinator, or our own where that is a foreign one."""
        coordinator = None if self._coordinator is None else self._coordinator()
        return coordinator if isinstance(coordinator, MonitoringCoordinator) else self.parts

    def forget_threads(self) -> None:
        """What our own coordinator kept in place of a foreign one goes, and so does the hook, if nobody is left."""
        if self.keeper() is not (self._coordinator() if self._coordinator is not None else None):
            for one in self.parts.registered():
                self.parts.unregister_thread(one.thread)
        if not self.parts.threads:
            self.parts.release()
        self.ask_now(lambda _: self.supervision.forget())

    def _latest(self) -> dict[SeriesKey, float]:
        return {series.key: series.latest() for series in tuple(self.engine.series.values())}

    def _limit(self) -> float | None:
        """Bytes that the program may use."""
        limit = SeriesKey("process.memory.limit")
        return next((series.latest() for series in tuple(self.engine.series.values()) if series.key == limit), None)

    def _ring(self) -> None:
        try:
            self.stepper.ring()
        except Exception as error:  # noqa: BLE001 - `emit` never raises
            self._step_failed(error)

    def _step_failed(self, error: Exception) -> None:
        self.watch.failed_passes.add()
        self.watch.last_error = f"{type(error).__name__}: {error}"
        complain("a step failed", error=error)

    def _watch_died(self) -> None:
        complain(self.watch.last_error)
        self.parts.supervise(complain)

    def _make_engine(self) -> Engine:
        return Engine(
            self.rules.values(), self.config.alert_settings(tuple(self.routes)),
            interval_s=self.config.check_interval, points=self.config.series_points,
            history=AlertHistory(max_size=self.config.history_size, clock=self.clock),
        )  # fmt: skip

    def _make_monitor(self) -> PerformanceMonitor:
        sensors = self._sensors
        if sensors is None:
            sensors = [
                *(host_sensors() if self.recorder.owns_host() else ()),
                *process_sensors(),
                *self.runtime.sensors(),
                storage_sensor(self.config.storage_settings),
            ]
        self.runtime.witness.top_processes = lines_of_processes(sensors, self.clock)
        inner: list[Sensor] = [self.loops, BufferSensor(self.buffers), SelfSensor(self._account)]
        if self.memory.enabled:
            inner.append(self.memory.sensor())
        return PerformanceMonitor(
            [*sensors, *inner, *self._added],
            clock=self.clock,
            own=self.metrics,
            self_budget=self.config.self_budget / 100,
        )

    def _account(self) -> dict[SeriesKey, float]:
        """What was dropped, merged and failed at, as counters."""
        listeners = self.listener_failures.value() + self.alert_triggered.failures() + self.alert_changed.failures()
        return as_metrics(
            self.intake.counts(), self.delivery.counts(), readings_dropped=self.metrics.dropped,
            listeners_failed=listeners, steps_failed=self.watch.failed_passes.value(),
            set_aside=sum(one.state == "set aside" for one in self.monitor.health()),
        )  # fmt: skip

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

    def _attach(self, channel: Channel, route: Route) -> None:
        self.delivery.add(channel, fallback=route.fallback)
        self.routes.append(route)

    def add_channel(self, channel: Channel, route: Route) -> None:
        """Tell one more channel from now on."""
        self._attach(channel, route)
        self.engine.decisions.teller.add_route(route)

    def begin(self) -> None:
        """Watch on a thread of its own; on this machine's sensors, let the kernel wake it when pressure rises."""
        self.stepper.prepare()  # now, so that whoever starts it finds the alerts of the last run
        # Made here, and not by the first pass: a module that is half loaded on another thread when the program forks is
        # half loaded, and locked, for ever in the child.
        _ = self.monitor
        self.parts.start()
        if self._sensors is None and self.config.dynamic_interval:
            self.pressure.start()

    def end(self, timeout_s: float) -> bool:
        """End the threads. False: they did not, in time."""
        self.pressure.stop()
        return self.parts.stop(timeout_s)

    def close_journal(self, timeout_s: float) -> bool:
        """Write the last state. False: the disk did not take it in time."""
        return self.stepper.close_journal(timeout_s)

    def interval_s(self) -> float:
        """Seconds to the next pass, as of the last one."""
        return self.tempo.interval_s(self._passed_at or self.clock.now())

    def one_pass(self) -> None:
        """Read what is due, and step."""
        now = self._passed_at = self.clock.now()
        self.stepper.prepare()
        self.runtime.witness.look()
        monitor = self.monitor
        with self.reading:
            batch = monitor.collect(now, self.config.check_interval, relaxed=self.tempo.is_quiet(now))
            failed = monitor.failed_series()
        inputs: list[Input] = [given.NewSeries(number, key) for number, key in batch.new_keys]
        inputs += batch.samples
        if failed:
            inputs.append(given.SeriesFailed(failed, "its sensor was set aside; see tocsin doctor"))
        inputs += self.supervision.look(now)
        self._step_with_loops(inputs, now)

    def pass_if_alone(self) -> float:
        """A pass, unless the watch thread makes them; seconds to the next."""
        pause_s = self.interval_s()
        if self.stepper.owner is None:
            try:
                self.one_pass()
            except Exception as error:  # noqa: BLE001 - the loop edge: counted, backed off, never the end
                self.watch.failed_passes.add()
                self.watch.last_error = f"{type(error).__name__}: {error}"
                pause_s = self.config.error_backoff
        return pause_s

    def wants_beat(self) -> bool:
        """Whether event loops are watched: a block is to be seen in little more than a second, while it lasts."""
        return bool(self.loops.layout)

    def beat(self) -> None:
        """Ask the event loops between two passes; step only if one of them has not answered promptly."""
        now = self.clock.now()
        with self.reading:
            if self.loops.ask_again():
                return
            batch = self.monitor.collect_sensor(self.loops.name, now)
        if self.loops.is_overdue():
            self.runtime.witness.look()
        inputs: list[Input] = [given.NewSeries(number, key) for number, key in batch.new_keys]
        self._step_with_loops([*inputs, *batch.samples], now)

    def _step_with_loops(self, inputs: list[Input], now: Instant) -> None:
        if self.loops.is_overdue():
            self.tempo.elevate(now, "overdue ping")
        self.stepper.step(inputs, now)

    def _pressure_rises(self, resource: str) -> None:
        self.tempo.elevate(self.clock.now(), f"pressure on {resource}")
        self.watch.hurry()

    def _publish(self, outcome: Outcome, now: Instant) -> None:
        notices = outcome.notices
        if outcome.wants:
            notices = self._with_evidence(outcome, now)
        if notices:
            self.delivery.hand_over(notices)
        if outcome.changes:
            if any(change.before is AlertState.INACTIVE for change in outcome.changes):
                self.tempo.elevate(now, "pending")
            self._fire(outcome)

    def remind(self, channel: str, alerts: Sequence[PerformanceAlert]) -> None:
        """Tell a channel which of the alerts that it was told of still fire; for the journal."""
        self.delivery.remind(channel, alerts)

    def resume(self, notice: Notice, *, attempts: int, wait_s: float) -> None:
        """Deliver what an earlier run could not; for the journal."""
        self.delivery.resume(notice, attempts=attempts, wait_s=wait_s)

    def _with_evidence(self, outcome: Outcome, now: Instant) -> tuple[Notice, ...]:
        """Capture what is wanted while it is still to be seen, and let the notices carry it."""
        found = []
        for want in outcome.wants:
            proof = self.memory.proof(want, self.engine.book.find(want.alert_id))
            evidence = None if proof is not None else self.runtime.witness.capture(want)
            if evidence is not None:
                proof = given.EvidenceFound(want.alert_id, evidence)
            if proof is not None:
                found.append(proof)
        if not found:
            return outcome.notices
        self.stepper.step(found, now)
        return tuple(given.refreshed(notice, self.engine.book.find) for notice in outcome.notices)

    def _fire(self, outcome: Outcome) -> None:
        for change in outcome.changes:
            if len(self.alert_changed):
                self.alert_changed.emit(change.alert)
            if change.signals and len(self.alert_triggered):
                for _ in range(change.signals):
                    self.alert_triggered.emit(change.alert.title, change.alert.message, int(change.alert.severity))

    def after_fork(self) -> None:
        """In the child: no thread, lock, queue or open file of the parent."""
        self._monitor_lock = threading.Lock()
        self.reading = threading.RLock()
        self._monitor = None
        self.metrics.after_fork()
        self.loops.close()
        self.runtime.after_fork()
        self.memory.after_fork()
        self.parts.after_fork()
        self.supervision.after_fork()
        self.intake.after_fork()
        self.recorder.after_fork()
        self.stepper.after_fork(self._make_engine())
        self.watch.after_fork()
        self.pressure.forget()
        self.delivery.after_fork()
        self.alert_triggered.after_fork()
        self.alert_changed.after_fork()


def _call_soon(loop: Any, call: Callable[[], object]) -> None:
    try:
        loop.call_soon_threadsafe(call)
    except RuntimeError:
        return  # the caller's loop is closed; nobody waits any more


def _given_up(channel: str, notice: Notice, error: BaseException) -> None:
    complain(f"channel {channel!r} gave up notice {notice.id}: {type(error).__name__}: {error}")
