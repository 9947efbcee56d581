"""The channel: options, and what to do when some recipients are refused."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from tocsin.channels import options
from tocsin.channels.connect import resolve
from tocsin.channels.deadline import Deadline
from tocsin.channels.email.message import email_of
from tocsin.channels.email.smtp import NONE, STARTTLS, TLS, Server, hand_over
from tocsin.channels.options import Mismatch, Option, settle
from tocsin.channels.outgoing import OutgoingChannel
from tocsin.channels.progress import Progress
from tocsin.clock import SystemClock
from tocsin.errors import DeliveryError
from tocsin.model.levels import AlertSeverity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.channels.connect import Resolver
    from tocsin.clock import Clock
    from tocsin.model.notice import Notice
    from tocsin.model.secret import Secret

DEADLINE_S: Final = 30.0  # servers that keep spammers waiting take their time
_ADDRESS: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")
_SERVER: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?")
_PORTS: Final = {STARTTLS: 587, TLS: 465, NONE: 25}


def _address(value: Any) -> str:
    if not isinstance(value, str) or not _ADDRESS.fullmatch(value) or ".." in value:
        raise ValueError("an email address such as 'ops@example.com'")
    return value


def _addresses(value: Any) -> tuple[str, ...]:
    several = (value,) if isinstance(value, str) else value
    if not isinstance(several, (list, tuple)) or not several:
        raise ValueError("an email address, or a list of them")
    return tuple(dict.fromkeys(_address(one) for one in several))


def _server(value: Any) -> tuple[str, int | None]:
    match = _SERVER.fullmatch(value) if isinstance(value, str) else None
    if match is None or (match[2] and not 1 <= int(match[2]) <= 65535):
        raise ValueError("a mail server as host:port; user and password are options of their own")
    return match[1].strip("[]"), int(match[2]) if match[2] else None


OPTIONS: Final[options.Options] = {
    "to": Option(_addresses, '["ops@example.com"]', required=True),
    "from": Option(_address, '"tocsin@example.com"', required=True),
    "smtp": Option(_server, '"smtp.example.com:587"', required=True, hidden=True),
    "tls": Option(options.one_of(STARTTLS, TLS, NONE), '"starttls"'),
    "user": Option(options.text, '"tocsin"'),
    "password": Option(options.secret, '"env:SMTP_PASSWORD"'),
    "ca_file": Option(options.path, '"ca.pem"', file=True),
    "deadline": Option(options.seconds(0.05, 300.0), '"30s"'),
}


class EmailAlertChannel(OutgoingChannel):
    """Sends a mail a notice; all mails of an alert stand in one thread.

    Args:
        to: one address, or several.
        from_: the sender's address.
        smtp: the mail server as host:port; the port by default 587, 465 for `tls`, 25 for `none`.
        tls: `starttls` (the default), `tls` from the first byte (the default for port 465), or `none`. A server that
            does not offer what is asked for gets no mail.
        user: to log in with.
        password: to log in with; not over an open line. May be given as env:NAME or file:PATH.
        ca_file: certificates to trust instead of the system's.
        deadline: for the whole conversation; seconds, or with a unit.
        name: the channel's name.
        severity: this and worse is told.
        clock: tells the time.
        resolver: gives the addresses of a name.
    Raises: ConfigError: with every mistake.
    """

    def __init__(
        self, to: str | Sequence[str], from_: str, *, smtp: str, tls: str | None = None, user: str | None = None,
        password: str | Secret | None = None, ca_file: str | None = None, deadline: float | str | None = None,
        name: str = "email", severity: AlertSeverity | int | str = AlertSeverity.INFO, clock: Clock | None = None,
        resolver: Resolver | None = None,
    ) -> None:  # fmt: skip
        super().__init__(name, severity)
        given = settle(type(self).__name__, OPTIONS, {
            "to": to, "from": from_, "smtp": smtp, "tls": tls, "user": user, "password": password, "ca_file": ca_file,
            "deadline": deadline,
        }, mismatch)  # fmt: skip
        self._to: tuple[str, ...] = given["to"]
        self._from: str = given["from"]
        self._server = server_of(given)
        self._deadline_s: float = given.get("deadline", DEADLINE_S)
        self._clock = clock or SystemClock()
        self._resolver = resolver or resolve
        self._progress = Progress()

    def deliver(self, notice: Notice) -> None:
        """Send the mail. Tried again, it goes only to those whom it has not reached. Raises DeliveryError."""
        mail = email_of(notice, from_=self._from, to=self._to, now=self._clock.now().utc).as_bytes()
        taken = self._progress.of(notice.id)
        left = [one for one in self._to if one not in taken]
        refused = hand_over(
            self._server, mail, from_=self._from, to=left,
            deadline=Deadline(self._clock, self._deadline_s), resolver=self._resolver,
        )  # fmt: skip
        taken.update(one for one in left if one not in refused)
        if refused:
            raise _refusal(self._server, refused, len(self._to))
        self._progress.done(notice.id)


def _refusal(server: Server, refused: dict[str, tuple[int, str]], asked: int) -> DeliveryError:
    code, said = next(iter(refused.values()))
    return DeliveryError(
        f"{server} refuses {len(refused)} of {asked} recipients: {code} {said}",
        permanent=all(code >= 500 for code, _ in refused.values()),
    )


def server_of(given: dict[str, Any]) -> Server:
    """The server that the options mean."""
    host, port = given["smtp"]
    tls = given.get("tls") or (TLS if port == _PORTS[TLS] else STARTTLS)
    return Server(host, port or _PORTS[tls], tls, given.get("user", ""), given.get("password"), given.get("ca_file"))


def mismatch(given: dict[str, Any]) -> Mismatch | None:
    """What is wrong with the options as a whole."""
    if ("user" in given) != ("password" in given):
        absent = "password" if "user" in given else "user"
        return Mismatch(
            absent, "nothing", "user and password together, or neither", f"{absent}={OPTIONS[absent].example}"
        )
    if given.get("tls") == NONE and "password" in given:
        return Mismatch(
            "tls", "'none'", "'starttls' or 'tls': a password is not sent over an open line", 'tls="starttls"'
        )
    return None
