"""The peers that other tests talk to: what a client does that is killed as it speaks is nothing to tell."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
from tests.peers.http_peer import HttpPeer

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def peer() -> Iterator[HttpPeer]:
    one = HttpPeer()
    yield one
    one.close()


def ask(peer: HttpPeer, said: bytes) -> bytes:
    """Say this and nothing more; what is answered until the peer hangs up."""
    with socket.create_connection(("127.0.0.1", peer.port), timeout=10.0) as client:
        client.sendall(said)
        client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(4096), b""))


@pytest.mark.parametrize("half", [b"PO", b"POST /hook", b"POST /hook HTTP/1.", b"POST\r\n", b"\r\n"])
def test_half_a_request_line_is_borne_in_silence(
    peer: HttpPeer, half: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    assert ask(peer, half) == b""
    assert peer.requests == []
    assert ask(peer, b"GET / HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 200")
    peer.close()
    assert capfd.readouterr() == ("", "")
