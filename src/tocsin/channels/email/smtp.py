"""Handing a mail to a mail server."""

from __future__ import annotations

import smtplib
import socket
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from tocsin.channels.connect import open_socket, words
from tocsin.channels.deadline import Deadline, DeadlineSocket, TooMuch, secured
from tocsin.channels.http.transport import tls_context
from tocsin.channels.text import line
from tocsin.errors import DeliveryError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence

    from tocsin.channels.connect import Resolver
    from tocsin.model.secret import Secret

STARTTLS, TLS, NONE = "starttls", "tls", "none"


class Server(NamedTuple):
    """A mail server, and how it is spoken to.

    Attributes:
        host: name or address; the certificate must be its own.
        port: 1 to 65535.
        tls: `starttls`, `tls` or `none`; what is asked for is insisted on.
        user: empty for no login.
        password: of the user.
        ca_file: certificates to trust instead of the system's.
    """

    host: str
    port: int
    tls: str
    user: str = ""
    password: Secret | None = None
    ca_file: str | None = None

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def hand_over(
    server: Server, mail: bytes, *, from_: str, to: Sequence[str], deadline: Deadline, resolver: Resolver
) -> dict[str, tuple[int, str]]:
    """Hand a mail to a server.

    Returns: the recipients that were refused, with code and words; empty if all were taken.
    Raises: DeliveryError: if the mail was taken for nobody.
    """
    try:
        return _converse(_Conversation(server, deadline, resolver), server, mail, from_, to)
    except DeliveryError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told anew: it may hold the password
        failed = _failure(server, error)
    # Raised here, and not in the handler: no traceback leads to what was caught.
    raise failed


class _Conversation(smtplib.SMTP):
    """The standard library's client, over sockets that obey one deadline."""

    def __init__(self, server: Server, deadline: Deadline, resolver: Resolver) -> None:
        self._server = server
        self._deadline = deadline
        self._resolver = resolver
        # Told its name, since to find it out may take a look-up that nobody waits for.
        name = socket.gethostname()
        super().__init__(local_hostname=name if "." in name and name.isascii() else "[127.0.0.1]")

    def open(self) -> None:
        """Connect, greet, and make the line secure if it is to be."""
        server = self._server
        code, said = self.connect(server.host, server.port)
        if code != 220:
            raise smtplib.SMTPResponseException(code, said)
        self.ehlo_or_helo_if_needed()
        if server.tls == STARTTLS:
            if not self.has_extn("starttls"):
                raise DeliveryError(
                    f"{server} offers no STARTTLS, and mail is not sent in the clear; if it is meant: tls = 'none'"
                )
            self.starttls(context=cast("ssl.SSLContext", _Wrapper(server, self._deadline)))
            self.ehlo_or_helo_if_needed()
        if server.user and server.password is not None:
            self.login(server.user, server.password.reveal())

    def _get_socket(self, host: str, port: int, timeout: Any) -> socket.socket:  # noqa: ARG002 - the deadline rules
        sock = open_socket(host, port, self._deadline, allow_private=True, resolver=self._resolver)
        if self._server.tls != TLS:
            return sock
        return _Wrapper(self._server, self._deadline).wrap_socket(sock)


class _Wrapper:
    """What `starttls` asks of a context, for sockets with a deadline."""

    def __init__(self, server: Server, deadline: Deadline) -> None:
        self._server = server
        self._deadline = deadline

    def wrap_socket(self, sock: DeadlineSocket, **_: Any) -> socket.socket:
        """Begin TLS."""
        try:
            return secured(sock, tls_context(self._server.ca_file), self._server.host, self._deadline)
        except BaseException:
            sock.close()
            raise


def _converse(
    conversation: _Conversation, server: Server, mail: bytes, from_: str, to: Sequence[str]
) -> dict[str, tuple[int, str]]:
    try:
        conversation.open()
        refused = conversation.sendmail(from_, list(to), mail)
    except smtplib.SMTPRecipientsRefused as error:
        refused = error.recipients
    finally:
        _leave(conversation)
    del server
    return {one: (code, line(said.decode("utf-8", "replace"), 160)) for one, (code, said) in refused.items()}


def _leave(conversation: _Conversation) -> None:
    # The mail is taken or not by now; a server that does not say goodbye changes nothing.
    try:
        conversation.close()
    except OSError:
        return


def _failure(server: Server, error: Exception) -> DeliveryError:
    if isinstance(error, smtplib.SMTPAuthenticationError):
        # The server's words may quote what was sent.
        return DeliveryError(f"{server} refuses the login ({error.smtp_code})", permanent=error.smtp_code >= 500)
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error.decode("utf-8", "replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
        return DeliveryError(f"{server}: {error.smtp_code} {line(said, 160)}", permanent=error.smtp_code >= 500)
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return DeliveryError(f"{server} does not support what is needed: {line(error, 160)}", permanent=True)
    if isinstance(error, smtplib.SMTPServerDisconnected):
        # That is what the library says of a deadline, and of an answer without end, as well.
        ended = isinstance(error.__context__, (TimeoutError, TooMuch))
        return DeliveryError(f"{server}: {words(error.__context__)}" if ended else f"{server} hung up")
    return DeliveryError(f"{server}: {words(error)}")
