"""A webhook: a JSON document, signed as Standard Webhooks describes it.

The signature covers `id.timestamp.body`, so a receiver can tell that the body is ours, that it is fresh, and by its id
that it has seen it before: the id is the notice's, and the same for each attempt.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import TYPE_CHECKING, Any, Final

from tocsin.channels import options
from tocsin.channels.document import document, encode
from tocsin.channels.http import Transport, url
from tocsin.channels.http.headers import EXAMPLE
from tocsin.channels.http.headers import headers as http_headers
from tocsin.channels.http.transport import DEADLINE_S, plain_http
from tocsin.channels.options import Mismatch, Option, settle
from tocsin.channels.outgoing import OutgoingChannel
from tocsin.channels.text import token
from tocsin.model.levels import AlertSeverity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tocsin.channels.connect import Resolver
    from tocsin.clock import Clock
    from tocsin.model.notice import Notice
    from tocsin.model.secret import Secret

_PREFIX: Final = "whsec_"
_EVENTS: Final = {"firing": "alert.firing", "resolved": "alert.resolved", "digest": "alerts.digest"}


def _signing_keys(value: Any) -> tuple[Secret, ...]:
    found = options.secrets(value)
    for one in found:
        _key(one)
    return found


OPTIONS: Final[options.Options] = {
    "url": Option(url, '"https://alerts.example/tocsin"', required=True),
    "secret": Option(_signing_keys, '"env:TOCSIN_WEBHOOK_SECRET"'),
    "headers": Option(http_headers, EXAMPLE, hidden=True),
    "allow_private": Option(options.flag, "True"),
    "ca_file": Option(options.path, '"ca.pem"', file=True),
    "deadline": Option(options.seconds(0.05, 60.0), '"10s"'),
}


def mismatch(given: dict[str, Any]) -> Mismatch | None:
    """What is wrong with the options as a whole."""
    return plain_http(given, "url")


class WebhookAlertChannel(OutgoingChannel):
    """Posts each notice as JSON.

    Args:
        url: where to; https, or http where private addresses are allowed. May be given as env:NAME or file:PATH.
        secret: signs what is sent; with several, each signs, so that a receiver may change from one to the next. One
            that begins with whsec_ is base64, any other is taken as it is.
        headers: sent along; for receivers that want a token.
        allow_private: whether the address may belong to this machine or an inner network.
        ca_file: certificates to trust instead of the system's.
        deadline: for a whole request; seconds, or with a unit.
        name: the channel's name.
        severity: this and worse is told.
        clock: tells the time.
        resolver: gives the addresses of a name.
    Raises: ConfigError: with every mistake.
    """

    def __init__(
        self, url: str | Secret, *, secret: str | Secret | Sequence[str | Secret] | None = None,
        headers: Mapping[str, str | Secret] | None = None, allow_private: bool | None = None,
        ca_file: str | None = None, deadline: float | str | None = None, name: str = "webhook",
        severity: AlertSeverity | int | str = AlertSeverity.INFO, clock: Clock | None = None,
        resolver: Resolver | None = None,
    ) -> None:  # fmt: skip
        super().__init__(name, severity)
        given = settle(type(self).__name__, OPTIONS, {
            "url": url, "secret": secret, "headers": headers, "allow_private": allow_private, "ca_file": ca_file,
            "deadline": deadline,
        }, mismatch)  # fmt: skip
        self._url: Secret = given["url"]
        self._keys: tuple[Secret, ...] = given.get("secret", ())
        self._headers: dict[str, Secret] = given.get("headers", {})
        self._transport = Transport(
            allow_private=given.get("allow_private", False), ca_file=given.get("ca_file"),
            deadline_s=given.get("deadline", DEADLINE_S), clock=clock, remarks=not self._headers, resolver=resolver,
        )  # fmt: skip

    def close(self) -> None:
        """Keep no connection open; the next notice opens one."""
        self._transport.close()

    def deliver(self, notice: Notice) -> None:
        """Post a notice. Raises DeliveryError."""
        body = encode({
            "type": _EVENTS[notice.kind.value],
            "timestamp": f"{notice.created_at:%Y-%m-%dT%H:%M:%S.%f}Z",
            "data": document(notice),
        })  # fmt: skip
        headers: dict[str, str | Secret] = {**self._headers, "webhook-id": token(notice.id)}
        if self._keys:
            at = str(int(self._transport.clock.now().utc.timestamp()))
            headers["webhook-timestamp"] = at
            headers["webhook-signature"] = signature(self._keys, token(notice.id), at, body)
        self._transport.post(self._url, body, headers=headers)


def signature(keys: Sequence[Secret], webhook_id: str, timestamp: str, body: bytes) -> str:
    """The value of the header `webhook-signature`: one signature a key, separated by spaces."""
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    digests = [hmac.digest(_key(key), signed, hashlib.sha256) for key in keys]
    return " ".join(f"v1,{base64.b64encode(digest).decode('ascii')}" for digest in digests)


def _key(key: Secret) -> bytes:
    text = key.reveal()
    if not text.startswith(_PREFIX):
        return text.encode("utf-8", "surrogateescape")
    try:
        found = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if not found:
        raise ValueError("base64 behind whsec_")
    return found
