"""One POST, and its answer."""

from __future__ import annotations

import re
import ssl
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from tocsin.channels.connect import open_socket, resolve, words
from tocsin.channels.deadline import Deadline, Late, TooMuch, has_heard, secured, watch_again
from tocsin.channels.http.answers import failure
from tocsin.channels.http.spare import SpareConnections
from tocsin.channels.http.target import Target, target_of
from tocsin.channels.options import Mismatch
from tocsin.clock import SystemClock
from tocsin.errors import DeliveryError
from tocsin.model.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin.channels.connect import Resolver
    from tocsin.channels.http.spare import Key
    from tocsin.clock import Clock

_T = TypeVar("_T")
DEADLINE_S: Final = 10.0
MAX_BODY_BYTES: Final = 64 * 1024
# A word or two, such as `invalid_payload`. More is not shown: many servers say what they were asked for.
_REMARK: Final = re.compile(r"[A-Za-z0-9_ .,'-]{1,80}")


class Answer(NamedTuple):
    """What a peer said to a request that it took.

    Attributes:
        status: 200 to 299.
        body: at most 64 KiB of it; less where the rest did not come in time.
    """

    status: int
    body: bytes


class Transport:
    """Sends requests, one after the other on the same connection where the peer keeps it open.

    Args:
        allow_private: whether addresses that are not public may be connected to.
        ca_file: certificates to trust instead of the system's, in PEM.
        deadline_s: seconds for a request: from the look-up of the name to the last byte of the answer.
        clock: tells the time.
        resolver: gives the addresses of a name.
        remarks: whether errors may quote what the peer says; not where it could quote a secret back.
    """

    def __init__(
        self, *, allow_private: bool = False, ca_file: str | None = None, deadline_s: float = DEADLINE_S,
        clock: Clock | None = None, resolver: Resolver | None = None, remarks: bool = True,
    ) -> None:  # fmt: skip
        self.deadline_s = deadline_s
        self._allow_private = allow_private
        self._ca_file = ca_file
        self._clock = clock or SystemClock()
        self._resolver = resolver or resolve
        self._remarks = remarks
        self._context: ssl.SSLContext | None = None
        self._spare = SpareConnections(self._clock)

    def close(self) -> None:
        """Close what is kept open; it may be used again."""
        self._spare.close()

    @property
    def clock(self) -> Clock:
        """The clock by which requests are timed."""
        return self._clock

    def begin(self) -> Deadline:
        """A deadline that begins now, for several requests together."""
        return Deadline(self._clock, self.deadline_s)

    def post(
        self, address: Secret | Target, body: bytes | Secret, *, content_type: str = "application/json",
        headers: Mapping[str, str | Secret] | None = None, deadline: Deadline | None = None,
    ) -> Answer:  # fmt: skip
        """Send a body, and read the answer.

        Args:
            address: where to; http or https.
            body: what; a secret where one is in it.
            content_type: of the body.
            headers: sent along; those that are secret are revealed on the wire only.
            deadline: where several requests share one; see `begin`.
        Raises: DeliveryError: permanent where the same request would fail again; it shows of the address the host only.
        """
        target = target_of(address) if isinstance(address, Secret) else address
        try:
            return self._exchange(
                target, body, {"Content-Type": content_type, **(headers or {})}, deadline or self.begin()
            )
        except DeliveryError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it may hold the address; so it is told anew
            failed = DeliveryError(f"{target.authority}: {words(error)}")
        # Raised here, and not in the handler: no traceback leads to what was caught.
        raise failed

    def _exchange(
        self, target: Target, body: bytes | Secret, headers: Mapping[str, str | Secret], deadline: Deadline
    ) -> Answer:
        from http.client import HTTPException  # noqa: PLC0415 - loaded with the first notice by HTTP

        key = (target.scheme, target.host, target.port)
        spare = self._spare.take(key)
        if spare is not None:
            watch_again(spare, deadline)
            try:
                return self._ask(spare, key, target, body, headers)
            except DeliveryError:
                raise
            except (HTTPException, OSError) as error:
                # It may have been closed just as it was asked; but what was begun to be answered was taken.
                if isinstance(error, (Late, TooMuch)) or has_heard(spare):
                    raise
        sock: Any = open_socket(
            target.host, target.port, deadline, allow_private=self._allow_private, resolver=self._resolver
        )
        try:
            if target.scheme == "https":
                sock = secured(sock, self._tls(), target.host, deadline)
        except BaseException:
            sock.close()
            raise
        return self._ask(sock, key, target, body, headers)

    def _ask(
        self, sock: Any, key: Key, target: Target, body: bytes | Secret, headers: Mapping[str, str | Secret]
    ) -> Answer:
        """One request and its answer; the connection is kept for the next one, or closed."""
        from urllib3.connection import HTTPConnection  # noqa: PLC0415 - loaded with the first notice by HTTP

        keeps = False
        try:
            connection = HTTPConnection(target.host, target.port)
            connection.sock = sock
            connection.request(
                "POST", target.path, body=_bare(body), preload_content=False,
                headers={
                    "Host": target.authority, "User-Agent": "tocsin", "Accept-Encoding": "identity",
                    **{name: _bare(value) for name, value in headers.items()},
                },
            )  # fmt: skip
            response = connection.getresponse()
            said, keeps = _read(response)
            answer = Answer(response.status, said)
            self._judge(answer, target, response.headers.get("Retry-After"))
            return answer
        finally:
            if keeps:
                self._spare.keep(key, sock)
            else:
                sock.close()

    def _judge(self, answer: Answer, target: Target, retry_after: str | None) -> None:
        remark = _remark(answer.body, target) if self._remarks else ""
        error = failure(
            answer.status, target.authority, retry_after=retry_after, now=self._clock.now().utc, remark=remark
        )
        if error is not None:
            raise error

    def _tls(self) -> ssl.SSLContext:
        """Certificates are checked and TLS 1.2 is the least, with no way to ask for less."""
        if self._context is None:
            self._context = tls_context(self._ca_file)
        return self._context


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """A context that checks certificates. Raises DeliveryError: the file of certificates may come back."""
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise DeliveryError(f"ca_file cannot be read: {words(error)}") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def plain_http(given: Mapping[str, Any], *keys: str) -> Mismatch | None:
    """Refuse plain http to the public Internet: whoever listens on the way reads, and may change, what is told."""
    if given.get("allow_private"):
        return None
    for key in keys:
        if key in given and target_of(given[key]).scheme == "http":
            return Mismatch(key, "plain http", "an https URL; http is for private addresses, with allow_private")
    return None


def _remark(body: bytes, target: Target) -> str:
    """What a peer says to its refusal, where it is short and has nothing of the address in it."""
    said = body[:200].decode("utf-8", "replace").strip()
    pieces = [piece for piece in re.split(r"[/?&=]", target.path) if piece]
    return said if _REMARK.fullmatch(said) and not any(piece in said for piece in pieces) else ""


def _bare(value: _T | Secret) -> _T | str:
    return value.reveal() if isinstance(value, Secret) else value


def _read(response: Any) -> tuple[bytes, bool]:
    """At most 64 KiB of an answer, and whether that was all of it and the peer waits for another request.

    What was taken was taken, even if the rest of the answer does not come.
    """
    said = b""
    raw = response._original_response  # noqa: SLF001 - the answer as http.client has it, which knows how it ends
    stays_open = raw is not None and not raw.will_close
    try:
        while len(said) < MAX_BODY_BYTES:
            more = response.read(MAX_BODY_BYTES - len(said), decode_content=False)
            if not more:
                break
            said += more
    except Exception:  # noqa: BLE001 - the status stands already; late, cut or endless, the rest is nobody's loss
        return said, False
    return said, stays_open and bool(raw.isclosed())
