"""The server on its own thread, with real sockets: ports, bounds, TLS, restarts, forks and silence."""

from __future__ import annotations

import http.client
import json
import logging
import os
import socket
import ssl
import threading
import time
from contextlib import ExitStack, closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest
from tests.peers import certificates

from tocsin import AlertConfig, AlertSystem
from tocsin.errors import ConfigError
from tocsin.testing import RecordingChannel
from tocsin.web import accepting, connection, guard, serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tocsin.web.server import WebServer

TOKEN = "a-token-of-the-tests"
ENOUGH_S = 20.0


class Served:
    """A started system with its page on a free port."""

    def __init__(self, **web: Any) -> None:
        config = AlertConfig(
            name="served", channels=[RecordingChannel()], default_rules=False, memory={"enabled": False},
            web={"port": 0, "token": TOKEN, **web},
        )  # fmt: skip
        self.system = AlertSystem(config, sensors=[])
        self.server: WebServer = serve(self.system)
        self.system.start()

    @property
    def port(self) -> int:
        return self.server.port

    def get(self, path: str, context: ssl.SSLContext | None = None) -> tuple[int, bytes]:
        asked = (
            http.client.HTTPConnection("127.0.0.1", self.port, timeout=ENOUGH_S)
            if context is None
            else http.client.HTTPSConnection("127.0.0.1", self.port, timeout=ENOUGH_S, context=context)
        )
        asked.request("GET", path, headers={"Authorization": f"Bearer {TOKEN}"})
        reply = asked.getresponse()
        found = reply.status, reply.read()
        asked.close()
        return found

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=ENOUGH_S)

    @contextmanager
    def stream(self, **headers: str) -> Iterator[http.client.HTTPResponse]:
        asked = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ENOUGH_S)
        asked.request("GET", "/api/v1/stream", headers={"Authorization": f"Bearer {TOKEN}", **headers})
        with closing(asked), asked.getresponse() as reply:
            yield reply


@pytest.fixture
def served() -> Iterator[Served]:
    found = Served()
    yield found
    found.system.stop()


def closes(one: socket.socket, within_s: float = ENOUGH_S) -> bool:
    """Whether the other side ends the connection in time; what it sends before is passed over."""
    one.settimeout(within_s)
    try:
        while one.recv(65536):
            pass
    except ConnectionError:
        return True
    except TimeoutError:
        return False
    return True


def ends_while_sending(one: socket.socket, byte: bytes, within_s: float = ENOUGH_S) -> bool:
    """Whether the other side ends a connection on which a byte comes every now and then."""
    until_s = time.monotonic() + within_s
    one.settimeout(0.02)  # between two bytes; it ends sooner where there is something to read
    while time.monotonic() < until_s:
        try:
            one.sendall(byte)
            if not one.recv(65536):
                return True
        except TimeoutError:
            continue
        except ConnectionError:
            return True
    return False


def test_it_serves_while_the_system_runs_and_not_after(served: Served) -> None:
    assert served.get("/api/v1/session")[0] == 200
    assert served.server.url == f"http://127.0.0.1:{served.port}/?token={TOKEN}"
    assert served.system.page_url() == served.server.url
    port = served.port
    assert served.system.stop()

    assert served.server.url == ""
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port), timeout=1.0)


def test_it_serves_again_when_the_system_starts_again(served: Served) -> None:
    served.system.stop()
    served.system.start()
    assert served.get("/api/v1/session")[0] == 200


def test_a_port_that_is_taken_gives_way_to_a_free_one(served: Served) -> None:
    other = Served(port=served.port)
    try:
        assert other.port not in {0, served.port}
        assert other.get("/api/v1/session")[0] == 200
    finally:
        other.system.stop()


def test_it_attaches_to_a_system_that_runs_already() -> None:
    system = AlertSystem(AlertConfig(channels=[], default_rules=False, memory={"enabled": False}), sensors=[])
    with system:
        server = serve(system, port=0)
        assert server.port


def test_it_answers_while_the_programs_own_loop_is_blocked(served: Served) -> None:
    import asyncio

    async def block() -> None:
        answers: list[int] = []
        asker = threading.Thread(target=lambda: answers.append(served.get("/api/v1/threads")[0]))
        asker.start()
        asker.join(ENOUGH_S)  # this is what blocks
        assert answers == [200]

    asyncio.run(block())


def test_the_programs_log_and_its_uvicorn_are_left_alone(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    access = logging.getLogger("uvicorn.access")
    before = (list(access.handlers), access.propagate, access.level, logging.getLogger("uvicorn.error").level)
    served.get("/api/v1/session")
    with served.connect() as one:
        one.sendall(b"nonsense\r\n\r\n")
        assert closes(one)

    assert [record for record in caplog.records if record.name != "asyncio"] == []
    assert before == (list(access.handlers), access.propagate, access.level, logging.getLogger("uvicorn.error").level)
    assert access.propagate


# -- whoever means harm


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="descriptors are not to be seen here")  # noqa: PTH112 - as below
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "before the handshake"])
def test_a_thousand_connections_cost_the_program_no_more_than_the_bound(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, tls: bool
) -> None:
    for patience in ("accepting.HANDSHAKE_WITHIN_S", "connection.HEAD_WITHIN_S"):
        monkeypatch.setattr(f"tocsin.web.{patience}", 600.0)
    made = str(certificates.make(tmp_path).good) if tls else ""
    served = Served(**({"certificate": made, "private_key": made} if tls else {}))

    def held() -> int:
        return len(os.listdir("/proc/self/fd")) - before - len(mine)  # noqa: PTH208 - a Path for each would cost

    mine: list[socket.socket] = []
    with ExitStack() as stack:
        stack.callback(served.system.stop)
        before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - as above
        most = 0
        for number in range(1000):
            with suppress(OSError):
                mine.append(stack.enter_context(served.connect()))
            if number % 10 == 0:
                most = max(most, held())
        bound = accepting.MAX_CONNECTIONS
        assert all(map(closes, mine[bound:])), "they come in turn, so the first are inside"
        assert bound <= held() <= bound + 2
        assert most <= bound + 2, "the one that is being turned away, and perhaps a file of another thread"

        for one in mine[:bound]:
            one.shutdown(socket.SHUT_WR)
            assert closes(one)
        if not tls:
            assert served.get("/api/v1/session")[0] == 200


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: 127.0.0.1", b"G"])
def test_a_request_that_does_not_come_is_not_waited_for(
    served: Served, sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "HEAD_WITHIN_S", 0.2)
    with served.connect() as one:
        one.sendall(sent)
        assert closes(one)


def test_a_request_that_trickles_in_gets_no_more_time(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEAD_WITHIN_S", 0.3)
    with served.connect() as one:
        assert ends_while_sending(one, b"G")


@pytest.mark.parametrize("scope", ["", f"Authorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n"])
def test_a_body_that_trickles_in_gets_no_more_time(served: Served, monkeypatch: pytest.MonkeyPatch, scope: str) -> None:
    """Neither with the token, nor of somebody who was refused already."""
    monkeypatch.setattr(guard, "BODY_WITHIN_S", 0.3)
    monkeypatch.setattr(connection, "REST_WITHIN_S", 0.3)
    head = f"POST /api/v1/silences HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\n{scope}Content-Length: 60000\r\n\r\n"
    with served.connect() as one:
        one.sendall(head.encode())
        assert ends_while_sending(one, b" ")


def test_who_is_refused_before_the_body_came_may_send_it_and_ask_again(served: Served) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", served.port, timeout=ENOUGH_S)) as asked:
        asked.connect()
        first = asked.sock
        for _ in range(2):
            asked.putrequest("POST", "/api/v1/silences")
            asked.putheader("Content-Length", "5")
            asked.endheaders()
            with asked.getresponse() as reply:
                assert reply.status == 401
                reply.read()
            asked.sock.sendall(b"12345")
            assert asked.sock is first


def test_an_answer_that_nobody_reads_is_given_up(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "READ_WITHIN_S", 0.2)
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    one.connect(("127.0.0.1", served.port))
    one.settimeout(ENOUGH_S)  # sending waits for the server to take more, which it does not
    with one:
        head = f"Host: 127.0.0.1:{served.port}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
        request = f"GET /api/v1/openapi.json HTTP/1.1\r\n{head}"
        with pytest.raises(ConnectionError):  # noqa: PT012 - it is asked until the answers no longer fit
            while True:
                one.sendall(request.encode() * 20)
    assert served.get("/api/v1/session")[0] == 200


def test_a_head_of_a_request_that_is_too_large_is_refused(served: Served) -> None:
    with served.connect() as one:
        try:
            one.sendall(b"GET / HTTP/1.1\r\nX: " + b"a" * 1_000_000)
        except ConnectionError:
            return
        assert closes(one)


def test_a_body_of_ten_megabytes_is_refused_before_it_is_read(served: Served) -> None:
    asked = http.client.HTTPConnection("127.0.0.1", served.port, timeout=ENOUGH_S)
    asked.putrequest("POST", "/api/v1/silences")
    asked.putheader("Authorization", f"Bearer {TOKEN}")
    asked.putheader("Content-Type", "application/json")
    asked.putheader("Content-Length", "10000000")
    asked.endheaders()
    assert asked.getresponse().status == 413
    asked.close()


# -- streams


def lines_until(reply: http.client.HTTPResponse, wanted: bytes) -> list[bytes]:
    found: list[bytes] = []
    while not found or wanted not in found[-1]:
        found.append(reply.readline())
        assert found[-1], "the stream ended"
    return found


def test_a_stream_tells_of_an_alert_within_two_seconds(served: Served) -> None:
    with served.stream() as reply:
        lines_until(reply, b"event: hello")
        began_s = time.monotonic()
        served.system.emit("now", "m", "critical", "s")
        lines_until(reply, b'"title":"now"')
        assert time.monotonic() - began_s < 2.0


def test_what_happened_while_the_server_was_away_is_asked_for_again(served: Served) -> None:
    served.server.page.hub.publish("alert", {"title": "before"})
    last = f"{served.server.page.hub.run}-1"
    with served.stream(**{"Last-Event-ID": last}) as reply:
        assert b'"resumed":true' in lines_until(reply, b"data:")[-1]
    served.system.stop()
    served.system.start()
    with served.stream(**{"Last-Event-ID": last}) as again:
        assert b'"resumed":false' in lines_until(again, b"data:")[-1]


def test_for_all_addresses_the_link_names_this_machine_and_that_name_is_known() -> None:
    wide = Served(host="0.0.0.0", plain_http=True)  # noqa: S104 - for the blink of an eye, with a token
    try:
        name = wide.server.base.removeprefix("http://")
        assert name.startswith(socket.gethostname())
        statuses = []
        for host in (name, f"evil.example:{wide.port}"):
            with closing(http.client.HTTPConnection("127.0.0.1", wide.port, timeout=ENOUGH_S)) as asked:
                asked.request("GET", "/api/v1/session", headers={"Host": host, "Authorization": f"Bearer {TOKEN}"})
                with asked.getresponse() as reply:
                    statuses.append(reply.status)
        assert statuses == [200, 421]
    finally:
        wide.system.stop()


def test_after_a_restart_of_the_server_a_stream_is_told_to_ask_again(served: Served) -> None:
    with served.stream() as reply:
        lines_until(reply, b"event: hello")
        served.system.stop()
        reply.read()  # it comes to an end
    served.system.start()
    with served.stream(**{"Last-Event-ID": "other-7"}) as again:
        assert b'"resumed":false' in lines_until(again, b"data:")[-1]


# -- beyond this machine


def test_with_a_certificate_it_speaks_tls(tmp_path: Path) -> None:
    made = certificates.make(tmp_path)
    secure = Served(certificate=str(made.good), private_key=str(made.good))
    try:
        assert secure.server.url.startswith("https://")
        context = ssl.create_default_context(cafile=str(made.authority))
        assert secure.get("/api/v1/session", context)[0] == 200
    finally:
        secure.system.stop()


def test_a_certificate_that_cannot_be_read_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "page.pem").write_text("nonsense")
    web = {"certificate": str(tmp_path / "page.pem"), "private_key": str(tmp_path / "nothing")}
    system = AlertSystem(AlertConfig(channels=[], web=web), sensors=[])
    with pytest.raises(ConfigError, match="cannot be read as a pair"):
        serve(system)


def test_beyond_loopback_it_is_not_served_without_a_word() -> None:
    system = AlertSystem(AlertConfig(channels=[]), sensors=[])
    with pytest.raises(ConfigError, match="plain_http"):
        serve(system, host="0.0.0.0")  # noqa: S104 - it is refused


# -- forks


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
def test_a_forked_child_lets_go_of_the_page(served: Served) -> None:
    with served.connect() as visitor:
        visitor.sendall(b"GET /healthz/live HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % served.port)
        assert visitor.recv(65536).startswith(b"HTTP/1.1 200"), "it is inside"
        heard, tell = os.pipe()
        leash, hold = os.pipe()
        child = os.fork()
        if not child:
            os.close(hold)
            os.write(tell, json.dumps([served.server.url, served.server.port]).encode())
            os.read(leash, 1)  # until the parent lets go
            os._exit(0)
        os.close(leash)
        assert json.loads(os.read(heard, 1000)) == ["", 0]
        assert served.get("/api/v1/session")[0] == 200
        port = served.port
        served.system.stop()
        assert closes(visitor), "the child holds no connection"
        with socket.socket() as free:
            free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            free.bind(("127.0.0.1", port))
            free.listen(1)  # refused, if the child listened still
        os.close(hold)
        os.waitpid(child, 0)
        for descriptor in (heard, tell):
            os.close(descriptor)
