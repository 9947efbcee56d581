"""The machinery under AlertSystem: sensors, engine and channels, driven by one thread or by whoever calls."""

from __future__ import annotations

import os
import threading
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from tocsin.alerts.history import AlertHistory
from tocsin.coordinator import MonitoringCoordinator
from tocsin.engine import Engine
from tocsin.model import inputs as given
from tocsin.model.levels import AlertState
from tocsin.model.readings import SeriesKey
from tocsin.sensors.linux.pressure_trigger import PressureTrigger
from tocsin.system.acting.part import ActionPart
from tocsin.system.heartbeat import Heartbeat
from tocsin.system.lastrun.part import make_last_run
from tocsin.system.latest import Latest
from tocsin.system.memory.part import MemoryPart
from tocsin.system.records.receipts import Receipts
from tocsin.system.records.recording import InMemoryOnly, Recording, make_recording
from tocsin.system.records.unkept import UnkeptState
from tocsin.system.reporting import complain
from tocsin.system.self_sensor import SelfSensor, as_metrics
from tocsin.system.sensing import Sensing
from tocsin.system.stepping.intake import Intake
from tocsin.system.stepping.stepper import ANSWER_WITHIN_S, Stepper
from tocsin.system.stepping.tempo import Tempo
from tocsin.system.stepping.watching import WatchThread
from tocsin.system.telling import Telling, proofs_of
from tocsin.system.threads.supervision import ThreadSupervision

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from tocsin.alerts.settings import Route
    from tocsin.channels.protocol import Channel
    from tocsin.clock import Clock, Instant
    from tocsin.config import AlertConfig
    from tocsin.model.alert import PerformanceAlert
    from tocsin.model.inputs import Answer, Input, Outcome
    from tocsin.model.notice import Notice
    from tocsin.model.rule import AlertRule
    from tocsin.replay.recording import RunRecord
    from tocsin.sensors.protocol import Sensor


_LIMIT: Final = SeriesKey("process.memory.limit")


class SystemCore:
    """Reads, steps and tells; `AlertSystem` is its face.

    Args:
        config: what to watch and whom to tell.
        clock: read once a pass.
        sensors: instead of those of this machine.
        coordinator: who is told of threads, asked at each use; by default the one of its own.

    Attributes:
        latest: the last reading of single series.
        after_pass: called behind each pass that succeeded; must not block.
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
        self.rules: dict[str, AlertRule] = {rule.name: rule for rule in config.all_rules()}
        self.recorder: Recording = InMemoryOnly() if self.disabled else make_recording(config, clock, self)
        self.unkept = UnkeptState(config.program)
        self.receipts = Receipts(self.recorder)
        self.telling = Telling(clock, record=self.receipts, threaded=self.is_started, channels=config.make_channels())
        self.latest = Latest(lambda: self.engine)
        self.memory = MemoryPart(config, clock, wanted=sensors is None and not self.disabled, limit_bytes=self._limit)
        self.sensing = Sensing(
            config, clock, sensors,
            further=self._inner_sensors, owns_host=self.recorder.owns_host, latest=self._latest, disabled=self.disabled,
        )  # fmt: skip
        self.heartbeat = Heartbeat(config.heartbeat, disabled=self.disabled)
        self.intake = Intake(-1 if self.disabled else config.emit_queue_size, self._ring)
        self.run_record = None if self.disabled or config.record is None else _run_record(config.record)
        self.stepper = Stepper(self._make_engine(), self.intake, clock, self._publish, recorder=self.recorder)
        self.passed_at: Instant | None = None
        self.tempo = Tempo(config.check_interval, lambda: self.engine.history, dynamic=config.dynamic_interval)
        self.pressure = PressureTrigger(self._pressure_rises)
        self.watch = WatchThread(
            self.stepper, clock, self, error_backoff_s=config.error_backoff, died=self._watch_died,
            probe=self.sensing.runtime.probe,
        )  # fmt: skip
        self.acting = ActionPart(config, clock, self)
        self.last_run = make_last_run(config, clock, self)
        self.parts.add(self.last_run)
        self.after_pass: Callable[[Instant], object] = lambda _: None
        self.parts.add(self.sensing.runtime)
        self.parts.add(self.memory)
        self.parts.add(self.watch)
        self.parts.add(self.acting)

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

    def has_unfinished(self) -> bool:
        """Whether something waits to be judged, told or delivered."""
        unsaid = self.engine.decisions.teller.has_unsaid() or self.supervision.has_unseen()
        return bool(len(self.intake) or self.telling.delivery.waiting() or unsaid or self.recorder.waiting())

    def is_at_rest(self) -> bool:
        """Whether nothing steps, nothing waits, and no file is open."""
        return not (self.is_started() or self.recorder.is_open or self.has_unfinished())

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
        return self.latest.of(_LIMIT)

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
        make = Engine if self.run_record is None else _recording_engine(self.run_record)
        return make(
            self.rules.values(), self.config.alert_settings(tuple(self.telling.routes)),
            interval_s=self.config.check_interval, points=self.config.series_points,
            history=AlertHistory(max_size=self.config.history_size, clock=self.clock),
        )  # fmt: skip

    def _inner_sensors(self) -> list[Sensor]:
        """What looks at Tocsin itself, and at the heap."""
        return [SelfSensor(self._account), *self.memory.sensors()]

    def _account(self) -> dict[SeriesKey, float]:
        """What was dropped, merged and failed at, as counters."""
        return as_metrics(
            self.intake.counts(), self.telling.delivery.counts(), readings_dropped=self.sensing.metrics.dropped,
            listeners_failed=self.telling.listeners_failed(),
            actions=self.engine.decisions.acting.counts,
            heartbeats_failed=self.heartbeat.lost(),
            steps_failed=self.watch.failed_passes.value(),
            set_aside=sum(one.state == "set aside" for one in self.sensing.health()),
        )  # fmt: skip

    def add_channel(self, channel: Channel, route: Route) -> None:
        """Tell one more channel from now on."""

        def add() -> None:
            self.telling.add(channel, route)
            self.engine.add_route(route)

        # Not while another configuration comes into force; in the middle of a step (in a signal handler) none does.
        if not self.stepper.between_steps(add, ANSWER_WITHIN_S):
            add()

    def begin(self) -> None:
        """Watch on a thread of its own; on this machine's sensors, let the kernel wake it when pressure rises."""
        self.stepper.prepare()  # now, so that whoever starts it finds the alerts of the last run
        # Made here, and not by the first pass: a module that is half loaded on another thread when the program forks is
        # half loaded, and locked, for ever in the child.
        self.load_for(self.rules.values())
        _ = self.sensing.monitor
        self.parts.start()
        self.listen_to_pressure()

    def load_for(self, rules: Iterable[AlertRule]) -> None:
        """Load what these rules need; for whoever hands them to the watch thread, which loads nothing."""
        self.engine.learners.load(rules)
        self.acting.load_for(rules)

    def listen_to_pressure(self) -> None:
        """Let the kernel wake the watch thread when pressure rises, if it is to look closer then."""
        if self.sensing.of_this_machine and self.config.dynamic_interval:
            self.pressure.start()
        else:
            self.pressure.stop()

    def end(self, timeout_s: float) -> bool:
        """End the threads. False: they did not, in time."""
        self.pressure.stop()
        return self.parts.stop(timeout_s)

    def close_journal(self, timeout_s: float) -> bool:
        """Write the last state. False: the disk did not take it in time."""
        if self.run_record is not None:
            self.stepper.between_steps(self.run_record.close)
        return self.stepper.close_journal(timeout_s)

    def interval_s(self) -> float:
        """Seconds to the next pass, as of the last one."""
        return self.tempo.interval_s(self.passed_at or self.clock.now())

    def one_pass(self) -> None:
        """Read what is due, and step."""
        now = self.passed_at = self.clock.now()
        self.stepper.prepare()
        self.sensing.runtime.witness.look()
        inputs = self.sensing.collect(now, relaxed=self.tempo.is_quiet(now))
        inputs += self.supervision.look(now)
        inputs += self.last_run.look(now)
        if not isinstance(self.recorder, InMemoryOnly):
            opened = (episode.snapshot() for episode in self.engine.book.episodes())
            inputs += self.unkept.look(self.recorder, opened, now)
        self._step_with_loops(inputs, now)
        self.heartbeat.passed(now)
        self.after_pass(now)

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
        return bool(self.sensing.loops.layout)

    def beat(self) -> None:
        """Ask the event loops between two passes; step only if one of them has not answered promptly."""
        if self.sensing.loops_are_prompt():
            return
        now = self.clock.now()
        inputs = self.sensing.collect_loops(now)
        if self.sensing.loops.is_overdue():
            self.sensing.runtime.witness.look()
        self._step_with_loops(inputs, now)

    def _step_with_loops(self, inputs: list[Input], now: Instant) -> None:
        if self.sensing.loops.is_overdue():
            self.tempo.elevate(now, "overdue ping")
        self.stepper.step(inputs, now)

    def _pressure_rises(self, resource: str) -> None:
        self.tempo.elevate(self.clock.now(), f"pressure on {resource}")
        self.watch.hurry()

    def _publish(self, outcome: Outcome, now: Instant) -> None:
        notices = self._with_evidence(outcome, now) if outcome.wants else outcome.notices
        if notices:
            self.telling.delivery.hand_over(notices)
        if outcome.actions:
            self.acting.take(outcome.actions)
        if outcome.changes:
            if any(change.before is AlertState.INACTIVE for change in outcome.changes):
                self.tempo.elevate(now, "pending")
            self.telling.fire(outcome)

    def remind(self, channel: str, alerts: Sequence[PerformanceAlert]) -> None:
        """Tell a channel which of the alerts that it was told of still fire; for the journal."""
        self.telling.delivery.remind(channel, alerts)

    def resume(self, notice: Notice, *, attempts: int, wait_s: float) -> None:
        """Deliver what an earlier run could not; for the journal."""
        self.telling.delivery.resume(notice, attempts=attempts, wait_s=wait_s)

    def orphaned(self, folder: Path) -> None:
        """A process of this program is gone, and left this folder; for the journal."""
        self.last_run.orphaned(folder)

    def _with_evidence(self, outcome: Outcome, now: Instant) -> tuple[Notice, ...]:
        """Capture what is wanted while it is still to be seen, and let the notices carry it."""
        find = self.engine.book.find
        found = proofs_of(outcome.wants, find, memory=self.memory.proof, witness=self.sensing.runtime.witness.capture)
        if not found:
            return outcome.notices
        self.stepper.step(found, now)
        return tuple(given.refreshed(notice, find) for notice in outcome.notices)

    def after_fork(self) -> None:
        """In the child: no thread, lock, queue or open file of the parent."""
        self.sensing.after_fork()
        self.memory.after_fork()
        self.last_run.after_fork()
        self.parts.after_fork()
        self.supervision.after_fork()
        self.intake.after_fork()
        self.recorder.after_fork()
        self.unkept.after_fork()
        self.run_record = None
        self.stepper.after_fork(self._make_engine())
        self.watch.after_fork()
        self.pressure.forget()
        self.telling.after_fork()
        self.heartbeat.after_fork()
        self.acting.after_fork()


def _run_record(path: Path) -> RunRecord:
    from tocsin.replay.recording import RunRecord  # noqa: PLC0415 - only who records needs it

    return RunRecord(path, complain)


def _recording_engine(record: RunRecord) -> Callable[..., Engine]:
    from tocsin.replay.recording import RecordingEngine  # noqa: PLC0415 - as above

    return partial(RecordingEngine, record)


def _call_soon(loop: Any, call: Callable[[], object]) -> None:
    try:
        loop.call_soon_threadsafe(call)
    except RuntimeError:
        return  # the caller's loop is closed; nobody waits any more
