"""The room of actions: takes what the engine says is due, runs it on threads of its own, and hands the outcome back.

What is captured has one thread, and what calls or runs something another, so that a function that hangs keeps no
capture waiting. Before anything is begun it is on disk that it was due: what ends the program is not begun again by the
next.
"""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from tocsin.model.action import Action, ActionKind, ActionOutcome, DueAction, parse_action
from tocsin.model.inputs import ActionDone
from tocsin.model.readings import inert
from tocsin.model.units import format_value
from tocsin.system.reporting import complain
from tocsin.tally import Tally
from tocsin.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tocsin.artifacts import ArtifactStore
    from tocsin.clock import Clock, Instant
    from tocsin.config import AlertConfig
    from tocsin.model.alert import Evidence, PerformanceAlert
    from tocsin.model.inputs import Input
    from tocsin.model.memory import HeapSnapshot
    from tocsin.model.readings import SeriesKey
    from tocsin.sensors.runtime.stacks import StackRing
    from tocsin.system.acting.calls import Calls
    from tocsin.system.acting.ceilings import Ceilings, Guard
    from tocsin.system.memory.baseline import Difference

# Whoever comes behind so many is refused: by the time of his turn he would capture something else.
MAX_WAITING: Final = 16
ON_DISK_WITHIN_S: Final = 1.0
ENDED: Final = "the watch of this program ended"
MAX_REASON_CHARS: Final = 500
MAX_TITLE_CHARS: Final = 200


class Host(Protocol):
    """What the room asks of the system it belongs to."""

    def find_alert(self, alert_id: str) -> PerformanceAlert | None:
        """An alert by its id."""
        ...

    def hand_in(self, work: Callable[[Instant], Sequence[Input]]) -> object:
        """Step with what `work` makes, soon."""
        ...

    def readings(self) -> Mapping[SeriesKey, float]:
        """The last reading of each series."""
        ...

    def settle(self, timeout_s: float) -> object:
        """Wait until all that was recorded is on disk."""
        ...

    def past_stacks(self) -> StackRing:
        """The stacks of late."""
        ...

    def load_heap(self) -> None:
        """Load what looks at the heap."""
        ...

    def compared_heap(self) -> tuple[HeapSnapshot, Difference | None]:
        """The heap, and what it has gained."""
        ...


class _Job(NamedTuple):
    """An action that is due, and when that was; or, without one, that the folder is to be cleaned."""

    due: DueAction | None
    rang_s: float = 0.0


class _Refused(Exception):
    """An action is not begun; says why."""


class _Failed(Exception):
    """An action did not do what it should; says why, and shows what it found all the same."""

    def __init__(self, reason: str, evidence: Evidence | None = None) -> None:
        super().__init__(reason)
        self.evidence = evidence


class _Made(NamedTuple):
    """What an action came to."""

    reason: str
    artifact: str = ""
    evidence: Evidence | None = None


class ActionRoom:
    """A part of the system.

    Args:
        config: limits, and the state directory.
        clock: dates artifacts.
        host: the system.

    Attributes:
        store: where artifacts are kept; None: there is no state directory.
        lost: outcomes that could not be handed back.
    """

    name = "tocsin-actions"

    def __init__(self, config: AlertConfig, clock: Clock, host: Host) -> None:
        self.store: ArtifactStore | None = None
        self.lost = Tally()
        self._config = config
        self._clock = clock
        self._host = host
        self._cleaned = False
        self._ceilings: Ceilings | None = None
        self._calls: Calls | None = None
        self._captures: Worker[_Job] = Worker("tocsin-captures", self._do, capacity=MAX_WAITING)
        self._others: Worker[_Job] = Worker("tocsin-actions", self._do, capacity=MAX_WAITING)
        self._ending = threading.Event()
        self._closed = False
        if config.state_dir is not None:
            from tocsin.artifacts import ArtifactStore  # noqa: PLC0415 - only where there is a folder to keep them in

            self.store = ArtifactStore(config.state_dir, config.artifact_bounds)

    # -- a part of the system

    def begin(self) -> None:
        """Take what is due from now on."""
        self._ending.clear()
        self._closed = False
        self._clean()

    def end(self, timeout_s: float) -> bool:
        """Let what runs come to its end, at once. False: it did not, in half the time; then its outcome is lost."""
        self._ending.set()
        ended = self.flush(timeout_s / 2)
        self._closed = True  # a step now would open again what is about to be closed
        return ended

    def is_alive(self) -> bool:
        """Always: its threads are there only while there is something to do."""
        return True

    def after_fork(self) -> None:
        """In the child nothing of the parent's runs on."""
        self._captures.after_fork()
        self._others.after_fork()
        self._ending = threading.Event()
        self._closed = False
        self._calls = None
        if self.store is not None:
            self.store.after_fork()

    def reload(self, config: AlertConfig) -> None:
        """Act within other limits from the next action on, and keep artifacts within other bounds."""
        self._config = config
        if self._ceilings is not None:
            self._ceilings = self._made_ceilings()
        if self.store is not None:
            self.store.bounds = config.artifact_bounds

    def load_for(self, actions: Iterable[str]) -> None:
        """Load now what these actions will need, so that no thread of ours is at it when the program forks."""
        self._make_ready(parse_action(text) for text in actions)

    # -- taking what is due

    def take(self, due: Iterable[DueAction]) -> None:
        """Run these, soon. Never blocks, but where no thread is to be had."""
        self._clean()
        for one in due:
            if self._ending.is_set():
                self._hand_in(one, ActionOutcome.REFUSED, _Made(ENDED))
                continue
            worker = self._captures if parse_action(one.action).captures else self._others
            if not worker.post(_Job(one, time.perf_counter())):
                self._hand_in(one, ActionOutcome.REFUSED, _Made(f"{MAX_WAITING} others wait to be run"))

    def flush(self, timeout_s: float) -> bool:
        """Wait until all that was taken is done. False: it is not, within `timeout_s` real seconds."""
        until_s = time.perf_counter() + timeout_s
        captured = self._captures.flush(timeout_s)
        return self._others.flush(max(until_s - time.perf_counter(), 0.0)) and captured

    def waiting(self) -> int:
        """Actions that wait or run."""
        return self._captures.waiting + self._others.waiting

    def _clean(self) -> None:
        """Once in the life of a system: what earlier runs left is brought within bounds, off this thread."""
        if self._cleaned or self.store is None or not self.store.folder.is_dir():
            return
        self._cleaned = True
        self._captures.post(_Job(None), priority=1)

    # -- on a thread of its own

    def _do(self, job: _Job) -> None:
        if job.due is None:
            self._clean_now()
            return
        due = job.due
        try:
            made = self._act(due, job.rang_s)
            outcome = ActionOutcome.DONE
        except _Refused as error:
            outcome, made = ActionOutcome.REFUSED, _Made(str(error))
        except _Failed as error:
            outcome, made = ActionOutcome.FAILED, _Made(str(error), evidence=error.evidence)
        except BaseException as error:  # noqa: BLE001 - an edge: one that fails is told of, and the next is run
            outcome, made = ActionOutcome.FAILED, _Made(f"{type(error).__name__}: {error}")
        if self._closed:
            self.lost.add()
        else:
            self._hand_in(due, outcome, made)

    def _clean_now(self) -> None:
        try:
            if self.store is not None:
                self.store.clean(self._clock.now().utc)
        except OSError as error:
            complain(f"the folder of artifacts cannot be cleaned: {error}")

    def _act(self, due: DueAction, rang_s: float) -> _Made:
        action = parse_action(due.action)
        self._make_ready((action,))
        ceilings = self._ceilings
        assert ceilings is not None  # noqa: S101 - made just now
        self._host.settle(ON_DISK_WITHIN_S)
        why = ENDED if self._ending.is_set() else ceilings.why_not(action)
        if why:
            raise _Refused(why)
        began_s = time.perf_counter()
        match action.kind:
            case ActionKind.HEAP_SNAPSHOT | ActionKind.STACKS:
                made = self._capture(due, action, rang_s)
            case ActionKind.CALL:
                made = self._call(action, self._alert(due))
            case ActionKind.RUN:
                made = self._run(action, self._alert(due))
        took = format_value(time.perf_counter() - began_s, "s")
        return made._replace(reason=f"{made.reason}, after {took}")

    def _alert(self, due: DueAction) -> PerformanceAlert:
        alert = self._host.find_alert(due.alert_id)
        if alert is None:
            raise _Refused("its alert is not known any more")
        return alert

    def _guard(self, deadline_s: float) -> Guard:
        from tocsin.system.acting.ceilings import Guard  # noqa: PLC0415 - only where something runs

        assert self._ceilings is not None  # noqa: S101 - made before anything runs
        return Guard(self._ceilings, self._ending, deadline_s)

    def _capture(self, due: DueAction, action: Action, rang_s: float) -> _Made:
        from tocsin.system.acting import captures  # noqa: PLC0415 - only where something is captured

        cut = ""
        if action.kind is ActionKind.HEAP_SNAPSHOT:
            snapshot, difference = self._host.compared_heap()
            if not snapshot.stacks:
                why = "; ".join(snapshot.remarks) or "nothing was sampled yet"
                raise _Failed(f"there is no heap to keep (tier: {snapshot.tier.value}): {why}")
            found = captures.capture_heap(snapshot, difference)
        else:
            guard = self._guard(action.seconds + self._config.actions["deadline"])
            before = self._host.past_stacks().seen(rang_s - captures.BEFORE_S)
            after, cut = captures.sample_stacks(action.seconds, guard.why_stop, self._ending)
            found = captures.capture_stacks(before, after, rang_s)
        kept = self._keep(due, action, found)
        cut = f"; cut short, since {cut}" if cut else ""
        return kept._replace(reason=f"{kept.reason}{cut}")

    def _keep(self, due: DueAction, action: Action, found: Any) -> _Made:
        from tocsin.artifacts import Head, document  # noqa: PLC0415 - as above
        from tocsin.errors import StoreError  # noqa: PLC0415 - as above

        if self.store is None:
            raise _Failed(f"{found.words}, and there is no state_dir to keep it in", found.evidence)
        alert = self._host.find_alert(due.alert_id)
        utc = self._clock.now().utc
        head = Head(
            id=due.artifact, kind=document.HEAP if action.kind is ActionKind.HEAP_SNAPSHOT else document.STACKS, at=utc,
            program=self._config.program, pid=os.getpid(), alert_id=due.alert_id,
            alert_title="" if alert is None else inert(alert.title, MAX_TITLE_CHARS), rule=due.rule, action=due.action,
        )  # fmt: skip
        try:
            size = self.store.put(head, found.body, utc)
        except StoreError as error:
            raise _Failed(f"{found.words}, and it is not kept: {error}", found.evidence) from error
        words = f"{found.words}, kept as {due.artifact} ({format_value(float(size), 'By')})"
        return _Made(words, due.artifact, found.evidence)

    def _call(self, action: Action, alert: PerformanceAlert) -> _Made:
        from tocsin.system.acting.calls import ActionFailed  # noqa: PLC0415 - only where something is called

        assert self._calls is not None  # noqa: S101 - made before anything runs
        try:
            return _Made(self._calls.call(action.function, alert, self._guard(self._config.actions["deadline"])))
        except ActionFailed as error:
            raise _Failed(str(error)) from error

    def _run(self, action: Action, alert: PerformanceAlert) -> _Made:
        from tocsin.system.acting import commands  # noqa: PLC0415 - only where something is run

        limits = self._config.actions
        try:
            return _Made(
                commands.run(action.argv, alert, self._guard(limits["deadline"]), growth_bytes=limits["growth"])
            )
        except commands.CommandFailed as error:
            raise _Failed(str(error)) from error

    def _hand_in(self, due: DueAction, outcome: ActionOutcome, made: _Made) -> None:
        reason = made.reason if len(made.reason) <= MAX_REASON_CHARS else made.reason[: MAX_REASON_CHARS - 1] + "…"
        done = ActionDone(due.alert_id, due.action, outcome, reason, made.artifact, made.evidence)
        try:
            self._host.hand_in(lambda _: [done])
        except Exception as error:  # noqa: BLE001 - an edge: a step that failed is not this action's fault
            self.lost.add()
            complain(f"what became of {due.action} is lost", error=error)

    def _make_ready(self, actions: Iterable[Action]) -> None:
        """Load what these actions need."""
        if self._ceilings is None:
            self._ceilings = self._made_ceilings()
        for action in actions:
            if action.captures:
                from tocsin.system.acting import captures  # noqa: F401, PLC0415 - as above

                if action.kind is ActionKind.HEAP_SNAPSHOT:
                    self._host.load_heap()
            elif action.kind is ActionKind.RUN:
                from tocsin.system.acting import commands  # noqa: F401, PLC0415 - as above
            if self._calls is None and action.kind is ActionKind.CALL:
                from tocsin.system.acting.calls import Calls  # noqa: PLC0415 - as above

                self._calls = Calls()

    def _made_ceilings(self) -> Ceilings:
        from tocsin.system.acting.ceilings import Ceilings, Limits  # noqa: PLC0415 - only where there are actions

        given = self._config.actions
        limits = Limits(
            given["deadline"], given["growth"], given["max_cpu"] / 100, given["max_memory"] / 100,
            self._config.artifacts["min_free"],
        )  # fmt: skip
        return Ceilings(limits, self._host.readings, self._config.state_dir)
