"""How long a thread that is ready waits for the interpreter, told apart from waiting for a core.

The watch thread sleeps until a moment that it chose. When it wakes late, it waited first for a core, which the kernel
counts for each thread, and then for the GIL, which nobody counts: that is what is left.
"""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tocsin.errors import SampleError
from tocsin.model.readings import SeriesKey
from tocsin.sensors.linux.number_file import NumberFile
from tocsin.sensors.linux.plan import Row, plan_for
from tocsin.sensors.protocol import NAN, Tier

if TYPE_CHECKING:
    from tocsin.clock import Instant
    from tocsin.model.readings import Layout

# A timer is late by so much on an idle machine; it is nobody's wait.
_GRACE_S: Final = 0.0002
# Later than this, the whole program was stopped (SIGSTOP, a debugger): a gap, as the engine sees it too.
_GAP_S: Final = 5.0


class WakeupProbe:
    """Measures how late the thread that uses it wakes, and what it waited for.

    Used by one thread at a time, around its sleep: `before_sleep`, the sleep, `after_wake`.

    Args:
        proc: where /proc is.
    """

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self._thread = 0
        self._file: NumberFile | None = None
        self._queued_s: float | None = None
        self._deadline_s = 0.0
        self.reason = ""
        self.gil_s = self.queue_s = self.late_s = NAN

    def before_sleep(self, deadline_s: float) -> None:
        """The thread goes to sleep now, until `deadline_s` or until it is rung for; monotonic seconds."""
        self._queued_s = self._read_queued_s()
        self._deadline_s = deadline_s

    def after_wake(self, now_s: float) -> None:
        """The thread is awake, at `now_s`; a wake before the deadline says nothing and is let go."""
        late_s = now_s - self._deadline_s
        if not self._deadline_s or late_s < 0:
            return
        self._deadline_s = 0.0
        if late_s > _GAP_S:
            return
        if not late_s < self.late_s:  # "not less", since the first one is compared with NaN
            self.late_s = late_s
        before_s = self._queued_s
        queued_s = None if before_s is None else self._read_queued_s()
        if before_s is None or queued_s is None:
            return
        # Ready and waiting for a core; it may also have lost its core again while it waited for the GIL.
        queue_s = min(max(queued_s - before_s, 0.0), late_s)
        gil_s = max(late_s - queue_s - _GRACE_S, 0.0)
        if not gil_s < self.gil_s:
            self.gil_s = gil_s
        if not queue_s < self.queue_s:
            self.queue_s = queue_s

    def take(self) -> tuple[float, float, float]:
        """The longest GIL wait, run-queue delay and lateness since the last call, in seconds; NaN without any."""
        found = (self.gil_s, self.queue_s, self.late_s)
        self.forget()
        return found

    def forget(self) -> None:
        """Begin anew."""
        self.gil_s = self.queue_s = self.late_s = NAN

    def close(self) -> None:
        """Give the file back."""
        self._deadline_s, self._thread = 0.0, 0
        self.forget()
        if self._file is not None:
            self._file.close()
            self._file = None

    def _read_queued_s(self) -> float | None:
        """How long this thread has waited for a core in its life; None where the kernel does not say."""
        thread = threading.get_native_id()
        if thread != self._thread:
            self._open(thread)
        if self._file is None:
            return None
        try:
            used_ns, queued_ns = self._file.numbers()
        except SampleError as error:
            self._file, self.reason = None, str(error)
            return None
        if not used_ns > 0:
            # A thread that runs has used time: this kernel shows the file and counts nothing.
            self._file, self.reason = None, "this kernel does not count what threads wait for a core"
            return None
        return queued_ns / 1e9

    def _open(self, thread: int) -> None:
        self.close()
        self._thread = thread
        path = self._proc / "self" / "task" / str(thread) / "schedstat"
        try:
            there = path.exists()
        except OSError:
            there = False
        self._file = NumberFile(path, partial(plan_for, rows=(Row(b"", (0, 1)),))) if there else None
        self.reason = "" if there else f"{path.name} of the own thread is not in {self._proc}"


class GilSensor:
    """What the watch thread waited for when it woke: the GIL, or a core.

    Args:
        probe: called by the watch thread around its sleep.
    """

    name: Final = "runtime.gil"
    tier: Final = Tier.CORE
    layout: Final[Layout] = (
        SeriesKey("tocsin.gil.wait"),
        SeriesKey("tocsin.sched.delay"),
        SeriesKey("tocsin.wakeup.delay"),
    )

    def __init__(self, probe: WakeupProbe) -> None:
        self._probe = probe

    @property
    def remark(self) -> str:
        """Why the wait for the GIL cannot be told from that for a core, where this is so."""
        reason = self._probe.reason
        return f"GIL wait and run-queue delay are not told apart: {reason}" if reason else ""

    def read(self, now: Instant) -> list[float]:  # noqa: ARG002 - the protocol's shape
        """The longest wait of each kind since the last reading, in seconds; NaN where nobody slept."""
        return [*self._probe.take()]

    def close(self) -> None:
        """See `Sensor.close`."""
        self._probe.close()
