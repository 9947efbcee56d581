"""A daemon thread that starts when there is work, does it in order of priority, and ends when idle.

Channels and listeners each get one, so that whoever blocks harms only itself. It is never joined for ever, and a
forked child begins with an empty one.
"""

from __future__ import annotations

import heapq
import threading
from itertools import count
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from tocsin.clock import Wakeup

if TYPE_CHECKING:
    from collections.abc import Callable

Job = TypeVar("Job")
IDLE_S: Final = 5.0


class Worker(Generic[Job]):
    """Runs jobs one after another on a thread of its own.

    Args:
        name: the thread's name.
        run: does one job; what it raises is counted in `failures` and otherwise ignored.
        capacity: jobs that may wait; of more than these, the least urgent is given up.
        idle_s: seconds without work after which the thread ends.
    """

    def __init__(self, name: str, run: Callable[[Job], Any], *, capacity: int = 1000, idle_s: float = IDLE_S) -> None:
        self.name = name
        self.failures = 0
        self._run = run
        self._capacity = capacity
        self._idle_s = idle_s
        self.after_fork()

    def after_fork(self) -> None:
        """Begin anew: the parent's thread, lock and jobs stay with the parent."""
        # One that its owner may take again: a signal handler, or a finalizer, may post while this thread is posting.
        self._lock = threading.RLock()
        self._work = Wakeup()
        self._idle = threading.Condition(self._lock)
        self._jobs: list[tuple[int, int, Job]] = []
        self._order = count()
        self._busy = False
        self._thread: threading.Thread | None = None

    @property
    def waiting(self) -> int:
        """Jobs that wait or are being done."""
        return len(self._jobs) + self._busy

    def post(self, job: Job, priority: int = 0) -> bool:
        """Take a job; the higher its priority, the sooner.

        Returns: False, if the queue was full: then the least urgent job was given up, and of equals the latest. That is
            this one, unless a less urgent one waited.
        """
        entry = (-priority, next(self._order), job)
        with self._lock:
            full = len(self._jobs) >= self._capacity
            if full and not self._make_room(entry):
                return False
            heapq.heappush(self._jobs, entry)
            alive = self._thread is not None or self._start()
        self._work.set()
        if not alive:
            self._do_all()  # no thread is to be had: late is better than never
        return not full

    def _make_room(self, entry: tuple[int, int, Job]) -> bool:
        """Give up the least urgent of the jobs that wait. False: none is less urgent than this one."""
        last = max(self._jobs, default=entry)
        if last <= entry:
            return False
        self._jobs.remove(last)
        heapq.heapify(self._jobs)
        return True

    def is_own_thread(self) -> bool:
        """Whether the caller runs on this worker's thread: not so where no thread was to be had."""
        return self._thread is threading.current_thread()

    def flush(self, timeout_s: float) -> bool:
        """Wait until all is done. False: it was not, within `timeout_s` real seconds."""
        if self._thread is threading.current_thread():
            return False
        with self._lock:
            return self._idle.wait_for(lambda: not self._jobs and not self._busy, timeout=timeout_s)

    def _start(self) -> bool:
        thread = threading.Thread(target=self._live, name=self.name, daemon=True)
        try:
            self._thread = thread
            thread.start()
        except BaseException as error:
            self._thread = None
            if not isinstance(error, RuntimeError):
                raise  # a Ctrl-C while it started; if it did all the same, it sees that it is not wanted
            return False
        return True

    def _live(self) -> None:
        while self._thread is threading.current_thread():
            self._do_all()
            if self._work.wait(self._idle_s):
                continue
            with self._lock:
                if not self._jobs:
                    self._thread = None
                    return

    def _do_all(self) -> None:
        while True:
            with self._lock:
                if not self._jobs:
                    self._busy = False
                    self._idle.notify_all()
                    return
                self._busy = True
                job = heapq.heappop(self._jobs)[2]
            try:
                self._run(job)
            except BaseException as error:
                self.failures += 1
                # On a caller's thread (none was to be had) a Ctrl-C is meant for the caller.
                if isinstance(error, KeyboardInterrupt) and threading.current_thread() is not self._thread:
                    self._busy = False
                    raise
