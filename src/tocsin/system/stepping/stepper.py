"""One stepper at a time: the watch thread where it runs, otherwise whoever calls.

All that goes into the engine passes here. A caller never blocks on a step of somebody else, except to await an answer,
and that at most two seconds.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from tocsin.clock import Clock, Instant, Wakeup
from tocsin.model.inputs import CUT, Cut

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tocsin.engine import Engine
    from tocsin.model.inputs import Answer, Input, Outcome
    from tocsin.system.records.recording import Recording
    from tocsin.system.stepping.intake import Intake

ANSWER_WITHIN_S: Final = 2.0
# How long the disk is waited for, while it has much to write, before more events are taken.
BREATH_S: Final = 0.05
# Who asks behind so many waits for the next step.
MAX_TOGETHER: Final = 200

Work = "Callable[[Instant], Sequence[Input]]"


class Reply:
    """The place where the answer to a posted input will stand."""

    __slots__ = ("_bell", "answers", "on_done", "work")

    def __init__(self, work: Callable[[Instant], Sequence[Input]], on_done: Callable[[], None] | None = None) -> None:
        self.work = work
        self.on_done = on_done
        self.answers: tuple[Answer, ...] | None = None
        self._bell = Wakeup()

    def give(self, answers: tuple[Answer, ...]) -> None:
        """Answer, from the stepping thread."""
        self.answers = answers
        self._bell.set()
        if self.on_done is not None:
            self.on_done()

    def wait(self, timeout_s: float) -> tuple[Answer, ...] | None:
        """The answers; None if they did not come in time."""
        self._bell.wait(timeout_s)
        return self.answers


class Stepper:
    """Steps the engine, one thread at a time.

    Args:
        engine: the pipeline.
        intake: where plain events wait.
        clock: read once a step.
        publish: called with each outcome, outside of the lock, on the thread that stepped.
        recorder: prepares the engine before its first step, and writes down each outcome; under the lock.
    """

    def __init__(
        self, engine: Engine, intake: Intake, clock: Clock, publish: Callable[[Outcome, Instant], None],
        *, recorder: Recording | None = None,
    ) -> None:  # fmt: skip
        self.engine = engine
        self.intake = intake
        self._recorder = recorder
        self._clock = clock
        self._publish = publish
        self.bell = Wakeup()
        # The thread that steps for everybody; None: each caller steps for itself.
        self.owner: threading.Thread | None = None
        self.after_fork(engine)

    def after_fork(self, engine: Engine) -> None:
        """In the child: nobody steps, nothing is posted, and the engine is a new one."""
        self.engine = engine
        self.owner = None
        self.bell = Wakeup()
        # It knows its owner: a signal handler or a finalizer may come between a step and call us on the same thread.
        self._lock: Any = threading.RLock()
        self._posted: deque[Reply] = deque()

    def ring(self) -> None:
        """Something waits. Never blocks: whoever steps now, or next, takes it along."""
        if self.owner is not None:
            self.bell.set()
            return
        while (len(self.intake) or self._posted) and self._step_if_free():
            pass

    def step(self, inputs: Sequence[Input], now: Instant | None = None) -> Outcome:
        """Step with these inputs, behind what waits in the intake, on this thread."""
        with self._lock:
            now = now or self._clock.now()
            outcome = self._step(inputs, now)
        self._publish(outcome, now)
        if self.owner is None:
            self.ring()  # somebody may have found us at it, and left what he had
        return outcome

    def ask(
        self, work: Callable[[Instant], Sequence[Input]], timeout_s: float = ANSWER_WITHIN_S
    ) -> tuple[Answer, ...] | None:
        """Step with the inputs that `work` makes, and give back the answers.

        Returns: None, if the watch thread did not answer in time, or if this thread is in the middle of a step (in a
            signal handler or a finalizer that came between). The input is still taken.
        """
        if self._is_at_it():
            self._posted.append(Reply(work))
            self.bell.set()
            return None
        if self._steps_here():
            now = self._clock.now()
            return self.step(work(now), now).answers[-1:]
        return self.post(work).wait(timeout_s)

    def post(self, work: Callable[[Instant], Sequence[Input]], on_done: Callable[[], None] | None = None) -> Reply:
        """Leave work for the thread that steps."""
        reply = Reply(work, on_done)
        self._posted.append(reply)
        self.bell.set()
        if self.owner is None:
            self.serve()  # it stopped in between
        return reply

    def serve(self) -> None:
        """Do what was posted and what waits in the intake; for the thread that steps."""
        while self._posted:
            self._serve_together([self._posted.popleft() for _ in range(min(len(self._posted), MAX_TOGETHER))])
        if len(self.intake):
            if self._recorder is not None and not self.intake.urgent:
                self._recorder.catch_up(BREATH_S)  # else a storm would be remembered faster than it can be written
            self.step([])
            if len(self.intake):
                self.bell.set()  # not at once: a pass may be due in between

    def _serve_together(self, replies: list[Reply]) -> None:
        """Step once for all who ask: what hundreds of threads emit at once is judged, and written down, at once."""
        given: list[tuple[Answer, ...]] = [() for _ in replies]
        failed: BaseException | None = None
        now = self._clock.now()
        inputs: list[Input] = []
        asked: list[int] = []
        for place, reply in enumerate(replies):
            try:
                inputs += [*reply.work(now), Cut()]
                asked.append(place)
            except Exception as error:  # noqa: BLE001 - the others are to be served; it is raised behind them
                failed = error
        try:
            for place, answers in zip(asked, _split(self.step(inputs, now).answers), strict=True):
                given[place] = answers[-1:]
        finally:
            for reply, answers in zip(replies, given, strict=True):
                reply.give(answers)
        if failed is not None:
            raise failed

    def prepare(self) -> None:
        """Let the engine go on where the last run stopped, if that has not been done."""
        if self._recorder is not None:
            with self._lock:
                self._recorder.begin(self.engine, self._clock.now())

    def close_journal(self, timeout_s: float) -> bool:
        """Write the last state, and close the file. False: it was not written in time."""
        if self._recorder is None:
            return True
        with self._lock:
            return self._recorder.end(self.engine, self._clock.now(), timeout_s)

    def between_steps(self, do: Callable[[], object], timeout_s: float = -1.0) -> bool:
        """Do something while nobody steps, on this thread. Whatever it raises is raised.

        Args:
            do: what to do, which must not take long.
            timeout_s: how long it is waited for a step that is under way; negative: as long as it takes.
        Returns: False, if it was not done: a step took too long, or this very thread is in the middle of one.
        """
        if self._is_at_it() or not self._lock.acquire(timeout=timeout_s):
            return False
        try:
            do()
        finally:
            self._lock.release()
        return True

    def _steps_here(self) -> bool:
        return self.owner is None or self.owner is threading.current_thread()

    def _is_at_it(self) -> bool:
        """Whether this very thread is in the middle of a step."""
        return bool(self._lock._is_owned())  # noqa: SLF001 - what threading.Condition asks too

    def _step_if_free(self) -> bool:
        """Step once with what waits. False: somebody is at it, and takes it along."""
        if self._is_at_it():
            return False
        reply: Reply | None = None
        answers: tuple[Answer, ...] = ()
        try:
            if not self._lock.acquire(blocking=False):
                return False
            now = self._clock.now()
            reply = self._posted.popleft() if self._posted else None
            outcome = self._step([] if reply is None else reply.work(now), now)
            answers = outcome.answers[-1:]
        finally:
            # Not asked whether it was acquired: a Ctrl-C may come right behind that, and be the only one to know.
            try:  # noqa: SIM105 - `suppress` would be another moment for a Ctrl-C
                self._lock.release()
            except RuntimeError:
                pass  # it was not
            if reply is not None:
                reply.give(answers)
        self._publish(outcome, now)
        return True

    def _step(self, inputs: Sequence[Input], now: Instant) -> Outcome:
        recorder = self._recorder
        if recorder is None:
            return self.engine.step([*self.intake.drain(), *inputs], now)
        recorder.begin(self.engine, now)
        outcome = self.engine.step([*self.intake.drain(), *inputs], now)
        recorder.record(self.engine, outcome, now)
        return outcome


def _split(answers: tuple[Answer, ...]) -> Iterator[tuple[Answer, ...]]:
    """The answers of each asker."""
    own: list[Answer] = []
    for answer in answers:
        if answer is CUT:
            yield tuple(own)
            own = []
        else:
            own.append(answer)
