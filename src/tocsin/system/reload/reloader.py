"""Takes the configuration file anew while the system runs: read, compared, and put in force between two steps.

All of it or nothing: whatever is wrong with the file, the old configuration stays, and an event says why.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tocsin.errors import ConfigError
from tocsin.model.inputs import Event
from tocsin.model.levels import AlertCategory, AlertSeverity
from tocsin.system.reload.rooms import put_in_force, settle_rooms
from tocsin.system.reporting import complain, remark
from tocsin.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tocsin.clock import Instant
    from tocsin.config import AlertConfig
    from tocsin.config.document import Signature
    from tocsin.model.alert import PerformanceAlert
    from tocsin.system.core import SystemCore
    from tocsin.system.reload.plan import Plan

REFUSED: Final = "Configuration refused"
SOURCE: Final = "tocsin"
NAME: Final = "tocsin-reload"
# How long a step that is under way is waited for, and another reload.
BETWEEN_STEPS_S: Final = 5.0
OTHERS_S: Final = 10.0
LOOK_EVERY_S: Final = 2.0
MAX_REASONS: Final = 5


class Reloaded(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a configuration that was to be taken anew.

    Attributes:
        applied: whether what stands in the file is in force now.
        path: the file; empty: there is none.
        changes: what is different since, in words; none: the file says what was in force already.
        reasons: why it was refused; the old configuration stays.
        at: when, UTC, as text.
    """

    applied: bool
    path: str = ""
    changes: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    at: str = ""


class Reloader:
    """Takes the configuration file anew, when it is told to or when the file changes.

    Args:
        core: the system.
        took: called with each configuration that has come into force.

    Attributes:
        last: what became of the last attempt; None: there was none.
    """

    def __init__(self, core: SystemCore, took: Callable[[AlertConfig], object]) -> None:
        self._core = core
        self._took = took
        self.last: Reloaded | None = None
        self._worker: Worker[None] = Worker(NAME, lambda _: self._look_at_file(), capacity=1)
        self._seen: Signature | None = None
        self._tried: Signature | None = None
        self._look_s = 0.0
        self._lock = threading.Lock()
        self._by: int | None = None

    def after_fork(self) -> None:
        """In the child: nobody is at it."""
        self._lock = threading.Lock()
        self._by = None
        self._worker.after_fork()

    def reload(self) -> Reloaded:
        """Take the file anew, now. Never raises; one at a time."""
        me = threading.get_ident()
        if self._by == me or not self._lock.acquire(timeout=OTHERS_S):  # in a signal handler it would wait for itself
            return self._refused("", ["another reload is under way, and has not come to its end"])
        try:
            self._by = me
            return self._reload()
        finally:
            self._by = None
            self._lock.release()

    def look(self, now: Instant) -> None:
        """See now and then whether the file has changed, if that was asked for. For the watch thread: never blocks."""
        config = self._core.config
        if not config.reload_on_change or config.origin is None or now.mono_s < self._look_s:
            return
        self._look_s = now.mono_s + LOOK_EVERY_S
        if not self._worker.waiting:  # else it hangs in a file system that does not answer
            self._worker.post(None)

    def flush(self, timeout_s: float) -> bool:
        """Wait until a look at the file that was begun is over. False: it is not, in time."""
        return self._worker.flush(timeout_s)

    def status(self) -> dict[str, Any]:
        """The file, and what became of the last attempt to take it anew, as plain values."""
        origin = self._core.config.origin
        return {
            "path": None if origin is None else str(origin.path),
            "reload_on_change": self._core.config.reload_on_change,
            "last": None if self.last is None else msgspec.to_builtins(self.last),
        }

    def _look_at_file(self) -> None:
        from tocsin.config.again import look_at, path_of  # noqa: PLC0415 - only who asks for it needs it

        origin = self._core.config.origin
        if origin is None:
            return
        before, self._seen = self._seen, look_at(path_of(origin))
        # A file that is away is being exchanged. One that has just changed is looked at once more: it may not be
        # complete. What was refused is tried again when it has changed again.
        if self._seen is None or self._seen != before or self._seen in {origin.signature, self._tried}:
            return
        self._tried = self._seen
        self.reload()

    def _reload(self) -> Reloaded:
        from tocsin.config.again import path_of, read_again  # noqa: PLC0415 - reads files, which few programs have
        from tocsin.system.reload.plan import make_plan  # noqa: PLC0415 - as above

        core = self._core
        origin = core.config.origin
        if core.disabled:
            return self._refused("", ["TOCSIN_DISABLED is set: nothing is watched"])
        if origin is None:
            why = "its configuration was not read from a file; start it again with one, or change it in the program"
            return self._refused("", [why])
        path = str(path_of(origin))
        try:
            plan = make_plan(core, origin, read_again(origin))
            self._put_in_force(plan)
        except ConfigError as error:
            return self._refused(path, list(map(str, error.problems)) or [str(error)])
        except Exception as error:  # noqa: BLE001 - an edge: whatever it was, the old configuration stays
            return self._refused(path, [f"{type(error).__name__}: {error}"])
        words = "; ".join(plan.changes) or "nothing in it differs from what was in force"
        remark(f"the configuration {path} was taken anew: {words}")
        return self._done(Reloaded(applied=True, path=path, changes=plan.changes))

    def _put_in_force(self, plan: Plan) -> None:
        """Raises: ConfigError: if no step came to its end in time; then nothing has changed."""
        core = self._core
        gone: list[Any] = []
        core.load_for(plan.new_rules.values())
        if not core.stepper.between_steps(lambda: gone.extend(put_in_force(core, plan)), BETWEEN_STEPS_S):
            raise ConfigError(f"the step that is under way has taken more than {BETWEEN_STEPS_S:g} s; try again")
        settle_rooms(core, plan)
        self._took(plan.config)
        core.ask_now(lambda _: [])  # what followed from it is told now
        core.telling.delivery.rest(gone)
        self._remind(plan.exchanged)
        if "check_interval" in plan.keys:
            core.watch.hurry()
        if "dynamic_interval" in plan.keys and core.is_started():
            core.listen_to_pressure()

    def _remind(self, channels: Sequence[str]) -> None:
        """Let channels that were made anew go on with what their receivers have been told."""
        episodes = self._core.engine.book.episodes()
        for channel in channels:
            alerts: list[PerformanceAlert] = [one.snapshot() for one in episodes if channel in one.told]
            if alerts:
                self._core.remind(channel, alerts)

    def _refused(self, path: str, reasons: list[str]) -> Reloaded:
        what = path or "a configuration"
        said = reasons[:MAX_REASONS] + ([f"{len(reasons) - MAX_REASONS} more"] if len(reasons) > MAX_REASONS else [])
        message = f"{what} was not taken, and the old configuration stays in force: {'; '.join(said)}"
        complain(message)
        event = Event(
            title=REFUSED, message=message, severity=AlertSeverity.WARNING, source=SOURCE,
            category=AlertCategory.GENERAL, component="configuration",
            recommendations=("Mend the file; `tocsin check` names every mistake in it", "Then: tocsin reload"),
        )  # fmt: skip
        self._core.ask_now(lambda _: [event])
        return self._done(Reloaded(applied=False, path=path, reasons=tuple(reasons)))

    def _done(self, found: Reloaded) -> Reloaded:
        self.last = msgspec.structs.replace(found, at=self._core.clock.now().utc.isoformat())
        return self.last
