"""AlertSystem: the engine with real sensors, clock and channels, and the doors into it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec

from tocsin.clock import Clock, SystemClock
from tocsin.config import AlertConfig
from tocsin.coordinator import MonitoringCoordinator
from tocsin.errors import ConfigError, RuleNotFound, TocsinError
from tocsin.memory_alerts.inline import told
from tocsin.model import inputs as given
from tocsin.model.levels import AlertCategory, AlertSeverity
from tocsin.model.readings import SensorHealth, SeriesKey, canonical_labels
from tocsin.sensors.timing import Timed, timed
from tocsin.system import account, forking
from tocsin.system.checks import DirectChecks
from tocsin.system.core import SystemCore
from tocsin.system.doorbell import open_control
from tocsin.system.emitting import Emitter
from tocsin.system.heap_answers import answers_on_memory
from tocsin.system.orders import Orders
from tocsin.system.outside import judge_now
from tocsin.system.registered import RegisteredThread
from tocsin.system.reporting import complain
from tocsin.system.threads import Coordinator, ThreadRegister

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from types import TracebackType

    from tocsin.alerts.history import AlertHistory
    from tocsin.clock import Instant
    from tocsin.config import ChannelLike
    from tocsin.control import ControlServer
    from tocsin.memory_alerts.finding import Finding
    from tocsin.model.alert import PerformanceAlert
    from tocsin.model.notice import CheckResult
    from tocsin.model.rule import AlertRule
    from tocsin.sensors.protocol import Sensor

_GENERAL: Final = AlertCategory.GENERAL
_WARNING: Final = AlertSeverity.WARNING


class AlertSystem(Emitter, Orders):
    """Watches this program and its machine, and rings when something needs a person.

    It may be used without `start()`: then events and checks are judged on the caller's thread, and no thread is made
    except for the channels. No call raises into the program or blocks it, but for the exceptions stated with each.

    Args:
        config: what to watch and whom to tell; `AlertConfig()` by default.
        coordinator: looks after registered threads; one of its own by default. Whoever passes one stops it.
        clock: for tests, a `VirtualClock`.
        sensors: instead of those of this machine; for tests and for programs that know better.

    Attributes:
        config: as given.
        coordinator: may be exchanged, or taken away with None.
        buffers: tracks queues and other containers with a capacity.
        memory: `report()` on the memory of this process, and the `analysis()` of what leaks.
        alert_triggered: signal (title, message, level), for each occurrence that is told.
        alert_changed: signal (PerformanceAlert), for each change of an alert.
    """

    def __init__(
        self,
        config: AlertConfig | None = None,
        *,
        coordinator: Coordinator | None = None,
        clock: Clock | None = None,
        sensors: Iterable[Sensor] | None = None,
    ) -> None:
        self.config = config or AlertConfig()
        self.clock: Clock = clock or SystemClock()
        self._core = SystemCore(self.config, self.clock, sensors, coordinator=lambda: self.coordinator)
        super().__init__(self._core)
        self.coordinator: Coordinator | None = coordinator or self._core.parts
        self.buffers = self._core.buffers
        self.memory = self._core.memory
        self.alert_triggered = self._core.alert_triggered
        self.alert_changed = self._core.alert_changed
        self._threads = ThreadRegister(lambda: self.coordinator, complain)
        self._checks = DirectChecks(self._core)
        self._started_at: Instant | None = None
        self._stopped = False
        self._reachable = bool(self.config.control)
        self._control: ControlServer | None = None
        self._answering = threading.Lock()  # two threads may start and stop at once
        forking.remember(self)

    # -- life

    def start(self) -> Self:
        """Watch on a thread of its own. Twice is once. A disabled system stays still."""
        if self._core.disabled:
            return self
        self._stopped = False
        if self._started_at is None:
            self._started_at = self.clock.now()
        with self._answering:
            if self._reachable and self._control is None:
                self._control = open_control(self.config.program, self._answers())
        self._core.begin()
        return self

    def _answers(self) -> dict[str, Callable[[dict[str, Any]], Any]]:
        """What the command line may ask of this program."""
        from tocsin.system.alert_answers import answers_on_alerts  # noqa: PLC0415 - a bare system is not asked

        on_memory = answers_on_memory(self.memory)
        plain = {command: (lambda _, answer=answer: answer()) for command, answer in on_memory.items()}
        return {"status": lambda _: self.status(), **plain, **answers_on_alerts(self, self._core)}

    def stop(self, timeout_s: float = 2.0) -> bool:
        """End the watch thread and deliver what waits, within `timeout_s` real seconds.

        Returns: whether all was done in time; what was not is left to daemon threads.
        """
        self._stopped = True
        began_s = _real_s()
        ended = self._core.end(timeout_s)
        self._started_at = None
        with self._answering:
            control, self._control = self._control, None
        if control is not None:
            control.stop()
        self._core.delivery.close()
        flushed = self.flush(max(timeout_s - (_real_s() - began_s), 0.0))
        written = self._core.close_journal(max(timeout_s - (_real_s() - began_s), 0.5))
        return flushed and ended and written

    def flush(self, timeout_s: float = 2.0) -> bool:
        """Judge what was emitted, tell what waits for its digest, and deliver all, within `timeout_s` real seconds.

        Returns: whether all was done in time.
        """
        if self._core.disabled:
            return True
        began_s = _real_s()
        look = self._core.supervision.look
        answered = self._core.stepper.ask(lambda now: [*look(now), given.TellAll()], timeout_s) is not None
        # A step takes so many events and no more, and the last of them may be on their way through one just now.
        all_in = False
        while answered and not all_in:
            all_in = not len(self._core.intake)
            left_s = timeout_s - (_real_s() - began_s)
            answered = left_s > 0 and self._core.stepper.ask(lambda _: [given.TellAll()], left_s) is not None
        delivered = self._core.delivery.flush(max(timeout_s - (_real_s() - began_s), 0.0))
        heard = [
            signal.flush(max(timeout_s - (_real_s() - began_s), 0.0))
            for signal in (self.alert_triggered, self.alert_changed)
        ]
        written = not self._core.recorder.waiting() or not self._core.recorder.sync(
            max(timeout_s - (_real_s() - began_s), 0.0)
        )
        return answered and delivered and all(heard) and written

    async def monitor_resources(self) -> None:
        """Watch on the caller's event loop instead of a thread, until cancelled or `stop()`."""
        self._stopped = self._core.disabled
        if not self._stopped:
            self.memory.begin()
        try:
            while not self._stopped:
                await self.clock.sleep(self._core.pass_if_alone())
        finally:
            if not self._core.is_started():
                self.memory.end(0.0)

    async def cleanup(self) -> None:
        """Unregister every thread, and begin with a fresh history and throttle. The journal is not touched.

        A thread whose coordinator raises is logged by name, and the rest go on.
        Raises: whatever else fails, after it was logged.
        """
        try:
            self._threads.forget_all()
            self._core.forget_threads()
            await self._clear(throttle=True)
        except Exception as error:
            complain("cleanup failed", error=error)
            raise

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # -- checks

    async def check_cpu_usage(self) -> CheckResult:
        """Measure the machine's CPU now and judge it by the rule `cpu-high`, without its `for`. In percent."""
        return await self._checks.cpu()

    async def check_memory_usage(self) -> CheckResult:
        """Measure memory now, the machine's or a tighter container's, and judge it. In percent."""
        return await self._checks.memory()

    async def check_storage_latency(self) -> CheckResult:
        """Time a small synced write to a nameless temporary file, and judge it. In milliseconds."""
        return await self._checks.storage()

    async def check_buffer_usage(self) -> CheckResult:
        """Judge the fullest of the tracked buffers. In percent."""
        return await self._checks.buffers()

    # -- the program's own metrics

    def record(self, metric: str, value: float, labels: Mapping[str, str] | None = None) -> None:
        """Hand over a reading of the program's own, from any thread. Never blocks or raises; bad ones are counted."""
        self._core.metrics.record(metric, value, labels)

    def timed(self, name: str) -> Timed:
        """Time a function or a block into the metric `name`, in seconds; decorator and context manager."""
        return timed(name, self._core.metrics.record)

    def add_sensor(self, read: Callable[[], Any], *, name: str | None = None) -> None:
        """Call `read` at each pass for readings: a mapping from name to number, or (name, value, labels) triples.

        It runs on the watch thread. If it raises it is set aside alone, and tried again later; `tocsin doctor` and
        `sensor_health()` know it by `name`, by default the function's, with a number where that is taken.
        """
        self._core.install(read, name)

    def watch_loop(self, loop: AbstractEventLoop, name: str | None = None) -> None:
        """Watch an asyncio event loop by name. Running loops are found without this too, within ten seconds."""
        self._core.loops.watch_loop(loop, name)

    # -- rules and channels at run time

    @property
    def rules(self) -> tuple[AlertRule, ...]:
        """The rules in force, disabled ones included."""
        return tuple(self._core.rules.values())

    def add_rule(self, rule: AlertRule) -> None:
        """Judge by one more rule; one of the same name is replaced."""
        self._core.rules[rule.name] = rule
        self._core.ask_now(lambda _: [given.AddRule(rule)])

    def remove_rule(self, name: str) -> None:
        """Judge by a rule no longer; its open alerts end.

        Raises: RuleNotFound: if there is none of this name.
        """
        if self._core.rules.pop(name, None) is None:
            raise RuleNotFound(name, self._core.rules)
        self._core.ask_now(lambda _: [given.RemoveRule(name)])

    def enable_rule(self, name: str) -> None:
        """Judge by a rule again. Raises RuleNotFound."""
        self._switch(name, enabled=True)

    def disable_rule(self, name: str) -> None:
        """Judge by a rule no longer, but keep it; its open alerts end. Raises RuleNotFound."""
        self._switch(name, enabled=False)

    def add_channel(self, channel: ChannelLike, *, severity: AlertSeverity | None = None) -> None:
        """Tell one more channel. A plain function is taken too.

        Args:
            channel: its name must not be taken; in `Routed`, with what it is told.
            severity: this and worse; by default what the channel itself says, or else everything.
        Raises: ConfigError: if there is a channel of this name, or it is no channel.
        """
        made, route = self.config.make_further_channel(channel, self.channel_names())
        if made.name in self.channel_names():
            raise ConfigError(f"channel {made.name!r}: there is one of this name; give this one another name")
        self._core.add_channel(made, route if severity is None else msgspec.structs.replace(route, severity=severity))

    def _switch(self, name: str, *, enabled: bool) -> None:
        rule = self._core.rules.get(name)
        if rule is None:
            raise RuleNotFound(name, self._core.rules)
        self._core.rules[name] = msgspec.structs.replace(rule, enabled=enabled)
        self._core.ask_now(lambda _: [given.SwitchRule(name, enabled)])

    # -- alerts

    @property
    def history(self) -> AlertHistory:
        """The recent occurrences."""
        return self._core.engine.history

    @property
    def _last_emit(self) -> dict[tuple[str, int], Any]:
        """When each source and level was told of; the throttle."""
        return self._core.engine.decisions.teller.suppressor.last

    def open_alerts(self) -> tuple[PerformanceAlert, ...]:
        """The alerts that are open, worst first."""
        return tuple(self._core.engine.book.open_alerts())

    async def get_recent_alerts(self, n: int = 10) -> list[PerformanceAlert]:
        """The last `n` alerts, newest first, ended and suppressed ones included."""
        return self._core.engine.book.recent()[: max(n, 0)]

    async def get_alerts_by_category(self, category: AlertCategory | str) -> list[PerformanceAlert]:
        """The alerts of a category, newest first. Raises ValueError for an unknown category."""
        return self._core.engine.book.of_category(AlertCategory(category))

    async def get_unacknowledged_alerts(self) -> list[PerformanceAlert]:
        """The alerts that nobody has acknowledged, newest first."""
        return self._core.engine.book.unacknowledged()

    async def clear_history(self) -> None:
        """Forget what is over; an open alert is shown again at its next change.

        Raises: TocsinError: if the watch thread did not do it in time.
        """
        await self._clear(throttle=False)

    async def _clear(self, *, throttle: bool) -> None:
        answer = await self._core.ask(lambda _: [given.ClearHistory(throttle)])
        if answer is None and not self._core.disabled:
            raise TocsinError(
                "the history was not cleared: no answer from the watch thread; see status()['last_error']"
            )

    async def _judge(self, findings: Sequence[Finding]) -> tuple[PerformanceAlert, ...]:
        """Judge what a `MemoryAlertManager` was told, with this system as its door."""
        answer = await self._core.ask(lambda _: judge_now(self._core, findings))
        await told(self._core.delivery)
        return () if answer is None else answer.alerts

    def get_dynamic_threshold(self, metric: str) -> float:
        """The present bound of a metric in the configuration's unit; the static one, until bounds are learned."""
        return self.config.get_dynamic_threshold(metric)

    # -- threads

    @property
    def _registered_threads(self) -> set[threading.Thread]:
        return self._threads.known

    def register_thread(self, thread: threading.Thread | None = None) -> None:
        """Know a thread of the program, by default the calling one. Twice is once."""
        self._threads.register(thread)
        if self._keeper() is not self.coordinator:
            self._core.parts.register_thread(thread)  # a foreign coordinator looks after it in its own way

    def unregister_thread(self, thread: threading.Thread | None = None) -> None:
        """Forget a thread, by default the calling one."""
        self._threads.unregister(thread)
        if self._core.parts is not self.coordinator:
            self._core.parts.unregister_thread(thread)

    def registered(
        self, name: str = "", *, must_live: bool = False, heartbeat_s: float | None = None
    ) -> RegisteredThread:
        """Look after the calling thread for as long as a block lasts (`with`), or a function (as decorator).

        Args:
            name: as alerts call the thread; by default its own.
            must_live: ring when the block comes to its end, however it does.
            heartbeat_s: ring when `heartbeat()` is not called for twice these seconds.
        Raises: ConfigError: if `heartbeat_s` is no time.
        """
        return RegisteredThread(self, name, must_live=must_live, heartbeat_s=heartbeat_s)

    def heartbeat(self) -> None:
        """Say that the calling thread gets on."""
        self._keeper().heartbeat()

    def _keeper(self) -> MonitoringCoordinator:
        """Who keeps the promises of threads."""
        return self._core.keeper()

    def _knows(self, thread: threading.Thread) -> bool:
        return thread in self._threads.known

    # -- for the doors and the command line

    def latest(self) -> dict[SeriesKey, float]:
        """The last reading of each series, in base units; of counters the present rate a second."""
        return account.latest(self._core)

    def recent(self, metric: str, labels: Mapping[str, str] | None = None, points: int = 60) -> list[float]:
        """The last readings of one series, oldest first."""
        return account.recent(self._core, SeriesKey(metric, canonical_labels(labels or {})), points)

    def counters(self) -> dict[str, int]:
        """What was dropped, merged, failed or given up: Tocsin's own account of itself."""
        return account.counters(self._core)

    def status(self) -> dict[str, Any]:
        """How the system does, as plain values for JSON."""
        threads = [thread.name for thread in tuple(self._threads.known)]
        return account.status_of(self._core, started=self._started_at, threads=threads)

    def interval_s(self) -> float:
        """Seconds between two passes, as of now."""
        return self._core.interval_s()

    def channel_names(self) -> list[str]:
        """The channels that are told."""
        return list(self._core.delivery.counts())

    def sensor_health(self) -> tuple[SensorHealth, ...]:
        """How each sensor does."""
        return self._core.monitor.health()

    def open_control(self) -> None:
        """Let the command line reach this program while it is started, unless the configuration says no."""
        self._reachable = self.config.control is not False

    @property
    def started_at(self) -> Instant | None:
        """When it was started; None while it is not."""
        return self._started_at

    # -- for the hooks at forks and at the end

    def _has_unfinished(self) -> bool:
        return self._core.has_unfinished()

    def _after_fork(self) -> bool:
        """In the child: nothing of the parent's goes on. Returns whether it was started."""
        started, self._started_at, self._control = self._started_at is not None, None, None
        self._answering = threading.Lock()
        self._core.after_fork()
        if isinstance(self.coordinator, MonitoringCoordinator):
            self.coordinator.after_fork()  # a shared one too: its lock may have been held
        self._threads.after_fork()
        self._checks = DirectChecks(self._core)
        return started


def _real_s() -> float:
    return SystemClock().now().mono_s
