"""AlertSystem: the engine with real sensors, clock and channels, and the doors into it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec

from tocsin.clock import Clock, SystemClock
from tocsin.config import AlertConfig
from tocsin.coordinator import MonitoringCoordinator
from tocsin.model import inputs as given
from tocsin.model.levels import AlertCategory, AlertSeverity
from tocsin.system import forking
from tocsin.system.core import SystemCore
from tocsin.system.doors.changing import Changing
from tocsin.system.doors.emitting import Emitter
from tocsin.system.doors.looking import Looking
from tocsin.system.doors.measuring import Measuring
from tocsin.system.doors.orders import Orders
from tocsin.system.doors.threads import Threads
from tocsin.system.once import Once
from tocsin.system.reporting import complain
from tocsin.system.threads.register import Coordinator, ThreadRegister

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import TracebackType

    from tocsin.clock import Instant
    from tocsin.control import ControlServer
    from tocsin.memory_alerts.finding import Finding
    from tocsin.model.alert import PerformanceAlert
    from tocsin.sensors.buffers import BufferManager
    from tocsin.sensors.protocol import Sensor
    from tocsin.system.doors.checks import DirectChecks
    from tocsin.system.memory.room import MemoryRoom
    from tocsin.system.reload.reloader import Reloader

_GENERAL: Final = AlertCategory.GENERAL
_WARNING: Final = AlertSeverity.WARNING


class AlertSystem(Emitter, Orders, Changing, Looking, Measuring, Threads):
    """Watches this program and its machine, and rings when something needs a person.

    It may be used without `start()`: then events and checks are judged on the caller's thread, and no thread is made
    except for the channels. No call raises into the program or blocks it, but for the exceptions stated with each.

    Args:
        config: what to watch and whom to tell; `AlertConfig()` by default.
        coordinator: looks after registered threads; one of its own by default. Whoever passes one stops it.
        clock: for tests, a `VirtualClock`.
        sensors: instead of those of this machine; for tests and for programs that know better.

    Attributes:
        config: what is in force: as given, or as `reload()` took it last.
        coordinator: may be exchanged, or taken away with None.
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
        self._reloader = Once(self._make_reloader)
        if self.config.origin is not None:
            self._core.after_pass = self._reloader().look
        self.coordinator: Coordinator | None = coordinator or self._core.parts
        self.alert_triggered = self._core.telling.alert_triggered
        self.alert_changed = self._core.telling.alert_changed
        self._threads = ThreadRegister(lambda: self.coordinator, complain)
        self._checks = Once(self._make_checks)
        self._started_at: Instant | None = None
        self._stopped = False
        self._all_written = True
        self._reachable = bool(self.config.control)
        self._control: ControlServer | None = None
        self._answering = threading.Lock()  # two threads may start and stop at once
        self.page_url: Callable[[], str] = str  # of the page that shows this system; empty where there is none
        forking.remember(self)

    @property
    def buffers(self) -> BufferManager:
        """Tracks queues and other containers with a capacity."""
        return self._core.sensing.buffers.manager

    @property
    def memory(self) -> MemoryRoom:
        """`report()` on the memory of this process, and the `analysis()` of what leaks."""
        return self._core.memory.room

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
                from tocsin.system.answers.doorbell import open_control  # noqa: PLC0415 - a bare system is not reached

                self._control = open_control(self.config.program, self.answers())
        self._core.begin()
        return self

    def answers(self) -> dict[str, Callable[[dict[str, Any]], Any]]:
        """What the command line and the page may ask of this program, each a function from request to reply."""
        from tocsin.system.answers import account  # noqa: F401, PLC0415 - for `status`, asked on a thread of ours
        from tocsin.system.answers.alerts import answers_on_alerts  # noqa: PLC0415 - a bare system is not asked
        from tocsin.system.answers.artifacts import answers_on_artifacts  # noqa: PLC0415 - as above
        from tocsin.system.answers.looks import answers_on_looks  # noqa: PLC0415 - as above
        from tocsin.system.answers.memory import answers_on_memory  # noqa: PLC0415 - as above
        from tocsin.system.answers.rules import answers_on_rules  # noqa: PLC0415 - as above

        self._reloader()
        on_memory = answers_on_memory(self.memory)
        plain = {command: (lambda _, answer=answer: answer()) for command, answer in on_memory.items()}
        of_alerts, of_looks = answers_on_alerts(self, self._core), answers_on_looks(self, self._core)
        of_artifacts, of_rules = answers_on_artifacts(self._core.acting.store), answers_on_rules(self._core)
        own: dict[str, Callable[[dict[str, Any]], Any]] = {
            "status": lambda _: self.status(),
            "page": lambda _: {"url": self.page_url()},
            "reload": lambda _: msgspec.to_builtins(self.reload()),
        }
        return {**own, **plain, **of_alerts, **of_artifacts, **of_looks, **of_rules}

    def stop(self, timeout_s: float = 2.0) -> bool:
        """End the watch thread and deliver what waits, within `timeout_s` real seconds. Twice is once.

        Returns: whether all was done in time; what was not is left to daemon threads.
        """
        if self._stopped and self._core.is_at_rest():  # its folder may be another program's by now
            return self._all_written
        self._stopped = True
        began_s = _real_s()
        ended = self._core.end(timeout_s)
        self._started_at = None
        with self._answering:
            control, self._control = self._control, None
        if control is not None:
            control.stop()
        self._core.telling.delivery.close()
        flushed = self.flush(max(timeout_s - (_real_s() - began_s), 0.0))
        self._all_written = self._core.close_journal(max(timeout_s - (_real_s() - began_s), 0.5))
        return flushed and ended and self._all_written

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
        delivered = self._core.telling.delivery.flush(max(timeout_s - (_real_s() - began_s), 0.0))
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
            self._core.memory.begin()
        try:
            while not self._stopped:
                await self.clock.sleep(self._core.pass_if_alone())
        finally:
            if not self._core.is_started():
                self._core.memory.end(0.0)

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

    # -- for the doors and the command line

    def status(self) -> dict[str, Any]:
        """How the system does, as plain values for JSON."""
        threads = [thread.name for thread in tuple(self._threads.known)]
        from tocsin.system.answers.account import status_of  # noqa: PLC0415 - a bare system is not asked

        return status_of(
            self._core, started=self._started_at, threads=threads, latest=self.latest(), counters=self.counters(),
            configuration=self._reloader().status(),
        )  # fmt: skip

    def open_control(self) -> None:
        """Let the command line reach this program while it is started, unless the configuration says no."""
        self._reachable = self.config.control is not False

    def health(self) -> dict[str, Any]:
        """Whether the program is fit to live and ready for work, by the rules that the configuration chose for it."""
        from tocsin.system.answers.health import health_of  # noqa: PLC0415 - seldom asked

        return health_of(self._core)

    @property
    def is_disabled(self) -> bool:
        """Whether TOCSIN_DISABLED switches everything off."""
        return self._core.disabled

    @property
    def started_at(self) -> Instant | None:
        """When it was started; None while it is not."""
        return self._started_at

    async def _judge(self, findings: Sequence[Finding]) -> tuple[PerformanceAlert, ...]:
        """Judge what a `MemoryAlertManager` was told, with this system as its door."""
        from tocsin.memory_alerts.inline import told  # noqa: PLC0415 - whoever has a manager has loaded it
        from tocsin.system.doors.outside import judge_now  # noqa: PLC0415 - as above

        answer = await self._core.ask(lambda _: judge_now(self._core, findings))
        await told(self._core.telling.delivery)
        return () if answer is None else answer.alerts

    def _make_reloader(self) -> Reloader:
        from tocsin.system.reload.reloader import Reloader  # noqa: PLC0415 - only where there is a file, or who asks

        return Reloader(self._core, self._take_config)

    def _make_checks(self) -> DirectChecks:
        from tocsin.system.doors.checks import DirectChecks  # noqa: PLC0415 - only who measures in between needs them

        return DirectChecks(self._core)

    def _take_config(self, config: AlertConfig) -> None:
        self.config = config

    # -- for the hooks at forks and at the end

    def _has_unfinished(self) -> bool:
        return self._core.has_unfinished()

    def _leave(self, timeout_s: float) -> bool:
        """At the exit: write what was measured and learned since it was last written. False: the system goes on."""
        core, until_s = self._core, _real_s() + timeout_s
        writes = core.recorder.is_open or core.run_record is not None
        # Neither a sensor that hangs nor a disk that does holds up the exit.
        if not (writes and core.is_started() and core.end(timeout_s)):
            return False
        if core.stepper.between_steps(lambda: None, max(until_s - _real_s(), 0.0)):
            self.stop(max(until_s - _real_s(), 0.0))
        return True

    def _note_exit(self) -> None:
        """The interpreter ends."""
        self._core.last_run.note_exit()

    def _after_fork(self) -> bool:
        """In the child: nothing of the parent's goes on. Returns whether it was started."""
        started, self._started_at, self._control = self._started_at is not None, None, None
        self._answering = threading.Lock()
        self._core.after_fork()
        if self._reloader.made is not None:
            self._reloader.made.after_fork()
        if isinstance(self.coordinator, MonitoringCoordinator):
            self.coordinator.after_fork()  # a shared one too: its lock may have been held
        self._threads.after_fork()
        self._checks = Once(self._make_checks)
        return started


def _real_s() -> float:
    return SystemClock().now().mono_s
