"""One delivery policy for all channels: a queue and a thread each, retries for a day, and exact counts.

A channel that hangs or fails harms only itself: its queue waits, what does not fit is counted, the others go on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from tocsin.delivery.outlet import Outlet, ask
from tocsin.delivery.record import Record, Unrecorded

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterable, Sequence

    from tocsin.channels.protocol import Channel
    from tocsin.clock import Clock
    from tocsin.model.alert import PerformanceAlert
    from tocsin.model.notice import Notice

__all__ = ["Delivery", "Record"]

# A notice may be on its way from the step that made it while its channel is taken away.
UNDER_WAY_S: Final = 60.0


class Delivery:
    """Hands notices to channels.

    Args:
        clock: tells the pauses between attempts.
        rng: spreads them.
        report: called with (channel, notice, error) when a notice is given up.
        record: is told what becomes of each notice.
    """

    def __init__(
        self,
        clock: Clock,
        rng: random.Random,
        *,
        report: Callable[[str, Notice, BaseException], None] | None = None,
        record: Record | None = None,
    ) -> None:
        self._clock = clock
        self._rng = rng
        self._report = report
        self._record: Record = record or Unrecorded()
        self._outlets: dict[str, Outlet] = {}
        # Channels that are told nothing new, each with the monotonic second since when: they may have notices to tell.
        self._leaving: dict[str, tuple[Outlet, float]] = {}
        self._stand_ins: dict[str, str] = {}

    def add(self, channel: Channel, *, fallback: str = "") -> None:
        """Deliver to this channel from now on.

        Args:
            channel: whom to tell.
            fallback: the channel that is told what this one cannot be told.
        """
        self._outlets[channel.name] = self._outlet(channel)
        if fallback:
            self._stand_ins[channel.name] = fallback

    def _outlet(self, channel: Channel) -> Outlet:
        return Outlet(channel, self._clock, self._rng, record=self._record, given_up=self._given_up)

    def settle(self, channels: Iterable[tuple[Channel, str]]) -> list[Channel]:
        """Deliver to these channels, each with its fallback, and to no others.

        A channel that is there already stays as it is; another one of its name takes its place, and what waits for it.
        One that is gone is still told what was made for it before.

        Returns: those that get nothing new; see `rest`.
        """
        now_s = self._clock.now().mono_s
        meant = {channel.name: (channel, fallback) for channel, fallback in channels}
        before, leaving = self._outlets, dict(self._leaving)
        outlets: dict[str, Outlet] = {}
        gone: list[Channel] = []
        for name, (channel, _) in meant.items():
            outlet = before.get(name) or leaving.pop(name, (None, 0.0))[0]
            if outlet is None:
                outlet = self._outlet(channel)
            elif outlet.channel is not channel:
                gone.append(outlet.channel)
                outlet.exchange(channel)
            outlets[name] = outlet
        for name, outlet in before.items():
            if name not in outlets:
                gone.append(outlet.channel)
                leaving[name] = (outlet, now_s)
        self._leaving = {
            name: (one, since_s)
            for name, (one, since_s) in leaving.items()
            if one.waiting() or now_s - since_s < UNDER_WAY_S
        }
        # Exchanged as a whole: other threads go through it.
        self._outlets = outlets
        self._stand_ins = {name: fallback for name, (_, fallback) in meant.items() if fallback}
        return gone

    @staticmethod
    def rest(channels: Iterable[Channel]) -> None:
        """Let channels that go on by themselves come to rest, after `settle`. It may take a moment."""
        for channel in channels:
            ask(channel, "close")

    def channel(self, name: str) -> Channel | None:
        """The channel of this name."""
        outlet = self._outlets.get(name)
        return None if outlet is None else outlet.channel

    def hand_over(self, notices: Iterable[Notice]) -> None:
        """Queue notices for their channels, the most urgent first. Never blocks and never raises."""
        for notice in notices:
            self.resume(notice)

    def resume(self, notice: Notice, *, attempts: int = 0, wait_s: float = 0.0) -> None:
        """Queue a notice that was tried before, by this process or another; not before `wait_s` seconds."""
        outlet = self._outlets.get(notice.channel) or self._leaving.get(notice.channel, (None, 0.0))[0]
        if outlet is not None:
            outlet.queue(notice, attempts=attempts, wait_s=wait_s)

    def remind(self, channel: str, alerts: Sequence[PerformanceAlert]) -> None:
        """Let a channel whose receiver forgets (Alertmanager) go on with what an earlier process told it."""
        outlet = self._outlets.get(channel)
        if outlet is not None:
            outlet.ask("restore", alerts)

    def flush(self, timeout_s: float) -> bool:
        """Wait until all is delivered. False: it was not, within `timeout_s` real seconds in all."""
        began_s = self._monotonic()
        done = True
        for outlet in self._all():
            left_s = timeout_s - (self._monotonic() - began_s)
            done = outlet.worker.flush(max(left_s, 0.0)) and not outlet.waiting() and done
        return done

    def waiting(self) -> int:
        """Notices that wait or are being delivered."""
        return sum(outlet.waiting() for outlet in self._all())

    def after_fork(self) -> None:
        """In the child: what was queued is the parent's to deliver."""
        for outlet in self._all():
            outlet.after_fork()

    def close(self) -> None:
        """Let channels that go on by themselves (Alertmanager's) come to rest; the next notice wakes them."""
        for outlet in self._all():
            outlet.ask("close")

    def counts(self) -> dict[str, dict[str, int]]:
        """For each channel: delivered, failed attempts, dropped, waiting."""
        return {name: outlet.counts() for name, outlet in tuple(self._outlets.items())}

    def status(self) -> dict[str, dict[str, Any]]:
        """How each channel does, as plain values; `leaving` are those that are told nothing new."""
        known = {name: outlet.status() | {"leaving": False} for name, outlet in tuple(self._outlets.items())}
        leaving = {name: outlet for name, (outlet, _) in tuple(self._leaving.items()) if outlet.waiting()}
        return known | {name: outlet.status() | {"leaving": True} for name, outlet in leaving.items()}

    def _all(self) -> tuple[Outlet, ...]:
        """Those that are leaving included."""
        return (*self._outlets.values(), *(outlet for outlet, _ in self._leaving.values()))

    def _given_up(self, channel: str, notice: Notice, error: BaseException) -> None:
        if self._report is not None:
            self._report(channel, notice, error)
        other = self._stand_ins.get(channel, "")
        if other in self._outlets:
            why = f"{notice.reason} ({channel} could not be told: {error})"
            stand_in = msgspec.structs.replace(notice, id=f"{notice.id}~{other}", channel=other, reason=why)
            self._record.made(stand_in)
            self._outlets[other].queue(stand_in)

    @staticmethod
    def _monotonic() -> float:
        from tocsin.clock import SystemClock  # noqa: PLC0415 - a flush waits in real time, whatever the clock

        return SystemClock().now().mono_s
