"""One peer with a thread of its own, so that one that is down never holds up another."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

from tocsin.clock import Wakeup, attend, leave
from tocsin.errors import DeliveryError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tocsin.channels.alertmanager.board import Board
    from tocsin.clock import Clock

MAX_BATCH: Final = 256
_FIRST_PAUSE_S: Final = 1.0


class Peer:
    """Tells one peer what is new at once, and all that is open each interval.

    Args:
        name: as errors and threads show it.
        board: what is to be told; read under `lock`.
        lock: also notified after each attempt.
        send: hands over a batch; raises DeliveryError.
        clock: tells the pauses.
        interval_s: seconds between two tellings of everything.

    Attributes:
        tried: the version of the board that was tried last.
        taken: the version that the peer knows.
        error: why the last attempt failed; None if it did not.
    """

    def __init__(
        self, name: str, board: Board, lock: threading.Condition, *, send: Callable[[Sequence[Any]], None],
        clock: Clock, interval_s: float,
    ) -> None:  # fmt: skip
        self.tried = self.taken = 0
        self.error: DeliveryError | None = None
        self._name = name
        self._board = board
        self._lock = lock
        self._send = send
        self._clock = clock
        self._interval_s = interval_s
        self._wakeup = Wakeup()
        self._thread: threading.Thread | None = None
        self._all_due_s = 0.0
        self._failures = 0

    def ring(self) -> bool:
        """There is something new; to be called with the lock held. False: no thread is to be had to tell it."""
        if self._thread is None or not self._thread.is_alive():
            # One that was stopped may still be about to look at its own bell; this one's is new.
            self._wakeup = Wakeup()
            thread = threading.Thread(target=self._live, args=(self._wakeup,), name=f"tocsin-{self._name}", daemon=True)
            self._thread = thread
            try:
                attend(self._clock, self._wakeup, thread)
                thread.start()
            except RuntimeError:
                self._thread = None
                leave(self._clock, self._wakeup)
                return False
        self._wakeup.set()
        return True

    def stop(self) -> None:
        """Tell nothing more, until there is something new; to be called with the lock held."""
        self._thread = None
        self._wakeup.set()

    def _live(self, wakeup: Wakeup) -> None:
        me = threading.current_thread()
        try:
            while True:
                self._clock.wait(wakeup, self._pause_s())
                if self._thread is not me:
                    return
                self.tell()
                with self._lock:
                    if not len(self._board) and self._thread is me:
                        self._thread = None
                        return
        finally:
            leave(self._clock, wakeup)

    def tell(self) -> None:
        """Tell what is due, in batches. Never raises."""
        now = self._clock.now()
        with self._lock:
            version = self._board.version
            everything = now.mono_s >= self._all_due_s
            alerts = self._board.tell(now, since=0 if everything else self.taken)
        error = self._send_all(alerts)
        with self._lock:
            self.tried, self.error = version, error
            if error is None or error.permanent:
                # What is refused for good would be refused again; it is told again with the rest.
                self._failures = 0
                self.taken = version if error is None else self.taken
                if everything:
                    self._all_due_s = now.mono_s + self._interval_s
            else:
                self._failures += 1
            self._lock.notify_all()

    def _send_all(self, alerts: Sequence[Any]) -> DeliveryError | None:
        first: DeliveryError | None = None
        for start in range(0, len(alerts), MAX_BATCH):
            try:
                self._send(alerts[start : start + MAX_BATCH])
            except DeliveryError as error:
                first = first or error
                if not error.permanent:
                    break  # it is down: the other batches would wait for their deadlines in vain
        return first

    def _pause_s(self) -> float:
        """Seconds until it is due again; short after a failure, and longer with each."""
        if self._failures:
            pause_s = min(_FIRST_PAUSE_S * 2.0 ** min(self._failures - 1, 10), self._interval_s)
            asked_s = self.error.retry_after_s if self.error is not None else None
            return min(max(pause_s, asked_s or 0.0), self._interval_s)
        return max(self._all_due_s - self._clock.now().mono_s, 0.0)
