"""A real mail server on the loopback, small, and as unfriendly as it is told."""

from __future__ import annotations

import contextlib
import email
import email.policy
import socketserver
import threading
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

if TYPE_CHECKING:
    import socket
    import ssl
    from email.message import EmailMessage


class Mail(NamedTuple):
    """A mail that was taken."""

    sender: str
    recipients: list[str]
    data: bytes
    secure: bool

    @property
    def message(self) -> EmailMessage:
        found = email.message_from_bytes(self.data, policy=email.policy.default)
        assert isinstance(found, email.message.EmailMessage)
        return found


class SmtpPeer:
    """A server with a thread for each connection.

    Args:
        tls: what to secure the line with; None: it cannot be.
        implicit: whether it is secure from the first byte.

    Attributes:
        mails: all that were taken, in order.
        says: other answers, by the first word of a command or `GREETING`; a list is used up one a time.
        refuses: recipients, each with the answer it gets.
        logins: what was sent with AUTH.
    """

    def __init__(self, *, tls: ssl.SSLContext | None = None, implicit: bool = False) -> None:
        self.mails: list[Mail] = []
        self.says: dict[str, list[str]] = {}
        self.refuses: dict[str, str] = {}
        self.logins: list[str] = []
        self.hangs = False
        self.drips = False
        self.released = threading.Event()
        self._tls = tls
        self._implicit = implicit
        peer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(OSError, ValueError):
                    peer._serve(self.request)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True
            request_queue_size = 64

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Be gone: nobody listens any more."""
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10.0)

    def _serve(self, connection: socket.socket) -> None:
        if self._implicit and self._tls is not None:
            connection = self._tls.wrap_socket(connection, server_side=True)
        if self.hangs:
            self.released.wait(60.0)
            return
        if self.drips:
            while True:  # until nobody listens
                connection.sendall(b"2")
                threading.Event().wait(0.002)  # so that bytes do not arrive in heaps
        connection.sendall(self._answer("GREETING", "220 peer ready"))
        secure = self._implicit
        while True:
            with connection.makefile("rb") as stream:
                again = self._talk(connection, stream, secure=secure)
            if not again or self._tls is None:
                connection.close()
                return
            connection = self._tls.wrap_socket(connection, server_side=True)
            secure = True

    def _talk(self, connection: socket.socket, stream: BinaryIO, *, secure: bool) -> bool:
        """Speak until the end, or (True) until the line is to be made secure."""
        sender, recipients = "", list[str]()
        while line := stream.readline().decode("latin-1").rstrip("\r\n"):
            word, _, rest = line.partition(" ")
            word = word.upper()
            if word == "EHLO":
                offered = ["peer", *(["STARTTLS"] if self._tls and not secure else []), "AUTH PLAIN", "8BITMIME"]
                lines = [f"250-{one}" for one in offered[:-1]] + [f"250 {offered[-1]}"]
                connection.sendall(self._answer(word, "\r\n".join(lines)))
            elif word == "STARTTLS":
                connection.sendall(self._answer(word, "220 go ahead"))
                return True
            elif word == "MAIL":
                sender = _address(rest)
                connection.sendall(self._answer(word, "250 ok"))
            elif word == "RCPT":
                address = _address(rest)
                refusal = self.refuses.get(address)
                recipients += [] if refusal else [address]
                connection.sendall(f"{refusal or '250 ok'}\r\n".encode())
            elif word == "DATA":
                connection.sendall(b"354 go on\r\n")
                data = _data(stream)
                said = self._answer(word, "250 taken")
                if said.startswith(b"250"):
                    self.mails.append(Mail(sender, recipients, data, secure))
                connection.sendall(said)
            elif word == "AUTH":
                self.logins.append(rest)
                connection.sendall(self._answer(word, "235 welcome"))
            elif word == "QUIT":
                connection.sendall(b"221 bye\r\n")
                return False
            else:
                connection.sendall(b"250 ok\r\n")
        return False

    def _answer(self, word: str, usual: str) -> bytes:
        others = self.says.get(word)
        return f"{others.pop(0) if others else usual}\r\n".encode()


def _address(rest: str) -> str:
    return rest.partition("<")[2].partition(">")[0]


def _data(stream: Any) -> bytes:
    lines = []
    while (line := stream.readline()) not in {b".\r\n", b""}:
        lines.append(line[1:] if line.startswith(b".") else line)
    return b"".join(lines)
