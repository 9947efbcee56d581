"""What a system does with an outcome: capture the proof while it is there, tell the channels, call the listeners."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from tocsin.delivery import Delivery
from tocsin.model import inputs as given
from tocsin.system.reporting import complain
from tocsin.system.signals import AlertSignal
from tocsin.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tocsin.alerts.settings import Route
    from tocsin.channels.protocol import Channel
    from tocsin.clock import Clock
    from tocsin.delivery import Record
    from tocsin.model.alert import Evidence, PerformanceAlert
    from tocsin.model.inputs import EvidenceFound, Input, Outcome, Want
    from tocsin.model.notice import Notice


class Telling:
    """The channels and the listeners of a system.

    Args:
        clock: tells the pauses between attempts.
        record: is told what becomes of each notice.
        threaded: whether a watch thread runs, so that listeners get threads of their own.
        channels: whom to tell, each with what it is told.

    Attributes:
        delivery: hands notices to channels.
        routes: what each channel is told.
        alert_triggered: signal (title, message, level).
        alert_changed: signal (PerformanceAlert).
    """

    def __init__(
        self,
        clock: Clock,
        *,
        record: Record,
        threaded: Callable[[], bool],
        channels: Iterable[tuple[Channel, Route]],
    ) -> None:
        # Pauses between attempts are spread by chance; nothing is judged by it.
        self.delivery = Delivery(clock, random.Random(), report=_given_up, record=record)
        self.routes: list[Route] = []
        self._failures = Tally()
        self.alert_triggered = AlertSignal("alert_triggered", (str, str, int), threaded, self._failures)
        self.alert_changed = AlertSignal("alert_changed", (object,), threaded, self._failures)
        for channel, route in channels:
            self.add(channel, route)

    def add(self, channel: Channel, route: Route) -> None:
        """Tell one more channel from now on."""
        self.delivery.add(channel, fallback=route.fallback)
        self.routes.append(route)

    def told(self) -> list[tuple[Channel, Route]]:
        """The channels that are told, each with what it is told."""
        found = [(self.delivery.channel(route.channel), route) for route in self.routes]
        return [(channel, route) for channel, route in found if channel is not None]

    def settle(self, channels: Sequence[tuple[Channel, Route]]) -> list[Channel]:
        """Tell these channels from now on, and no others; those that get nothing new. See `Delivery.settle`."""
        gone = self.delivery.settle((channel, route.fallback) for channel, route in channels)
        self.routes = [route for _, route in channels]
        return gone

    def listeners_failed(self) -> int:
        """Calls of listeners that raised, or that waited in vain."""
        return self._failures.value() + self.alert_triggered.failures() + self.alert_changed.failures()

    def fire(self, outcome: Outcome) -> None:
        """Call the listeners."""
        for change in outcome.changes:
            if len(self.alert_changed):
                self.alert_changed.emit(change.alert)
            if change.signals and len(self.alert_triggered):
                for _ in range(change.signals):
                    self.alert_triggered.emit(change.alert.title, change.alert.message, int(change.alert.severity))

    def after_fork(self) -> None:
        """In the child: no queue and no thread of the parent."""
        self.delivery.after_fork()
        self.alert_triggered.after_fork()
        self.alert_changed.after_fork()


def proofs_of(
    wants: Sequence[Want],
    find: Callable[[str], PerformanceAlert | None],
    *,
    memory: Callable[[Want, PerformanceAlert | None], EvidenceFound | None],
    witness: Callable[[Want], Evidence | None],
) -> list[Input]:
    """Capture what is wanted while it is still to be seen.

    Args:
        wants: which alerts want a proof, and of what.
        find: an alert by its id.
        memory: what the memory room knows of it.
        witness: what is seen of the interpreter and the machine, where the memory room knows nothing.
    """
    found: list[Input] = []
    for want in wants:
        proof = memory(want, find(want.alert_id))
        evidence = None if proof is not None else witness(want)
        if evidence is not None:
            proof = given.EvidenceFound(want.alert_id, evidence)
        if proof is not None:
            found.append(proof)
    return found


def _given_up(channel: str, notice: Notice, error: BaseException) -> None:
    complain(f"channel {channel!r} gave up notice {notice.id}: {type(error).__name__}: {error}")
