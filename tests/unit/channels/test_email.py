"""Email: two parts, one thread an alert, TLS insisted on, and nobody told twice or forgotten."""

from __future__ import annotations

import base64
import traceback
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from tests.peers import certificates
from tests.peers.clocks import TickingClock
from tests.peers.notices import ALERT, AT, DIGEST, EVENT, FIRING, GROUP, HOSTILE, RESOLVED, a_notice, hostile
from tests.peers.smtp_peer import SmtpPeer

from tocsin import ConfigError, DeliveryError, EmailAlertChannel, VirtualClock
from tocsin.channels.email.message import email_of

if TYPE_CHECKING:
    from collections.abc import Iterator

CANARY = "canary4711"


@pytest.fixture
def peer() -> Iterator[SmtpPeer]:
    one = SmtpPeer()
    yield one
    one.close()


@pytest.fixture(scope="module")
def certs(tmp_path_factory: pytest.TempPathFactory) -> certificates.Certificates:
    return certificates.make(tmp_path_factory.mktemp("certificates"))


def channel(peer: SmtpPeer, *to: str, **options: Any) -> EmailAlertChannel:
    options = {"tls": "none", "smtp": f"127.0.0.1:{peer.port}", **options}
    return EmailAlertChannel(to or ("ops@example.com",), "tocsin@example.com", **options)


def failure(one: EmailAlertChannel) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        one.deliver(FIRING)
    assert CANARY not in "".join(traceback.format_exception(caught.value))
    return caught.value


# -- the mail


def test_a_mail_has_a_text_and_an_html_part_with_all_there_is_to_know(peer: SmtpPeer) -> None:
    channel(peer, "ops@example.com", "jo@example.com").deliver(FIRING)
    [mail] = peer.mails
    assert (mail.sender, mail.recipients) == ("tocsin@example.com", ["ops@example.com", "jo@example.com"])
    message = mail.message
    assert message["Subject"] == "[CRITICAL] memory-high: 91 %, threshold 85 % (orders)"
    assert message["From"] == "Tocsin <tocsin@example.com>"
    assert message["To"] == "ops@example.com, jo@example.com"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"] == "Thu, 01 Jan 2026 10:00:00 +0000"
    parts = [message.get_body((kind,)) for kind in ("plain", "html")]
    for part in parts:
        assert part is not None
        text = part.get_content()
        for known in ("91 %", "85 %", "MainThread", "Stop what is not needed", "team-orders", "it began to fire"):
            assert known in text
        assert "https://example.org/memory" in text


def test_all_mails_of_an_alert_stand_in_one_thread_also_after_a_restart(peer: SmtpPeer) -> None:
    channel(peer).deliver(FIRING)
    channel(peer).deliver(RESOLVED)  # another channel object, as after a restart
    channel(peer).deliver(a_notice(EVENT, id="n3"))
    first, second, other = (mail.message for mail in peer.mails)
    assert first["References"] == second["References"] == "<alert.a1@example.com>"
    assert first["In-Reply-To"] == "<alert.a1@example.com>"
    assert first["Message-ID"] != second["Message-ID"]
    assert other["References"] == "<alert.e1@example.com>"


def test_a_mail_of_a_group_belongs_to_the_threads_of_all_its_alerts(peer: SmtpPeer) -> None:
    channel(peer).deliver(GROUP)
    assert peer.mails[0].message["References"] == "<alert.a1@example.com> <alert.e1@example.com>"


def test_a_mail_that_comes_late_says_so(peer: SmtpPeer) -> None:
    clock = VirtualClock(AT)
    clock.advance(1200)
    channel(peer, clock=clock).deliver(FIRING)
    part = peer.mails[0].message.get_body(("plain",))
    assert part is not None
    assert "This comes 20 min late" in part.get_content()


def test_a_digest_begins_no_thread(peer: SmtpPeer) -> None:
    channel(peer).deliver(DIGEST)
    message = peer.mails[0].message
    assert message["References"] is None
    assert message["Subject"] == "[DIGEST] 1234571 occurrences were held back"


def test_another_attempt_sends_the_same_mail_to_the_last_byte(peer: SmtpPeer) -> None:
    peer.says = {"DATA": ["451 later"]}
    one = channel(peer)
    error = failure(one)
    assert not error.permanent
    assert str(error) == f"127.0.0.1:{peer.port}: 451 later"
    one.deliver(FIRING)
    one.deliver(FIRING)
    first, second = peer.mails
    assert first.data == second.data


@pytest.mark.parametrize("what", HOSTILE)
def test_no_text_adds_a_header_or_ends_a_mail(peer: SmtpPeer, what: str) -> None:
    channel(peer).deliver(hostile(HOSTILE[what]))
    [mail] = peer.mails
    assert mail.recipients == ["ops@example.com"]
    assert list(mail.message.keys()) == list(email_of(FIRING, from_="a@b.c", to=["d@e.f"]).keys())
    assert mail.message["Bcc"] is None
    assert max(map(len, mail.data.split(b"\r\n"))) <= 998
    assert len(mail.message["Subject"]) <= 120


@pytest.mark.parametrize("odd", ["päger-1", "a\r\nBcc: x@y", "x" * 400])
def test_an_odd_id_becomes_one_that_a_mail_can_carry(peer: SmtpPeer, odd: str) -> None:
    channel(peer).deliver(a_notice(msgspec.structs.replace(ALERT, id=odd), id=odd))
    message = peer.mails[0].message
    assert message["Message-ID"].count("@") == 1
    assert len(message["Message-ID"]) < 100
    assert message["Bcc"] is None


# -- recipients


def test_those_who_were_reached_are_not_told_again_when_others_are_tried_again(peer: SmtpPeer) -> None:
    one = channel(peer, "a@example.com", "b@example.com")
    peer.refuses = {"b@example.com": "450 greylisted"}
    error = failure(one)
    assert not error.permanent
    assert str(error) == f"127.0.0.1:{peer.port} refuses 1 of 2 recipients: 450 greylisted"
    peer.refuses = {}
    one.deliver(FIRING)
    assert [mail.recipients for mail in peer.mails] == [["a@example.com"], ["b@example.com"]]
    one.deliver(RESOLVED)
    assert peer.mails[2].recipients == ["a@example.com", "b@example.com"]


def test_recipients_who_do_not_exist_are_told_of_and_not_tried_again(peer: SmtpPeer) -> None:
    peer.refuses = {"ops@example.com": "550 no such user"}
    assert failure(channel(peer)).permanent
    assert peer.mails == []


# -- servers


@pytest.mark.parametrize(("said", "permanent"), [("421 too busy", False), ("554 go away", True)])
def test_a_server_that_does_not_want_to_is_temporary_or_not(peer: SmtpPeer, said: str, *, permanent: bool) -> None:
    peer.says = {"GREETING": [said]}
    assert failure(channel(peer)).permanent is permanent


def test_a_server_that_is_gone_or_hangs_up_is_temporary(peer: SmtpPeer) -> None:
    peer.says = {"MAIL": ["bye"]}
    assert not failure(channel(peer)).permanent
    peer.close()
    error = failure(channel(peer))
    assert not error.permanent
    assert "cannot be reached" in str(error)


def test_a_server_that_drips_is_given_up_at_the_deadline(peer: SmtpPeer) -> None:
    peer.drips = True
    error = failure(channel(peer, clock=TickingClock(), deadline=6.5))
    assert not error.permanent
    assert "not done within 6.5 s" in str(error)


def test_an_answer_without_end_ends(peer: SmtpPeer) -> None:
    peer.says = {"GREETING": ["220 peer"], "EHLO": ["\r\n".join(["250-more and more"] * 20_000)]}
    error = failure(channel(peer))
    assert not error.permanent
    assert str(error) == f"127.0.0.1:{peer.port}: more than 128 KiB in one answer"


def test_without_a_port_the_usual_one_is_taken() -> None:
    def port(**options: Any) -> tuple[int, str]:
        server = EmailAlertChannel("a@b.example", "c@d.example", **options)._server
        return server.port, server.tls

    assert port(smtp="mail.example") == (587, "starttls")
    assert port(smtp="mail.example", tls="tls") == (465, "tls")
    assert port(smtp="mail.example", tls="none") == (25, "none")
    assert port(smtp="mail.example:465") == (465, "tls")
    assert port(smtp="[::1]:2525") == (2525, "starttls")


# -- TLS


def secure(certs: certificates.Certificates, name: str = "good", *, implicit: bool = False) -> SmtpPeer:
    return SmtpPeer(tls=certificates.server_context(getattr(certs, name)), implicit=implicit)


@pytest.mark.parametrize(("tls", "implicit"), [("starttls", False), ("tls", True)])
def test_the_line_is_secure_before_anything_is_told(
    certs: certificates.Certificates, tls: str, *, implicit: bool
) -> None:
    peer = secure(certs, implicit=implicit)
    try:
        one = channel(peer, tls=tls, ca_file=str(certs.authority), user="me", password=CANARY)
        one.deliver(FIRING)
        [mail] = peer.mails
        assert mail.secure
        assert base64.b64decode(peer.logins[0].split(" ")[1]) == f"\0me\0{CANARY}".encode()
    finally:
        peer.close()


@pytest.mark.parametrize("tls", ["starttls", "tls"])
@pytest.mark.parametrize("name", ["expired", "other"])
def test_a_bad_certificate_is_refused_and_nothing_is_told(
    certs: certificates.Certificates, tls: str, name: str
) -> None:
    peer = secure(certs, name, implicit=tls == "tls")
    try:
        error = failure(channel(peer, tls=tls, ca_file=str(certs.authority), user="me", password=CANARY))
        assert "its certificate is refused" in str(error)
        assert not error.permanent
        assert peer.mails == []
        assert peer.logins == []
    finally:
        peer.close()


def test_a_server_without_starttls_gets_no_mail(peer: SmtpPeer) -> None:
    error = failure(channel(peer, tls="starttls", user="me", password=CANARY))
    assert "offers no STARTTLS" in str(error)
    assert peer.mails == []
    assert peer.logins == []


def test_a_login_that_is_refused_is_permanent_and_shows_no_password(certs: certificates.Certificates) -> None:
    peer = secure(certs)
    peer.says = {"AUTH": [f"535 {CANARY} is wrong"] * 3}
    try:
        error = failure(channel(peer, tls="starttls", ca_file=str(certs.authority), user="me", password=CANARY))
        assert error.permanent
        assert "refuses the login (535)" in str(error)
    finally:
        peer.close()


# -- options


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ({"to": "nobody"}, "to"),
        ({"to": []}, "to"),
        ({"to": "a@b.example\r\nBcc: c@d.example"}, "to"),
        ({"from_": "<a@b.example>"}, "from_"),
        ({"smtp": f"user:{CANARY}@mail.example"}, "smtp"),
        ({"smtp": "mail.example:99999"}, "smtp"),
        ({"smtp": ""}, "smtp"),
        ({"tls": "maybe"}, "tls"),
        ({"user": "me"}, "password"),
        ({"password": CANARY}, "user"),
        ({"user": "me", "password": CANARY, "tls": "none"}, "tls"),
    ],
)
def test_a_wrong_option_is_refused_at_once(options: dict[str, Any], where: str) -> None:
    usual = {"to": "a@b.example", "from_": "c@d.example", "smtp": "mail.example"}
    with pytest.raises(ConfigError) as caught:
        EmailAlertChannel(**{**usual, **options})
    assert [problem.key for problem in caught.value.problems] == [where]
    assert CANARY not in str(caught.value)
