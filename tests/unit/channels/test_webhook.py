"""The webhook: one document, described by a schema, and signed as Standard Webhooks asks for it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from tests.peers.clocks import StandingClock
from tests.peers.http_peer import HttpPeer, answer
from tests.peers.notices import ALERT, DIGEST, FIRING, GROUP, HOSTILE, RESOLVED, a_notice, hostile
from tests.peers.schema import mistakes

from tocsin import ConfigError, DeliveryError, WebhookAlertChannel
from tocsin.channels.document import document
from tocsin.channels.webhook import signature
from tocsin.model.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMA = json.loads((Path(__file__).parents[3] / "docs" / "schemas" / "notice-1.json").read_text("utf-8"))


@pytest.fixture
def peer() -> Iterator[HttpPeer]:
    one = HttpPeer()
    yield one
    one.close()


def verified(request: Any, key: bytes) -> bool:
    """What a receiver does: one of the signatures must be its own."""
    signed = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode() + request.body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return f"v1,{expected}" in request.headers["webhook-signature"].split(" ")


# -- signature


def test_the_signature_is_that_of_other_implementations() -> None:
    # The specification's own example.
    made = signature(
        [Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")], "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330",
        b'{"test": 2432232314}',
    )  # fmt: skip
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_with_two_keys_a_receiver_with_either_is_content(peer: HttpPeer) -> None:
    old, new = b"o" * 24, b"n" * 24
    keys = [f"whsec_{base64.b64encode(key).decode()}" for key in (new, old)]
    WebhookAlertChannel(peer.url, secret=keys, allow_private=True).deliver(FIRING)
    [request] = peer.requests
    assert verified(request, old)
    assert verified(request, new)
    assert not verified(request, b"x" * 24)


def test_a_key_that_is_no_base64_is_taken_as_it_is(peer: HttpPeer) -> None:
    WebhookAlertChannel(peer.url, secret="plain words", allow_private=True).deliver(FIRING)
    assert verified(peer.requests[0], b"plain words")


def test_without_a_key_nothing_is_signed(peer: HttpPeer) -> None:
    WebhookAlertChannel(peer.url, allow_private=True).deliver(FIRING)
    headers = peer.requests[0].headers
    assert headers["webhook-id"] == FIRING.id
    assert "webhook-signature" not in headers
    assert headers["content-type"] == "application/json"


def test_each_attempt_has_the_same_id_and_body_and_its_own_time(peer: HttpPeer) -> None:
    clock = StandingClock()
    channel = WebhookAlertChannel(peer.url, secret="k" * 30, allow_private=True, clock=clock)
    peer.replies = [answer(500)]
    with pytest.raises(DeliveryError):
        channel.deliver(FIRING)
    clock._now = clock._now.plus(60.0)
    channel.deliver(FIRING)
    first, second = peer.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 60
    assert verified(second, b"k" * 30)


@pytest.mark.parametrize("odd", ["pager.1", "päger-1", "a\r\nb", "x" * 500, ""])
def test_an_odd_id_becomes_one_that_a_header_and_the_signature_can_carry(peer: HttpPeer, odd: str) -> None:
    WebhookAlertChannel(peer.url, secret="k" * 30, allow_private=True).deliver(a_notice(id=odd))
    found = peer.requests[0].headers["webhook-id"]
    assert found.isalnum()
    assert len(found) == 32
    assert verified(peer.requests[0], b"k" * 30)


# -- document


@pytest.mark.parametrize("notice", [FIRING, RESOLVED, GROUP, DIGEST], ids=["firing", "resolved", "group", "digest"])
def test_what_is_sent_is_what_the_schema_says(peer: HttpPeer, notice: Any) -> None:
    WebhookAlertChannel(peer.url, allow_private=True).deliver(notice)
    assert mistakes(peer.requests[0].json, SCHEMA) == []


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_text_does_not_break_the_schema(what: str) -> None:
    body = {
        "type": "alert.firing",
        "timestamp": "2026-01-01T10:00:00.000000Z",
        "data": document(hostile(HOSTILE[what])),
    }
    assert mistakes(json.loads(msgspec.json.encode(body)), SCHEMA) == []


def test_the_schema_refuses_what_is_not_in_it() -> None:
    body = {"type": "alert.firing", "timestamp": "2026-01-01T10:00:00.000000Z", "data": document(FIRING)}
    for wrong in ({**body, "type": "x"}, {**body, "more": 1}, {"type": "alert.firing"}, {**body, "data": {}}):
        assert mistakes(wrong, SCHEMA) != []


def test_the_kind_of_a_notice_is_its_type(peer: HttpPeer) -> None:
    channel = WebhookAlertChannel(peer.url, allow_private=True)
    for notice in (FIRING, RESOLVED, DIGEST):
        channel.deliver(notice)
    assert [request.json["type"] for request in peer.requests] == ["alert.firing", "alert.resolved", "alerts.digest"]


def test_a_value_that_is_no_number_is_none() -> None:
    alert = msgspec.structs.replace(ALERT, value=float("nan"), threshold=float("inf"))
    [told] = document(a_notice(alert))["alerts"]
    assert (told["value"], told["threshold"]) == (None, None)


def test_of_a_very_large_group_the_rest_is_counted() -> None:
    told = document(a_notice(*[ALERT] * 250))
    assert (len(told["alerts"]), told["alerts_left_out"]) == (100, 150)


# -- options


def test_headers_are_sent_along(peer: HttpPeer) -> None:
    WebhookAlertChannel(peer.url, headers={"Authorization": Secret("Bearer x")}, allow_private=True).deliver(FIRING)
    assert peer.requests[0].headers["authorization"] == "Bearer x"


@pytest.mark.parametrize(
    ("options", "where", "words"),
    [
        ({"url": "canary"}, "url", "an http or https URL"),
        ({"url": "http://a.example/canary"}, "url", "an https URL; http is for private addresses, with allow_private"),
        ({"url": "https://a.example", "secret": "whsec_!canary"}, "secret", "base64 behind whsec_"),
        ({"url": "https://a.example", "secret": ""}, "secret", "a secret that is not empty"),
        ({"url": "https://a.example", "secret": 5}, "secret", "a secret, or a list of secrets"),
        ({"url": "https://a.example", "headers": {"Host": "canary"}}, "headers", "Host is not to be set"),
        ({"url": "https://a.example", "headers": {"X-A": "canary\r\nX-B: c"}}, "headers", "a table of header names"),
        ({"url": "https://a.example", "headers": {"X A": "canary"}}, "headers", "a table of header names"),
        ({"url": "https://a.example", "headers": "canary"}, "headers", "a table of header names"),
        ({"url": "https://a.example", "deadline": "1 MB"}, "deadline", "a time from 0.05 s to 60 s"),
        ({"url": "https://a.example", "deadline": float("nan")}, "deadline", "a time from 0.05 s to 60 s"),
        ({"url": "https://a.example", "allow_private": 1}, "allow_private", "True or False"),
        ({"url": "https://a.example", "name": ""}, "name", "a text of one line"),
        ({"url": "https://a.example", "severity": "loud"}, "severity", "info, warning or critical"),
    ],
)
def test_a_wrong_option_is_refused_at_once_and_no_secret_shown(options: dict[str, Any], where: str, words: str) -> None:
    with pytest.raises(ConfigError, match=r"WebhookAlertChannel: ") as caught:
        WebhookAlertChannel(**options)
    assert [problem.key for problem in caught.value.problems] == [where]
    assert words in str(caught.value)
    assert "canary" not in str(caught.value)


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        WebhookAlertChannel("x", secret=5, deadline=0)  # type: ignore[arg-type]
    assert [problem.key for problem in caught.value.problems] == ["url", "secret", "deadline"]


def test_a_url_may_be_given_by_the_environment(monkeypatch: pytest.MonkeyPatch, peer: HttpPeer) -> None:
    monkeypatch.setenv("HOOK", f"{peer.url}/x")
    WebhookAlertChannel("env:HOOK", allow_private=True).deliver(FIRING)
    assert peer.requests[0].path == "/x"
    with pytest.raises(ConfigError, match="the environment variable NOWHERE to be set"):
        WebhookAlertChannel("env:NOWHERE")
