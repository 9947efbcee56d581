"""The channel: takes notices in, and waits until one peer knows."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tocsin.channels import options
from tocsin.channels.alertmanager.board import Board
from tocsin.channels.alertmanager.peer import Peer
from tocsin.channels.http import Transport, url
from tocsin.channels.http.headers import EXAMPLE
from tocsin.channels.http.headers import headers as http_headers
from tocsin.channels.http.target import target_of
from tocsin.channels.http.transport import DEADLINE_S
from tocsin.channels.options import Option, settle
from tocsin.channels.outgoing import OutgoingChannel
from tocsin.channels.wording import notice_of
from tocsin.clock import SystemClock
from tocsin.errors import DeliveryError
from tocsin.model.levels import AlertSeverity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tocsin.channels.connect import Resolver
    from tocsin.channels.http import Target
    from tocsin.clock import Clock
    from tocsin.model.alert import PerformanceAlert
    from tocsin.model.notice import Notice
    from tocsin.model.secret import Secret

INTERVAL_S: Final = 60.0
_PATH: Final = "/api/v2/alerts"


def _urls(value: Any) -> tuple[Secret, ...]:
    return tuple(url(one) for one in options.secrets(value))


OPTIONS: Final[options.Options] = {
    "urls": Option(_urls, '["http://alertmanager-0:9093", "http://alertmanager-1:9093"]', required=True),
    "interval": Option(options.seconds(1.0, 3600.0), '"60s"'),
    "labels": Option(options.pairs, '{"cluster": "eu-1"}'),
    "headers": Option(http_headers, EXAMPLE, hidden=True),
    "ca_file": Option(options.path, '"ca.pem"', file=True),
    "deadline": Option(options.seconds(0.05, 60.0), '"10s"'),
}


class AlertmanagerChannel(OutgoingChannel):
    """Keeps every peer of an Alertmanager cluster told of what is open.

    A notice is delivered once one peer has taken it; the others are told as soon as they can be reached.

    Args:
        urls: of all peers, never of a load balancer before them; each without `/api/v2/alerts`. Private addresses and
            plain http are usual here, and allowed.
        interval: between two tellings of what is open; seconds, or with a unit. An alert claims to last for four.
        labels: added to all alerts.
        headers: sent along; for peers behind something that wants a token.
        ca_file: certificates to trust instead of the system's.
        deadline: for a whole request; seconds, or with a unit.
        name: the channel's name.
        severity: this and worse is told.
        clock: tells the time.
        resolver: gives the addresses of a name.
    Raises: ConfigError: with every mistake.
    """

    keeps_state = True

    def __init__(
        self, urls: str | Secret | Sequence[str | Secret], *, interval: float | str | None = None,
        labels: Mapping[str, str] | None = None, headers: Mapping[str, str | Secret] | None = None,
        ca_file: str | None = None, deadline: float | str | None = None, name: str = "alertmanager",
        severity: AlertSeverity | int | str = AlertSeverity.INFO, clock: Clock | None = None,
        resolver: Resolver | None = None,
    ) -> None:  # fmt: skip
        super().__init__(name, severity)
        given = settle(type(self).__name__, OPTIONS, {
            "urls": urls, "interval": interval, "labels": labels, "headers": headers, "ca_file": ca_file,
            "deadline": deadline,
        })  # fmt: skip
        self._targets: list[Target] = [target_of(one) for one in given["urls"]]
        self._interval_s: float = given.get("interval", INTERVAL_S)
        self._labels: dict[str, str] = given.get("labels", {})
        self._headers: dict[str, Secret] = given.get("headers", {})
        self._clock = clock or SystemClock()
        self._transport = Transport(
            allow_private=True, ca_file=given.get("ca_file"), deadline_s=given.get("deadline", DEADLINE_S),
            clock=clock, remarks=not self._headers, resolver=resolver,
        )  # fmt: skip
        self.after_fork()

    def after_fork(self) -> None:
        """Begin anew: threads and open alerts are the parent's."""
        self._lock = threading.Condition()
        self.board = Board(self._interval_s, self._labels)
        self.peers = [
            Peer(
                f"{self.name}-{number}", self.board, self._lock, send=self._sender(target), clock=self._clock,
                interval_s=self._interval_s,
            )
            for number, target in enumerate(self._targets)
        ]  # fmt: skip

    def deliver(self, notice: Notice) -> None:
        """Take a notice in, and wait until a peer has it. Raises DeliveryError: when no peer has taken it."""
        with self._lock:
            version = self.board.told(notice, self._clock.now())
            lonely = [peer for peer in self.peers if not peer.ring()]
        for peer in lonely:
            peer.tell()  # late is better than never
        with self._lock:
            # Peers wait for their deadlines side by side; the second one is for what they were at just now.
            self._lock.wait_for(lambda: self._is_settled(version), timeout=2 * self._transport.deadline_s + 1.0)
            if any(peer.taken >= version for peer in self.peers):
                return
            errors = [peer.error for peer in self.peers if peer.tried >= version and peer.error is not None]
        if len(errors) < len(self.peers):
            raise DeliveryError(f"{self.name}: no peer has answered in time")
        permanent = all(error.permanent for error in errors)
        said = "; ".join(dict.fromkeys(map(str, errors)))
        asked_s = min((error.retry_after_s for error in errors if error.retry_after_s is not None), default=None)
        raise DeliveryError(f"{self.name}: no peer has taken it: {said}", permanent=permanent, retry_after_s=asked_s)

    def restore(self, alerts: Iterable[PerformanceAlert]) -> None:
        """Go on telling of alerts that were open before a restart; Alertmanager knows them, and calls nobody."""
        now = self._clock.now()
        with self._lock:
            for alert in alerts:
                self.board.told(notice_of(alert, self.name), now)
            for peer in self.peers:
                peer.ring()

    def close(self) -> None:
        """Tell nothing more; what is open ends there by itself. The next notice begins anew."""
        with self._lock:
            for peer in self.peers:
                peer.stop()
        self._transport.close()

    def _is_settled(self, version: int) -> bool:
        return any(peer.taken >= version for peer in self.peers) or all(peer.tried >= version for peer in self.peers)

    def _sender(self, target: Target) -> Any:
        def send(alerts: Sequence[Any]) -> None:
            self._transport.post(target.below(_PATH), msgspec.json.encode(alerts), headers=self._headers)

        return send
