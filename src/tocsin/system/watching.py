"""The watch thread: reads and steps at its interval, answers in between, and is never ended by an error."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from tocsin.clock import Wakeup, attend, leave
from tocsin.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.clock import Clock
    from tocsin.system.stepper import Stepper

# After a big batch of events the thread pauses (in real time): a storm is merged in fewer, larger steps, and the
# program's own threads keep the interpreter.
STORM_EVENTS: Final = 256
STORM_PAUSE_S: Final = 0.005


class WatchThread:
    """A part of the system that the coordinator keeps alive.

    Args:
        stepper: what it drives.
        clock: what it waits on.
        one_pass: reads the sensors and steps once.
        interval_s: seconds to the next pass, asked after each.
        error_backoff_s: seconds to wait after a pass that failed.
        died: called on its way out when nobody asked it to end.

    Attributes:
        failed_passes: passes, and answers in between, that raised.
        deaths: how often what a sensor raised was no Exception (a SystemExit), and ended the thread.
    """

    name = "tocsin-watch"

    def __init__(
        self,
        stepper: Stepper,
        clock: Clock,
        one_pass: Callable[[], None],
        *,
        interval_s: Callable[[], float],
        error_backoff_s: float,
        died: Callable[[], None],
    ) -> None:
        self.failed_passes = Tally()
        self.deaths = Tally()
        self.last_error = ""
        self.cpu_s = 0.0
        self._stepper = stepper
        self._clock = clock
        self._one_pass = one_pass
        self._interval_s = interval_s
        self._error_backoff_s = error_backoff_s
        self._died = died
        self.after_fork()

    def after_fork(self) -> None:
        """In the child there is no such thread."""
        self._lock = threading.Lock()
        self._ended = Wakeup()
        self._pause = Wakeup()
        self._wanted = False
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Start the thread, unless it runs."""
        with self._lock:
            self._wanted = True
            if self._thread is not None:
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
        return True

    def is_alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread is not None

    def _live(self) -> None:
        ended = self._ended
        try:
            while not self._is_over():
                self._watch()
        except BaseException as error:  # noqa: BLE001 - a sensor of the user's may raise SystemExit
            self.deaths.add()
            self.last_error = f"the watch thread died: {type(error).__name__}: {error}"
            if not self._is_over(died=True):
                self._died()
        if self._stepper.owner is None:
            self._try(self._stepper.serve)  # whoever posted in the last moment gets an answer
        ended.set()

    def _is_over(self, *, died: bool = False) -> bool:
        """Whether it was asked to end; if so, or if it died, nobody steps for the others from now on."""
        with self._lock:
            if self._wanted and not died:
                return False
            leave(self._clock, self._stepper.bell)
            self._thread = self._stepper.owner = None
            return not self._wanted

    def _watch(self) -> None:
        due_s = self._clock.now().mono_s
        while self._wanted:
            wait_s = due_s - self._clock.now().mono_s
            if wait_s > 0:
                if self._clock.wait(self._stepper.bell, wait_s):
                    self._serve()
                continue
            ok = self._try(self._one_pass)
            now_s = self._clock.now().mono_s
            pause_s = self._interval_s() if ok else self._error_backoff_s
            # Passes that were missed (a suspend, a slow sensor) are not made up for.
            due_s = max(due_s + pause_s, now_s) if ok else now_s + pause_s

    def _serve(self) -> None:
        storm = len(self._stepper.intake) >= STORM_EVENTS
        self._try(self._stepper.serve)
        if storm and self._wanted:
            self._pause.wait(STORM_PAUSE_S)

    def _try(self, work: Callable[[], None]) -> bool:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - the loop edge: counted, backed off, never the end
            self.failed_passes.add()
            self.last_error = f"{type(error).__name__}: {error}"
            return False
        return True
