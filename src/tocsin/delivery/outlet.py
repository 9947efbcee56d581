"""One channel with its queue and its thread."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tocsin.clock import Wakeup, attend, leave
from tocsin.delivery.breaker import Breaker
from tocsin.delivery.sender import Sender
from tocsin.delivery.waiting import Pending, Waiting
from tocsin.errors import DeliveryError
from tocsin.model.levels import AlertSeverity
from tocsin.worker import Worker

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from tocsin.channels.protocol import Channel
    from tocsin.clock import Clock
    from tocsin.delivery.record import Record
    from tocsin.model.notice import Notice

    GivenUp = Callable[[str, Notice, BaseException], None]

# A receiver that has been down for a day is down for good, as far as this notice goes.
GIVE_UP_AFTER_S: Final = 86_400.0
# Before the next notice is sent, that the last one arrived has to be on disk; a disk that fails is not waited for.
SETTLE_S: Final = 1.0
# What is critical waits for that no longer than this: rather told twice, after a crash, than late.
URGENT_SETTLE_S: Final = 0.1
# A notice that is told later than this says so.
LATE_S: Final = 30.0


class Outlet:
    """Delivers to one channel.

    Args:
        channel: whom to tell.
        clock: tells the pauses.
        rng: spreads them.
        record: is told what becomes of each notice.
        given_up: called with (channel, notice, error) when a notice is given up.

    Attributes:
        delivered: notices that arrived.
        failed: attempts that did not.
        dropped: notices that were given up.
        merged: notices that a later one said better.
        last_error: why the last attempt failed; empty if it did not.
    """

    def __init__(
        self, channel: Channel, clock: Clock, rng: random.Random, *, record: Record, given_up: GivenUp
    ) -> None:
        self.name = channel.name
        self.delivered = self.failed = self.dropped = self.merged = 0
        self.last_error = ""
        self._channel = channel
        self._clock = clock
        self._record = record
        self._given_up = given_up
        self._sender = Sender(channel)
        self._breaker = Breaker(rng)
        self._rng = rng
        self._began_s: float | None = None
        self.worker: Worker[None] = Worker(f"tocsin-{channel.name}", self._deliver_all)
        self._begin()

    def _begin(self) -> None:
        # One that its owner may take again: a signal handler, or a finalizer, may queue while this thread does.
        self._lock = threading.RLock()
        self._waiting = Waiting()
        self._unsettled_s = 0.0
        self._pause = Wakeup()

    @property
    def channel(self) -> Channel:
        """Whom it tells."""
        return self._channel

    def exchange(self, channel: Channel) -> None:
        """Tell this channel from the next attempt on, in the place of the one before. What waits goes on waiting."""
        self._channel, self._sender = channel, Sender(channel)
        with self._lock:
            self._breaker = Breaker(self._rng)  # what the old one failed of says nothing of the new one
        self._pause.set()

    def queue(self, notice: Notice, *, attempts: int = 0, wait_s: float = 0.0) -> None:
        """Take a notice; it is tried soon, but not before `wait_s`. Never blocks and never raises."""
        now_s = self._clock.now().mono_s
        with self._lock:
            merged, too_many = self._waiting.add(notice, attempts)
            if wait_s > 0:
                self._breaker.next_s = max(self._breaker.next_s, now_s + wait_s)
        for one in merged:
            self.merged += 1
            self._record.attempted(one, "merged", attempts=0, took_s=0.0)
        for one in too_many:
            self._give_up(one, DeliveryError("its queue is full"), attempts=0)
        self.worker.post(None)

    def waiting(self) -> int:
        """Notices that wait or are being delivered."""
        return len(self._waiting)

    def after_fork(self) -> None:
        """In the child: what was queued is the parent's to deliver."""
        self._began_s = None
        self._sender.after_fork()
        self._breaker = Breaker(self._rng)
        self._begin()
        self.worker.after_fork()
        self.ask("after_fork")

    def ask(self, what: str, *arguments: object) -> None:
        """Call a method that a channel may have; what it raises is its own loss."""
        ask(self._channel, what, *arguments)

    def counts(self) -> dict[str, int]:
        """Delivered, failed attempts, dropped, waiting."""
        return {
            "delivered": self.delivered, "failed": self.failed, "dropped": self.dropped, "waiting": self.waiting(),
        }  # fmt: skip

    def status(self) -> dict[str, Any]:
        """How it does, as plain values: the counts, whether it works, and what it waits for."""
        now_s = self._clock.now().mono_s
        return {
            **self.counts(),
            "merged": self.merged,
            "state": self._breaker.state(now_s).value,
            "retry_in_s": self._breaker.wait_s(now_s),
            "attempt_s": self.outstanding_s(),
            "last_error": self.last_error,
        }

    def outstanding_s(self) -> float:
        """How long the attempt lasts that is being made; 0: none is."""
        began_s = self._began_s
        return 0.0 if began_s is None else time.perf_counter() - began_s

    # -- on the channel's thread

    def _deliver_all(self, _: None) -> None:
        try:
            while (pending := self._next()) is not None:
                if not self._has_settled(pending):
                    continue  # something more urgent may have come
                pause_s = self._breaker.wait_s(self._clock.now().mono_s)
                if pause_s > 0:
                    if not self.worker.is_own_thread():
                        return  # no thread is to be had, and the caller must not wait: the next notice tries again
                    attend(self._clock, self._pause, threading.current_thread())
                    self._clock.wait(self._pause, pause_s)
                    if self._breaker.wait_s(self._clock.now().mono_s) > 0:
                        self._breaker.next_s = 0.0  # a clock that does not wait, as in tests
                    continue
                self._try(pending)
        finally:
            leave(self._clock, self._pause)

    def _next(self) -> Pending | None:
        with self._lock:
            return self._waiting.first()

    def _has_settled(self, pending: Pending) -> bool:
        """Whether this one may be sent, since that the last one arrived is on disk, or was waited for long enough."""
        if self._unsettled_s <= 0:
            return True
        began_s = time.perf_counter()
        settled = self._record.settle(self.name, URGENT_SETTLE_S)
        waited_s = max(time.perf_counter() - began_s, URGENT_SETTLE_S / 10)
        urgent = pending.notice.severity is AlertSeverity.CRITICAL
        self._unsettled_s = 0.0 if settled or urgent else self._unsettled_s - waited_s
        return self._unsettled_s <= 0

    def _try(self, pending: Pending) -> None:
        pending.attempts += 1
        pending.busy = True
        notice, attempts = pending.notice, pending.attempts
        self._began_s = began_s = time.perf_counter()
        try:
            error = self._sender.send(self._as_told_now(notice))
        finally:
            pending.busy, self._began_s = False, None
        took_s = time.perf_counter() - began_s
        if error is None:
            self._end(pending)
            self._breaker.worked()
            self.delivered += 1
            self.last_error = ""
            self._record.attempted(notice, "delivered", attempts=attempts, took_s=took_s)
            self._unsettled_s = SETTLE_S
            return
        self.failed += 1
        self.last_error = _in_words(error)
        now = self._clock.now()
        too_old = (now.utc - notice.created_at).total_seconds() > GIVE_UP_AFTER_S and attempts > 1
        if too_old or (isinstance(error, DeliveryError) and error.permanent):
            self._end(pending)
            self._give_up(notice, error, attempts=attempts, took_s=took_s)
            return
        next_s = self._breaker.failed(now.mono_s, error)
        self._record.attempted(
            notice, "failed", attempts=attempts, took_s=took_s, error=_in_words(error), next_s=next_s
        )

    def _end(self, pending: Pending) -> None:
        with self._lock:
            self._waiting.remove(pending)

    def _as_told_now(self, notice: Notice) -> Notice:
        """The notice, saying that it is late if it is."""
        late_s = (self._clock.now().utc - notice.created_at).total_seconds()
        if late_s < LATE_S:
            return notice
        return msgspec.structs.replace(notice, reason=f"{notice.reason} (late by {_duration(late_s)})")

    def _give_up(self, notice: Notice, error: BaseException, *, attempts: int, took_s: float = 0.0) -> None:
        self.dropped += 1
        self._record.attempted(notice, "dead", attempts=attempts, took_s=took_s, error=_in_words(error))
        self._given_up(self.name, notice, error)


def ask(channel: Channel, what: str, *arguments: object) -> None:
    """Call a method that a channel may have; what it raises is its own loss."""
    method = getattr(channel, what, None)
    if callable(method):
        with contextlib.suppress(Exception):
            method(*arguments)


def _in_words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:500]


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
