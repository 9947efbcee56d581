"""PagerDuty: one incident an alert, under one key from its beginning to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from tests.peers.http_peer import HttpPeer, answer
from tests.peers.notices import ALERT, DIGEST, EVENT, FIRING, GROUP, HOSTILE, RESOLVED, SEEN, a_notice, hostile
from tests.peers.schema import mistakes

from tocsin import AlertSeverity, ConfigError, DeliveryError, Notice, PagerDutyChannel

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "k" * 32
# Written from the vendor's description of the Events API v2.
TEXT = {"type": "string"}
ALERT_EVENT = {
    "type": "object",
    "required": ["routing_key", "event_action", "dedup_key", "payload"],
    "additionalProperties": False,
    "properties": {
        "routing_key": TEXT,
        "event_action": {"enum": ["trigger", "acknowledge", "resolve"]},
        "dedup_key": {"type": "string", "maxLength": 255, "pattern": "."},
        "client": TEXT,
        "links": {
            "type": "array",
            "items": {"type": "object", "required": ["href"], "properties": {"href": {"pattern": "^https?://"}}},
        },
        "payload": {
            "type": "object",
            "required": ["summary", "source", "severity"],
            "additionalProperties": False,
            "properties": {
                "summary": {"type": "string", "maxLength": 1024, "pattern": "."},
                "source": {"type": "string", "pattern": "."},
                "severity": {"enum": ["critical", "error", "warning", "info"]},
                "timestamp": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$"},
                "component": TEXT, "group": TEXT, "class": TEXT, "custom_details": {"type": "object"},
            },
        },
    },
}  # fmt: skip
CHANGE_EVENT = {
    "type": "object",
    "required": ["routing_key", "payload"],
    "additionalProperties": False,
    "properties": {
        "routing_key": TEXT,
        "payload": {
            "type": "object",
            "required": ["summary"],
            "additionalProperties": False,
            "properties": {
                "summary": {"type": "string", "maxLength": 1024}, "source": TEXT, "timestamp": TEXT,
                "custom_details": {"type": "object"},
            },
        },
    },
}  # fmt: skip


@pytest.fixture
def peer() -> Iterator[HttpPeer]:
    one = HttpPeer(answer(202, b'{"status": "success"}'))
    yield one
    one.close()


def channel(peer: HttpPeer, **options: Any) -> PagerDutyChannel:
    return PagerDutyChannel(KEY, api_url=peer.url, allow_private=True, **options)


def test_an_incident_is_triggered_acknowledged_and_resolved_under_one_key(peer: HttpPeer) -> None:
    one = channel(peer)
    for notice in (FIRING, a_notice(SEEN, id="n2"), RESOLVED):
        one.deliver(notice)
    events = [request.json for request in peer.requests]
    assert [event["event_action"] for event in events] == ["trigger", "acknowledge", "resolve"]
    assert {event["dedup_key"] for event in events} == {ALERT.fingerprint}
    assert {event["routing_key"] for event in events} == {KEY}
    assert {request.path for request in peer.requests} == {"/v2/enqueue"}


def test_an_acknowledgement_is_void_once_it_is_worse_than_what_was_seen(peer: HttpPeer) -> None:
    assert SEEN.acknowledgement is not None
    seen = msgspec.structs.replace(SEEN.acknowledgement, severity=AlertSeverity.WARNING)
    channel(peer).deliver(a_notice(msgspec.structs.replace(SEEN, acknowledgement=seen)))
    assert peer.requests[0].json["event_action"] == "trigger"


def test_the_incident_says_what_a_person_needs(peer: HttpPeer) -> None:
    channel(peer, source="orders-api").deliver(FIRING)
    event = peer.requests[0].json
    assert event["payload"]["summary"] == "[CRITICAL] memory-high: 91 %, threshold 85 % (orders)"
    assert event["payload"]["source"] == "orders-api"
    assert event["payload"]["severity"] == "critical"
    assert event["links"] == [{"href": "https://example.org/memory", "text": "Runbook"}]
    details = event["payload"]["custom_details"]
    assert details["what to do"] == ["See which process holds the memory", "Stop what is not needed"]
    assert details["the threads are in"] == ["MainThread: app.py:3 in run", "worker: work.py:9 in loop"]


@pytest.mark.parametrize("notice", [FIRING, RESOLVED, a_notice(SEEN), a_notice(EVENT), *map(hostile, HOSTILE.values())])
def test_an_event_is_as_the_vendor_describes_it(peer: HttpPeer, notice: Notice) -> None:
    channel(peer).deliver(notice)
    assert mistakes(peer.requests[0].json, ALERT_EVENT) == []


def test_a_digest_is_no_incident(peer: HttpPeer) -> None:
    channel(peer).deliver(DIGEST)
    [request] = peer.requests
    assert request.path == "/v2/change/enqueue"
    assert mistakes(request.json, CHANGE_EVENT) == []


def test_another_attempt_goes_on_where_the_last_one_stopped(peer: HttpPeer) -> None:
    one = channel(peer)
    peer.replies = [answer(202), answer(500)]
    with pytest.raises(DeliveryError) as caught:
        one.deliver(GROUP)
    assert not caught.value.permanent
    one.deliver(GROUP)
    assert [request.json["dedup_key"] for request in peer.requests] == ["f00dcafe", "e1f", "e1f"]
    one.deliver(GROUP)  # delivered is delivered: a later notice of this id would be another
    assert len(peer.requests) == 5


def test_an_event_that_is_refused_is_refused_for_good(peer: HttpPeer) -> None:
    peer.default = answer(400, b'{"status": "invalid event"}')
    with pytest.raises(DeliveryError) as caught:
        channel(peer).deliver(FIRING)
    assert caught.value.permanent


def test_an_alert_without_a_fingerprint_is_known_by_its_id(peer: HttpPeer) -> None:
    channel(peer).deliver(a_notice(msgspec.structs.replace(ALERT, fingerprint="")))
    assert peer.requests[0].json["dedup_key"] == ALERT.id


def test_it_is_told_when_an_event_is_over() -> None:
    assert PagerDutyChannel.keeps_state


def test_the_service_is_spoken_to_by_https_only() -> None:
    with pytest.raises(ConfigError, match="api_url"):
        PagerDutyChannel(KEY, api_url="http://events.pagerduty.com")
    with pytest.raises(ConfigError, match="key: found"):
        PagerDutyChannel("")
    assert PagerDutyChannel(KEY)._api.scheme == "https"
