"""Connections that are kept open for the next request: used again while they live, and no trouble when they do not."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest
from tests.peers import certificates
from tests.peers.http_peer import HttpPeer, answer, drips, reset

from tocsin import DeliveryError, VirtualClock
from tocsin.channels.http import Transport
from tocsin.channels.http.spare import IDLE_S
from tocsin.channels.http.transport import MAX_BODY_BYTES
from tocsin.model.secret import Secret

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator


@pytest.fixture
def peer() -> Iterator[HttpPeer]:
    one = HttpPeer()
    one.keeps_open = True
    yield one
    one.close()


@pytest.fixture
def transport() -> Iterator[Transport]:
    one = Transport(allow_private=True, deadline_s=20.0)
    yield one
    one.close()


def paths(peer: HttpPeer) -> list[str]:
    return [request.path for request in peer.requests]


def test_requests_to_one_peer_travel_on_one_connection(peer: HttpPeer, transport: Transport) -> None:
    peer.replies = [answer(200, b"first"), answer(204), answer(202, b"third")]
    said = [transport.post(Secret(f"{peer.url}/{number}"), b"{}") for number in range(3)]
    assert [one.body for one in said] == [b"first", b"", b"third"]
    assert paths(peer) == ["/0", "/1", "/2"]
    assert peer.connections == 1


def test_so_does_one_that_was_refused(peer: HttpPeer, transport: Transport) -> None:
    peer.replies = [answer(500, b"no"), answer(200)]
    with pytest.raises(DeliveryError):
        transport.post(Secret(peer.url), b"{}")
    transport.post(Secret(peer.url), b"{}")
    assert peer.connections == 1


def test_a_connection_that_the_peer_has_closed_meanwhile_is_not_asked(peer: HttpPeer, transport: Transport) -> None:
    peer.keeps_open = False
    for number in range(3):
        transport.post(Secret(f"{peer.url}/{number}"), b"{}")
    assert paths(peer) == ["/0", "/1", "/2"]
    assert peer.connections == 3


def test_one_that_breaks_just_as_it_is_asked_is_replaced_at_once(peer: HttpPeer, transport: Transport) -> None:
    transport.post(Secret(f"{peer.url}/0"), b"{}")
    peer.replies = [reset]
    assert transport.post(Secret(f"{peer.url}/1"), b"{}").status == 200
    assert paths(peer) == ["/0", "/1", "/1"]
    assert peer.connections == 2


def test_what_breaks_in_the_middle_of_an_answer_is_not_asked_twice(peer: HttpPeer, transport: Transport) -> None:
    def half(connection: socket.socket) -> None:
        connection.sendall(b"HTT")
        connection.close()

    transport.post(Secret(peer.url), b"{}")
    peer.replies = [half]
    with pytest.raises(DeliveryError):
        transport.post(Secret(peer.url), b"{}")
    assert len(peer.requests) == 2


def test_one_that_was_idle_for_long_is_closed(peer: HttpPeer) -> None:
    clock = VirtualClock()
    transport = Transport(allow_private=True, clock=clock)
    transport.post(Secret(peer.url), b"{}")
    clock.advance(IDLE_S)
    transport.post(Secret(peer.url), b"{}")
    assert peer.connections == 1
    clock.advance(IDLE_S + 1)
    transport.post(Secret(peer.url), b"{}")
    assert peer.connections == 2
    transport.close()


@pytest.mark.parametrize(
    "reply",
    [
        answer(200, b"x" * (MAX_BODY_BYTES + 1)),
        answer(200, b"ok", Connection="close"),
        lambda connection: connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    ],
    ids=["not read to its end", "says that it closes", "an old peer"],
)
def test_what_cannot_be_trusted_to_be_at_its_end_is_not_used_again(
    peer: HttpPeer, transport: Transport, reply: object
) -> None:
    peer.replies = [reply]  # type: ignore[list-item]
    transport.post(Secret(peer.url), b"{}")
    assert transport.post(Secret(peer.url), b"{}").body == b"ok"
    assert peer.connections == 2


def test_each_request_has_its_own_deadline(peer: HttpPeer) -> None:
    transport = Transport(allow_private=True, deadline_s=0.3)
    transport.post(Secret(peer.url), b"{}")
    threading.Event().wait(0.35)
    assert transport.post(Secret(peer.url), b"{}").status == 200
    peer.replies = [drips(b"HTTP/1.1 200 OK\r\nX: ")]
    with pytest.raises(DeliveryError, match=r"within 0\.3 s|in time"):
        transport.post(Secret(peer.url), b"{}")
    transport.close()


def test_threads_never_share_a_connection(peer: HttpPeer, transport: Transport) -> None:
    def ask(number: int) -> None:
        said.extend(transport.post(Secret(f"{peer.url}/{number}-{turn}"), b"{}").status for turn in range(10))

    said: list[int] = []
    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == [200] * 80
    assert len(set(paths(peer))) == 80
    assert peer.connections <= 80


@pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX")
def test_a_forked_child_has_connections_of_its_own_and_leaves_the_parents_alone(
    peer: HttpPeer, transport: Transport
) -> None:
    transport.post(Secret(f"{peer.url}/parent"), b"{}")
    child = os.fork()
    if child == 0:
        try:
            transport.post(Secret(f"{peer.url}/child"), b"{}")
            os._exit(0)
        except BaseException:  # noqa: BLE001 - no test runner in the child
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert peer.connections == 2
    transport.post(Secret(f"{peer.url}/parent"), b"{}")
    assert peer.connections == 2


def test_a_secure_connection_is_kept_too(tmp_path_factory: pytest.TempPathFactory) -> None:
    certs = certificates.make(tmp_path_factory.mktemp("certificates"))
    peer = HttpPeer(tls=certificates.server_context(certs.good))
    peer.keeps_open = True
    transport = Transport(allow_private=True, ca_file=str(certs.authority), resolver=lambda host, port: ["127.0.0.1"])
    for number in range(3):
        transport.post(Secret(f"https://localhost:{peer.port}/{number}"), b"{}")
    assert (paths(peer), peer.connections) == (["/0", "/1", "/2"], 1)
    transport.close()
    peer.close()
