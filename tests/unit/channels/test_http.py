"""The one way to HTTP: one deadline, no redirects, TLS as asked, addresses checked and pinned, and no secret told."""

from __future__ import annotations

import logging
import socket
import ssl
import sys
import threading
import traceback
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.peers import certificates
from tests.peers.clocks import TickingClock
from tests.peers.http_peer import HttpPeer, answer, drips, endless, reset

from tocsin import DeliveryError
from tocsin.channels.connect import is_public
from tocsin.channels.http import Target, Transport
from tocsin.channels.http.answers import MAX_RETRY_AFTER_S, read_retry_after
from tocsin.channels.http.target import https_url, parse, target_of, url
from tocsin.channels.http.transport import MAX_BODY_BYTES
from tocsin.model.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

CANARY = "canary4711"
NOW = datetime(2026, 1, 1, 10, 0, 0, tzinfo=UTC)


@pytest.fixture
def peer() -> Iterator[HttpPeer]:
    one = HttpPeer()
    yield one
    one.close()


@pytest.fixture(scope="module")
def certs(tmp_path_factory: pytest.TempPathFactory) -> certificates.Certificates:
    return certificates.make(tmp_path_factory.mktemp("certificates"))


def failure(transport: Transport, address: str, body: bytes = b"{}") -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        transport.post(Secret(address), body)
    told = "".join(traceback.format_exception(caught.value))
    assert CANARY not in told
    return caught.value


# -- what is sent


def test_a_request_is_one_post_with_the_hosts_name_and_no_wish_for_compression(peer: HttpPeer) -> None:
    transport = Transport(allow_private=True)
    said = transport.post(Secret(f"{peer.url}/a/b?c=d"), b'{"e": 1}', headers={"X-Token": Secret("t0ken")})

    [request] = peer.requests
    assert (request.method, request.path, request.body) == ("POST", "/a/b?c=d", b'{"e": 1}')
    assert request.headers["host"] == f"127.0.0.1:{peer.port}"
    assert request.headers["x-token"] == "t0ken"
    assert request.headers["accept-encoding"] == "identity"
    assert said == (200, b"ok")


def test_threads_share_a_transport(peer: HttpPeer) -> None:
    transport = Transport(allow_private=True)
    threads = [threading.Thread(target=transport.post, args=(Secret(f"{peer.url}/{n}"), b"{}")) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30.0)
    assert sorted(int(request.path[1:]) for request in peer.requests) == list(range(16))


# -- what an answer means


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_two_hundred_and_what_follows_it_is_taken(peer: HttpPeer, status: int) -> None:
    peer.default = answer(status)
    assert Transport(allow_private=True).post(Secret(peer.url), b"{}").status == status


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(peer: HttpPeer, status: int) -> None:
    peer.default = answer(status)
    error = failure(Transport(allow_private=True), peer.url)
    assert not error.permanent
    assert str(error) == f"127.0.0.1:{peer.port} answers {status}"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 413, 422])
def test_what_is_wrong_with_the_request_stays_wrong(peer: HttpPeer, status: int) -> None:
    peer.default = answer(status, Retry_After="5")
    error = failure(Transport(allow_private=True), peer.url)
    assert error.permanent
    assert error.retry_after_s is None


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(peer: HttpPeer, status: int) -> None:
    other = HttpPeer()
    try:
        peer.default = answer(status, Location=f"{other.url}/elsewhere")
        error = failure(Transport(allow_private=True), peer.url)
        assert error.permanent
        assert "redirects are not followed" in str(error)
        assert other.requests == []
    finally:
        other.close()


def test_a_word_of_the_peer_is_handed_on_but_nothing_that_repeats_the_address(peer: HttpPeer) -> None:
    transport = Transport(allow_private=True)
    peer.replies = [answer(400, b"invalid_payload"), answer(404, f"no {CANARY} here".encode()), answer(404, b"<html>x")]
    errors = [str(failure(transport, f"{peer.url}/hooks/{CANARY}")) for _ in range(3)]
    place = f"127.0.0.1:{peer.port}"
    assert errors == [f"{place} answers 400: invalid_payload", f"{place} answers 404", f"{place} answers 404"]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("1", 1.0),
        ("1000000000", MAX_RETRY_AFTER_S),
        ("1e9", MAX_RETRY_AFTER_S),
        ("inf", MAX_RETRY_AFTER_S),
        ("-1", None),
        ("0", None),
        ("nan", None),
        ("soon", None),
        ("", None),
        ("Thu, 01 Jan 2026 10:00:30 GMT", 30.0),
        ("Thu, 01 Jan 2026 09:00:00 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", MAX_RETRY_AFTER_S),
        ("Thu, 01 Jan 2026 10:00:30", 30.0),
        (None, None),
    ],
)
def test_the_pause_a_peer_asks_for_is_read_and_bounded(header: str | None, seconds: float | None) -> None:
    assert read_retry_after(header, NOW) == seconds


@given(st.text(max_size=60))
def test_any_header_is_a_pause_within_bounds_or_none(header: str) -> None:
    asked_s = read_retry_after(header, NOW)
    assert asked_s is None or 0 < asked_s <= MAX_RETRY_AFTER_S


def test_the_pause_travels_with_the_error(peer: HttpPeer) -> None:
    peer.replies = [answer(429, Retry_After=asked) for asked in ("1", "1000000000", "-1")] + [answer(500)]
    transport = Transport(allow_private=True)
    assert [failure(transport, peer.url).retry_after_s for _ in range(4)] == [1.0, MAX_RETRY_AFTER_S, None, None]


# -- peers that do not behave


def test_nobody_there_is_temporary(peer: HttpPeer) -> None:
    peer.close()
    error = failure(Transport(allow_private=True), f"{peer.url}/{CANARY}")
    assert not error.permanent
    assert str(error) == f"127.0.0.1:{peer.port} cannot be reached: Connection refused"


def test_a_connection_that_breaks_is_temporary(peer: HttpPeer) -> None:
    peer.default = reset
    error = failure(Transport(allow_private=True), f"{peer.url}/{CANARY}")
    assert not error.permanent


@pytest.mark.parametrize(
    "beginning", [b"", b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\n"], ids=["status", "header", "name"]
)
def test_an_answer_that_drips_ends_with_the_deadline(peer: HttpPeer, beginning: bytes) -> None:
    peer.default = drips(beginning)
    transport = Transport(allow_private=True, clock=TickingClock(), deadline_s=6.5)
    error = failure(transport, f"{peer.url}/{CANARY}")
    assert not error.permanent
    assert "not done within 6.5 s" in str(error)


def test_silence_ends_with_the_deadline(peer: HttpPeer) -> None:
    peer.default = peer.hang
    error = failure(Transport(allow_private=True, deadline_s=0.1), f"{peer.url}/{CANARY}")
    assert not error.permanent
    assert str(error) == f"127.0.0.1:{peer.port}: no answer in time"


def test_what_was_taken_is_taken_though_its_body_drips(peer: HttpPeer) -> None:
    peer.default = drips(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    transport = Transport(allow_private=True, clock=TickingClock(), deadline_s=6.5)
    assert transport.post(Secret(peer.url), b"{}").status == 200


def test_of_an_endless_body_no_more_than_64_kib_is_read(peer: HttpPeer) -> None:
    peer.default = endless
    said = Transport(allow_private=True).post(Secret(peer.url), b"{}")
    assert said.status == 200
    assert len(said.body) <= MAX_BODY_BYTES == 64 * 1024


def test_an_endless_head_ends(peer: HttpPeer) -> None:
    peer.default = drips(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 50_000)
    assert not failure(Transport(allow_private=True), peer.url).permanent


def test_answers_that_say_wait_without_end_end(peer: HttpPeer) -> None:
    def wait(connection: socket.socket) -> None:
        while True:  # until nobody listens
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)

    peer.default = wait
    error = failure(Transport(allow_private=True, deadline_s=60.0), peer.url)
    assert not error.permanent
    assert str(error).endswith("more than 128 KiB in one answer")


@pytest.mark.parametrize("said", [b"SSH-2.0-OpenSSH\r\n", b"\x00" * 100, b"HTTP/1.1 abc\r\n\r\n", b""])
def test_what_is_no_http_is_temporary(peer: HttpPeer, said: bytes) -> None:
    peer.default = lambda connection: connection.sendall(said)
    assert not failure(Transport(allow_private=True), f"{peer.url}/{CANARY}").permanent


def test_whatever_a_peer_says_it_is_an_answer_or_a_delivery_error(peer: HttpPeer) -> None:
    transport, told = Transport(allow_private=True), list[str]()

    @settings(max_examples=60, deadline=None)
    @given(st.binary(max_size=200), st.sampled_from([b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 ", b"HTTP/1.1 302 x\r\n"]))
    def say(rest: bytes, beginning: bytes) -> None:
        peer.default = lambda connection: connection.sendall(beginning + rest)
        try:
            said = transport.post(Secret(f"{peer.url}/{CANARY}"), b"{}")
        except DeliveryError as error:
            told.append(str(error))
        else:
            assert 200 <= said.status < 300

    say()
    assert told
    assert not any(CANARY in words for words in told)


# -- addresses


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1", "172.16.5.4", "192.168.1.1", "127.0.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",  # noqa: S104 - to be refused
        "255.255.255.255", "198.18.0.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fd00::1", "ff02::1",
        "::ffff:10.0.0.1", "::ffff:169.254.169.254",
        "::7f00:1", "::ffff:0:7f00:1", "64:ff9b:1::a00:1", "fec0::1", "2001:db8::1", "5f00::1",
        "64:ff9b::a00:1", "2002:a00:1::", "not an address", "",
    ],
)  # fmt: skip
def test_inner_addresses_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"])
def test_others_are(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "resolved", [["169.254.169.254"], ["1.1.1.1", "10.0.0.1"], ["::ffff:127.0.0.1"]], ids=["cloud", "one of two", "v6"]
)
def test_a_name_of_an_inner_address_is_refused_for_good(peer: HttpPeer, resolved: list[str]) -> None:
    transport = Transport(resolver=lambda host, port: resolved)
    error = failure(transport, f"http://harmless.example:{peer.port}/{CANARY}")
    assert error.permanent
    assert "which is not a public address" in str(error)
    assert peer.requests == []


def test_an_inner_address_itself_is_refused(peer: HttpPeer) -> None:
    assert failure(Transport(), peer.url).permanent
    assert peer.requests == []


def test_a_name_is_resolved_once_and_the_address_that_was_checked_is_connected_to(peer: HttpPeer) -> None:
    asked: list[tuple[str, int]] = []

    def resolver(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return ["127.0.0.1"] if len(asked) == 1 else ["192.0.2.1"]

    Transport(allow_private=True, resolver=resolver).post(Secret(f"http://hooks.example:{peer.port}/x"), b"{}")
    assert asked == [("hooks.example", peer.port)]
    assert peer.requests[0].headers["host"] == f"hooks.example:{peer.port}"


def test_the_next_address_is_tried_when_one_does_not_answer(peer: HttpPeer) -> None:
    transport = Transport(allow_private=True, resolver=lambda host, port: ["::1", "127.0.0.1"])
    assert transport.post(Secret(f"http://hooks.example:{peer.port}/x"), b"{}").status == 200


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no 127.0.0.2, or another queue")
def test_an_address_that_swallows_everything_leaves_time_for_the_next(peer: HttpPeer) -> None:
    full = socket.socket()
    waiting = []
    try:
        full.bind(("127.0.0.2", peer.port))
        full.listen(0)
        for _ in range(3):  # until the queue is full, and the next greeting is not answered
            waiting.append(one := socket.socket())
            one.setblocking(False)
            one.connect_ex(("127.0.0.2", peer.port))
        transport = Transport(
            allow_private=True, deadline_s=2.0, resolver=lambda host, port: ["127.0.0.2", "127.0.0.1"]
        )
        assert transport.post(Secret(f"http://hooks.example:{peer.port}/x"), b"{}").status == 200
    finally:
        for one in (full, *waiting):
            one.close()


def test_a_name_that_does_not_resolve_is_temporary() -> None:
    def resolver(host: str, port: int) -> list[str]:
        raise OSError(-2, "Name or service not known")

    error = failure(Transport(resolver=resolver), f"https://nowhere.example/{CANARY}")
    assert not error.permanent
    assert str(error) == "nowhere.example cannot be resolved: Name or service not known"
    assert not failure(Transport(resolver=lambda host, port: []), "https://nowhere.example/").permanent


def test_a_look_up_that_hangs_ends_with_the_deadline() -> None:
    release = threading.Event()

    def resolver(host: str, port: int) -> list[str]:
        release.wait(60.0)
        return []

    error = failure(Transport(resolver=resolver, deadline_s=0.1), f"https://slow.example/{CANARY}")
    release.set()
    assert not error.permanent
    assert str(error) == "slow.example cannot be resolved: not done within 0.1 s"


# -- TLS


@pytest.fixture
def secure_peer(certs: certificates.Certificates, request: pytest.FixtureRequest) -> Iterator[HttpPeer]:
    one = HttpPeer(tls=certificates.server_context(getattr(certs, request.param)))
    yield one
    one.close()


@pytest.mark.parametrize("secure_peer", ["good"], indirect=True)
def test_a_good_certificate_is_accepted_by_its_name(secure_peer: HttpPeer, certs: certificates.Certificates) -> None:
    transport = Transport(allow_private=True, ca_file=str(certs.authority), resolver=lambda host, port: ["127.0.0.1"])
    transport.post(Secret(f"https://localhost:{secure_peer.port}/x"), b"{}")
    transport.post(Secret(f"https://127.0.0.1:{secure_peer.port}/x"), b"{}")
    assert [one.headers["host"] for one in secure_peer.requests] == [
        f"localhost:{secure_peer.port}", f"127.0.0.1:{secure_peer.port}"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("secure_peer", "words"),
    [("expired", "certificate has expired"), ("other", "certificate is not valid for 'localhost'")],
    indirect=["secure_peer"],
)
def test_a_bad_certificate_is_refused(secure_peer: HttpPeer, words: str, certs: certificates.Certificates) -> None:
    transport = Transport(allow_private=True, ca_file=str(certs.authority), resolver=lambda host, port: ["127.0.0.1"])
    error = failure(transport, f"https://localhost:{secure_peer.port}/{CANARY}")
    assert not error.permanent  # certificates are renewed
    assert words in str(error)
    assert secure_peer.requests == []


@pytest.mark.parametrize("secure_peer", ["good"], indirect=True)
def test_a_certificate_of_an_authority_nobody_knows_is_refused(secure_peer: HttpPeer) -> None:
    error = failure(Transport(allow_private=True), f"https://localhost:{secure_peer.port}/")
    assert "its certificate is refused" in str(error)
    assert secure_peer.requests == []


def test_tls_is_not_given_up_for_a_peer_that_speaks_none(peer: HttpPeer) -> None:
    error = failure(Transport(allow_private=True, deadline_s=5.0), f"https://127.0.0.1:{peer.port}/{CANARY}")
    assert not error.permanent
    # The peer may take the greeting of TLS, in which anything can stand, for a request of some kind.
    assert [request for request in peer.requests if request.method == "POST"] == []


def test_a_missing_file_of_certificates_is_told() -> None:
    peer = HttpPeer()
    try:
        error = failure(Transport(allow_private=True, ca_file="/nowhere/ca.pem"), f"https://127.0.0.1:{peer.port}/")
        assert str(error) == "ca_file cannot be read: No such file or directory"
    finally:
        peer.close()


@pytest.mark.parametrize("secure_peer", ["good"], indirect=True)
def test_a_secure_answer_that_drips_ends_with_the_deadline(
    secure_peer: HttpPeer, certs: certificates.Certificates
) -> None:
    secure_peer.default = drips(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    clock = TickingClock()
    transport = Transport(allow_private=True, ca_file=str(certs.authority), clock=clock, deadline_s=9.5)
    error = failure(transport, f"https://127.0.0.1:{secure_peer.port}/{CANARY}")
    assert "not done within 9.5 s" in str(error)


def test_contexts_check_names_and_certificates_and_know_no_old_tls() -> None:
    context = Transport()._tls()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


# -- URLs


def test_a_url_is_taken_apart_once() -> None:
    assert parse("https://Hooks.Example/a%20b?c=d#e", "a URL", ("https",)) == (
        "https", "hooks.example", 443, "/a%20b?c=d"
    )  # fmt: skip
    assert parse("http://[::1]:8080", "a URL", ("http",)) == ("http", "::1", 8080, "/")
    assert target_of(Secret("http://[::1]:8080/x")).authority == "[::1]:8080"
    assert parse("https://bücher.example/ü", "a URL", ("https",))[1:] == ("xn--bcher-kva.example", 443, "/%C3%BC")


@pytest.mark.parametrize(
    "text",
    [
        "htp://a.example", "https://", "https:///x", "//a.example", "a.example", "https://a.example:0/",
        "https://a.example:99999/", "https://user:canary4711@a.example/", "https://a b.example/",
        "https://a.example/ x",
        "https://a.example/\r\nX: y", "https://[::1/", "https://a\x00b/", "https://a.example\\@b.example/", "ftp://a/",
        f"https://{'a' * 300}.example/",
    ],
)  # fmt: skip
def test_what_is_no_url_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(ValueError, match=r"^an http or https URL") as caught:
        url(text)
    assert CANARY not in str(caught.value)


def test_plain_http_is_no_https() -> None:
    with pytest.raises(ValueError, match="an https URL"):
        https_url("http://a.example/")


@given(st.text(max_size=80))
def test_any_text_is_a_target_or_a_value_error(text: str) -> None:
    try:
        found = parse(f"https://{text}", "a URL", ("https",))
    except ValueError:
        return
    assert found.host.isascii()
    assert found.path.startswith("/")
    assert found.path.isascii()
    assert found.path.isprintable()
    assert " " not in found.path
    assert 1 <= found.port <= 65535


def test_a_target_does_not_show_its_path() -> None:
    target = Target("https", "a.example", 443, f"/{CANARY}")
    assert repr(target) == f"{target}" == "Target(https://a.example/…)"
    assert target.below("/x").path == f"/{CANARY}/x"


def test_nothing_of_an_address_is_logged(peer: HttpPeer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    Transport(allow_private=True).post(Secret(f"{peer.url}/{CANARY}"), b"{}")
    peer.default = answer(500)
    failure(Transport(allow_private=True), f"{peer.url}/{CANARY}")
    assert CANARY not in caplog.text
