"""The watch thread: reads and steps at its interval, answers in between, and is never ended by an error."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Final, Protocol

from tocsin.clock import Wakeup, attend, leave, mono_s
from tocsin.system.stepping.courtesy import Courtesy
from tocsin.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.clock import Clock
    from tocsin.sensors.runtime.gil import WakeupProbe
    from tocsin.system.stepping.stepper import Stepper

# The pause behind events that come thick (in real time): the program's own threads keep the interpreter.
STORM_PAUSE_S: Final = 0.005


class Rounds(Protocol):
    """What the watch thread does, and when."""

    def one_pass(self) -> None:
        """Read what is due, and step."""
        ...

    def beat(self) -> None:
        """Between two passes, look only at what must not wait for the next."""
        ...

    def wants_beat(self) -> bool:
        """Whether there is anything that must not wait."""
        ...

    def interval_s(self) -> float:
        """Seconds to the next pass."""
        ...


class WatchThread:
    """A part of the system that the coordinator keeps alive.

    Args:
        stepper: what it drives.
        clock: what it waits on.
        rounds: what it does.
        error_backoff_s: seconds to wait after a pass that failed.
        died: called on its way out when nobody asked it to end.
        probe: measures how late the thread wakes.

    Attributes:
        failed_passes: passes, and answers in between, that raised.
        deaths: how often what a sensor raised was no Exception (a SystemExit), and ended the thread.
    """

    name = "tocsin-watch"

    def __init__(
        self,
        stepper: Stepper,
        clock: Clock,
        rounds: Rounds,
        *,
        error_backoff_s: float,
        died: Callable[[], None],
        probe: WakeupProbe,
    ) -> None:
        self.failed_passes = Tally()
        self.deaths = Tally()
        self.last_error = ""
        self._stepper = stepper
        self._clock = clock
        self._rounds = rounds
        self._error_backoff_s = error_backoff_s
        self._died = died
        self._probe = probe
        self.after_fork()

    def after_fork(self) -> None:
        """In the child there is no such thread."""
        self._lock = threading.Lock()
        self._ended = Wakeup()
        self._pause = Wakeup()
        self._wanted = False
        self._hurried = False
        self._courtesy = Courtesy()
        self._thread: threading.Thread | None = None

    def reload(self, error_backoff_s: float) -> None:
        """Go by another number from now on."""
        self._error_backoff_s = error_backoff_s

    def begin(self) -> None:
        """Start the thread, unless it runs."""
        with self._lock:
            again, self._wanted = not self._wanted, True
            if self._thread is not None:
                if again:  # whoever waits for its end waits in vain
                    self._ended.set()
                    self._ended = Wakeup()
                return
            thread = threading.Thread(target=self._live, name=self.name, daemon=True)
            self._ended = Wakeup()
            self._thread = thread
            self._stepper.owner = thread
            attend(self._clock, self._stepper.bell, thread)
            try:
                thread.start()
            except RuntimeError as error:  # no more threads: each caller steps for itself, as before the start
                leave(self._clock, self._stepper.bell)
                self._thread = self._stepper.owner = None
                self.last_error = f"no watch thread: {error}"

    def end(self, timeout_s: float) -> bool:
        """Ask the thread to end, and wait for it. False: it did not, in time."""
        with self._lock:
            self._wanted = False
            thread, ended = self._thread, self._ended
        if thread is None or thread is threading.current_thread():
            return True
        self._stepper.bell.set()
        self._pause.set()
        if not ended.wait(timeout_s):
            return False
        ended.set()  # for whoever else waits
        return self._thread is not thread

    def is_alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread is not None

    def _live(self) -> None:
        try:
            while (ended := self._leave()) is None:
                self._watch()
        except BaseException as error:  # noqa: BLE001 - a sensor of the user's may raise SystemExit
            self.deaths.add()
            self.last_error = f"the watch thread died: {type(error).__name__}: {error}"
            ended = self._leave(died=True)
            if self._wanted:
                self._died()
        if self._stepper.owner is None:
            self._try(self._stepper.serve)  # whoever posted in the last moment gets an answer
        if ended is not None:
            ended.set()

    def _leave(self, *, died: bool = False) -> Wakeup | None:
        """Step for the others no longer, if it was asked to end, or died. The bell to ring at last; None: go on."""
        with self._lock:
            if self._wanted and not died:
                return None
            leave(self._clock, self._stepper.bell)
            self._thread = self._stepper.owner = None
            return self._ended

    def hurry(self) -> None:
        """Let the next pass be now; from any thread."""
        self._hurried = True
        self._stepper.bell.set()

    def _watch(self) -> None:
        due_s, beat_s = mono_s(self._clock), math.inf
        while self._wanted:
            next_s = min(due_s, beat_s)
            wait_s = next_s - mono_s(self._clock)
            if wait_s > 0:
                rung = self._sleep(wait_s, next_s, probed=next_s == due_s)
                if rung:
                    self._serve()
                    due_s = self._due(due_s)
            elif beat_s < due_s:
                self._try(self._rounds.beat)
                beat_s = math.inf
            else:
                due_s, beat_s = self._pass(due_s)

    def _sleep(self, wait_s: float, until_s: float, *, probed: bool) -> bool:
        """Sleep until then or until the bell is rung (True). Once a pass it is measured what delays the waking."""
        if not probed:
            return self._clock.wait(self._stepper.bell, wait_s)
        self._probe.before_sleep(until_s)
        rung = self._clock.wait(self._stepper.bell, wait_s)
        self._probe.after_wake(mono_s(self._clock))
        return rung

    def _pass(self, due_s: float) -> tuple[float, float]:
        """One pass; when the next is due, and the beat before it."""
        ok = self._try(self._rounds.one_pass)
        now_s = mono_s(self._clock)
        if not ok:
            return now_s + self._error_backoff_s, math.inf
        pause_s = self._rounds.interval_s()
        # Passes that were missed (a suspend, a slow sensor) are not made up for.
        due_s = max(due_s + pause_s, now_s)
        return due_s, due_s - pause_s / 2 if self._rounds.wants_beat() else math.inf

    def _due(self, due_s: float) -> float:
        """When the next pass is due, after the bell was rung."""
        if not self._hurried:
            return due_s
        self._hurried = False
        return mono_s(self._clock)

    def _serve(self) -> None:
        events = len(self._stepper.intake)
        began_s = mono_s(self._clock)
        self._try(self._stepper.serve)
        if not events:
            return
        if self._courtesy.wants_pause(events, began_s, mono_s(self._clock)) and self._wanted:
            self._pause.wait(STORM_PAUSE_S)

    def _try(self, work: Callable[[], None]) -> bool:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - the loop edge: counted, backed off, never the end
            self.failed_passes.add()
            self.last_error = f"{type(error).__name__}: {error}"
            return False
        return True
