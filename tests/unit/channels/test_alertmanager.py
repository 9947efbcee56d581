"""Alertmanager: all that is open is told to every peer again and again, and no peer holds up another."""

from __future__ import annotations

import json
import re
import threading
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.peers.http_peer import HttpPeer, answer
from tests.peers.notices import ALERT, AT, DIGEST, EVENT, FIRING, GROUP, HOSTILE, OVER, RESOLVED, a_notice, hostile
from tests.peers.schema import mistakes

from tocsin import AlertmanagerChannel, AlertSeverity, ConfigError, DeliveryError, Notice, VirtualClock
from tocsin.channels.alertmanager import board as board_module
from tocsin.channels.alertmanager.board import RESOLVED_FOR_S, Board
from tocsin.channels.alertmanager.peer import MAX_BATCH
from tocsin.model.notice import NoticeKind

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

ENOUGH_S = 30.0
# `postableAlerts` of Alertmanager's v2 OpenAPI description, with what its server checks beyond it: names of labels as
# Prometheus has them, at least one label, no empty ones.
TIME = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$"}
TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
POSTABLE_ALERTS = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["labels"],
        "additionalProperties": False,
        "properties": {
            "labels": {
                "type": "object",
                "minProperties": 1,
                "additionalProperties": {"type": "string", "pattern": "."},
            },
            "annotations": TEXTS,
            "startsAt": TIME,
            "endsAt": TIME,
            "generatorURL": {"type": "string"},
        },
    },
}


class Peer(HttpPeer):
    """Plays an Alertmanager: keeps what it was told last of each alert."""

    def __init__(self) -> None:
        super().__init__()
        self.changed = threading.Condition()
        self.default = self._take

    def _take(self, connection: socket.socket) -> None:
        with self.changed:
            self.changed.notify_all()
        answer(200)(connection)

    def told(self) -> list[dict[str, Any]]:
        return [alert for request in self.requests for alert in request.json]

    def wait_for(self, done: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(done, ENOUGH_S)


@pytest.fixture
def peers() -> Iterator[list[Peer]]:
    both = [Peer(), Peer()]
    yield both
    for one in both:
        one.close()


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(AT, settle_s=ENOUGH_S)


@pytest.fixture
def channel(peers: list[Peer], clock: VirtualClock) -> Iterator[AlertmanagerChannel]:
    # Requests are timed by the real clock: it is the deadline of real sockets.
    one = AlertmanagerChannel([peer.url for peer in peers], clock=clock, labels={"cluster": "eu-1"})
    yield one
    one.close()


def parsed(text: str) -> datetime:
    return datetime.fromisoformat(text)


# -- what is told


@pytest.mark.parametrize("notice", [FIRING, RESOLVED, GROUP, DIGEST, *map(hostile, HOSTILE.values())])
def test_what_is_sent_is_what_the_api_describes(notice: Notice) -> None:
    board, now = Board(60.0, {"cluster": "eu-1"}), VirtualClock(AT).now()
    board.told(notice, now)
    sent = json.loads(msgspec.json.encode(board.tell(now)))
    assert sent
    assert mistakes(sent, POSTABLE_ALERTS) == []
    for alert in sent:
        assert all(re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", name) for name in (*alert["labels"], *alert["annotations"]))
        assert parsed(alert["startsAt"]) < parsed(alert["endsAt"])


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=6), st.text(max_size=10))
@settings(max_examples=50)
def test_any_labels_are_labels_that_alertmanager_takes(labels: dict[str, str], title: str) -> None:
    board, now = Board(60.0, {}), VirtualClock(AT).now()
    board.told(a_notice(msgspec.structs.replace(EVENT, labels=labels, title=title)), now)
    sent = json.loads(msgspec.json.encode(board.tell(now)))
    assert mistakes(sent, POSTABLE_ALERTS) == []
    assert all(re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", name) for name in sent[0]["labels"])
    assert sent[0]["labels"]["severity"] == "warning"


def test_labels_say_what_makes_an_alert_the_same_and_annotations_what_people_need() -> None:
    board, now = Board(60.0, {"cluster": "eu-1"}), VirtualClock(AT).now()
    board.told(FIRING, now)
    [alert] = board.tell(now)
    assert alert["labels"] == {
        "alertname": "memory-high", "severity": "critical", "category": "memory_threshold", "component": "orders",
        "cluster": "eu-1", "host": "db-1",
    }  # fmt: skip
    notes = alert["annotations"]
    assert notes["summary"] == "[CRITICAL] memory-high: 91 %, threshold 85 % (orders)"
    assert notes["runbook_url"] == "https://example.org/memory"
    assert "worker: work.py:9 in loop" in notes["evidence"]
    assert notes["why"] == "You were told because: it began to fire."


def test_a_label_of_the_series_does_not_take_the_place_of_one_of_ours() -> None:
    board, now = Board(60.0, {}), VirtualClock(AT).now()
    labels = {"severity": "none", "a-b": "1", "a_b": "2"}
    board.told(a_notice(msgspec.structs.replace(EVENT, labels=labels)), now)
    found = board.tell(now)[0]["labels"]
    assert (found["severity"], found["label_severity"]) == ("warning", "none")
    assert (found["a_b"], found["a_b_"]) == ("1", "2")


def test_what_is_open_claims_to_last_for_four_intervals_and_what_is_over_ended_when_it_did() -> None:
    clock = VirtualClock(AT)
    board = Board(60.0, {})
    board.told(FIRING, clock.now())
    clock.advance(30)
    assert parsed(board.tell(clock.now())[0]["endsAt"]) == AT + timedelta(seconds=30 + 240)
    board.told(RESOLVED, clock.now())
    assert parsed(board.tell(clock.now())[0]["endsAt"]) == OVER.resolved_at


def test_what_is_over_is_told_for_a_quarter_of_an_hour_and_then_forgotten() -> None:
    clock = VirtualClock(AT)
    board = Board(60.0, {})
    board.told(RESOLVED, clock.now())
    clock.advance(RESOLVED_FOR_S - 1)
    assert len(board.tell(clock.now())) == 1
    clock.advance(1)
    assert board.tell(clock.now()) == []
    assert len(board) == 0


def test_an_alert_that_grew_worse_is_another_there_and_the_old_one_is_over() -> None:
    clock = VirtualClock(AT)
    board = Board(60.0, {})
    board.told(a_notice(EVENT), clock.now())
    clock.advance(10)
    board.told(a_notice(msgspec.structs.replace(EVENT, severity=AlertSeverity.CRITICAL)), clock.now())
    sent = {alert["labels"]["severity"]: alert for alert in board.tell(clock.now())}
    assert parsed(sent["warning"]["endsAt"]) == AT + timedelta(seconds=10)
    assert parsed(sent["critical"]["endsAt"]) > AT + timedelta(seconds=60)


def test_a_board_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board_module, "MAX_ENTRIES", 3)
    board, now = Board(60.0, {}), VirtualClock(AT).now()
    for number in range(5):
        board.told(a_notice(msgspec.structs.replace(EVENT, title=str(number), fingerprint=str(number))), now)
    assert [alert["labels"]["alertname"] for alert in board.tell(now)] == ["2", "3", "4"]
    assert board.forgotten == 2
    board.told(a_notice(msgspec.structs.replace(EVENT, title="3", fingerprint="3"), kind=NoticeKind.RESOLVED), now)
    board.told(a_notice(msgspec.structs.replace(EVENT, title="5", fingerprint="5")), now)
    assert [alert["labels"]["alertname"] for alert in board.tell(now)] == ["2", "4", "5"]  # 3 was over


@given(
    st.lists(st.tuples(st.integers(0, 4), st.sampled_from(["fire", "end", "worse"])), max_size=20), st.integers(0, 20)
)
@settings(max_examples=50)
def test_what_is_told_since_a_version_is_what_changed_since(steps: list[tuple[int, str]], since: int) -> None:
    board, now = Board(60.0, {}), VirtualClock(AT).now()
    for number, what in steps:
        event = msgspec.structs.replace(EVENT, title=str(number), fingerprint=str(number))
        worse = AlertSeverity.CRITICAL if what == "worse" else EVENT.severity
        kind = NoticeKind.RESOLVED if what == "end" else NoticeKind.FIRING
        board.told(a_notice(msgspec.structs.replace(event, severity=worse), kind=kind), now)
    told = board.tell(now, since=since)
    changed = [entry for entry in board._entries.values() if entry.version > since]
    assert [alert["labels"] for alert in told] == [entry.labels for entry in changed]
    assert [entry.version for entry in changed] == sorted(entry.version for entry in changed)


# -- to whom, and when


def test_every_peer_is_told(channel: AlertmanagerChannel, peers: list[Peer]) -> None:
    channel.deliver(FIRING)
    for peer in peers:
        peer.wait_for(lambda peer=peer: len(peer.requests) == 1)  # type: ignore[misc]
        assert peer.requests[0].path == "/api/v2/alerts"
        assert peer.told()[0]["labels"]["alertname"] == "memory-high"


def test_what_is_open_is_told_again_each_minute_until_it_is_over(
    channel: AlertmanagerChannel, peers: list[Peer], clock: VirtualClock
) -> None:
    channel.deliver(FIRING)
    for peer in peers:
        peer.wait_for(lambda peer=peer: len(peer.requests) == 1)  # type: ignore[misc]
    clock.advance(180)
    assert [len(peer.requests) for peer in peers] == [4, 4]
    ends = [parsed(alert["endsAt"]) for alert in peers[0].told()]
    assert ends == [AT + timedelta(seconds=60 * number + 240) for number in range(4)]
    channel.deliver(RESOLVED)
    clock.advance(RESOLVED_FOR_S + 120)
    told = len(peers[0].requests)
    assert {parsed(alert["endsAt"]) for alert in peers[0].told()[4:]} == {OVER.resolved_at}
    clock.advance(600)
    assert len(peers[0].requests) == told  # nothing is open, and the threads have ended
    assert all(peer._thread is None for peer in channel.peers)


def test_something_new_is_told_at_once_and_alone(channel: AlertmanagerChannel, peers: list[Peer]) -> None:
    channel.deliver(FIRING)
    channel.deliver(a_notice(EVENT, id="n2"))
    first = peers[0]
    first.wait_for(lambda: len(first.told()) >= 2)
    names = [[alert["labels"]["alertname"] for alert in request.json] for request in first.requests]
    assert names in ([["memory-high"], ["Payment refused"]], [["memory-high", "Payment refused"]])


def test_a_large_board_is_told_in_batches(channel: AlertmanagerChannel, peers: list[Peer]) -> None:
    alerts = [msgspec.structs.replace(EVENT, id=str(n), fingerprint=str(n), title=f"Event {n}") for n in range(600)]
    channel.deliver(a_notice(*alerts))
    first = peers[0]
    first.wait_for(lambda: len(first.told()) == 600)
    assert [len(request.json) for request in first.requests] == [256, 256, 88]
    assert MAX_BATCH == 256


def test_one_peer_is_enough(channel: AlertmanagerChannel, peers: list[Peer]) -> None:
    peers[0].close()
    channel.deliver(FIRING)
    assert peers[1].told()


def test_a_peer_that_hangs_holds_up_nobody(channel: AlertmanagerChannel, peers: list[Peer]) -> None:
    peers[0].default = peers[0].hang
    channel.deliver(FIRING)
    channel.deliver(RESOLVED)
    second = peers[1]
    assert [alert["endsAt"] for alert in second.told()][-1].startswith("2026-01-01T10:01:30")
    assert len(peers[0].requests) <= 1  # it still holds the first


def test_a_peer_that_comes_back_is_told_what_it_missed(
    channel: AlertmanagerChannel, peers: list[Peer], clock: VirtualClock
) -> None:
    first = peers[0]
    first.replies = [answer(503), answer(503)]
    channel.deliver(FIRING)
    clock.advance(10)
    first.wait_for(lambda: len(first.requests) >= 3)
    assert first.told()[-1]["labels"]["alertname"] == "memory-high"


def test_when_no_peer_takes_it_that_is_an_error_and_it_may_be_tried_again(
    channel: AlertmanagerChannel, peers: list[Peer]
) -> None:
    for peer in peers:
        peer.close()
    with pytest.raises(DeliveryError, match=r"no peer has taken it: 127\.0\.0\.1:") as caught:
        channel.deliver(FIRING)
    assert not caught.value.permanent


def test_when_all_refuse_it_that_is_permanent(channel: AlertmanagerChannel, peers: list[Peer]) -> None:
    for peer in peers:
        peer.default = answer(400)
    with pytest.raises(DeliveryError) as caught:
        channel.deliver(FIRING)
    assert caught.value.permanent


def test_closing_ends_the_threads_and_the_next_notice_begins_anew(
    channel: AlertmanagerChannel, peers: list[Peer]
) -> None:
    channel.deliver(FIRING)
    threads = [peer._thread for peer in channel.peers if peer._thread is not None]
    channel.close()
    for thread in threads:
        thread.join(ENOUGH_S)
        assert not thread.is_alive()
    before = len(peers[0].requests)
    channel.deliver(a_notice(EVENT, id="n2"))
    peers[0].wait_for(lambda: len(peers[0].requests) > before)


def test_a_child_tells_nothing_of_its_parents_alerts(channel: AlertmanagerChannel, peers: list[Peer]) -> None:
    channel.deliver(FIRING)
    channel.close()
    channel.after_fork()
    channel.deliver(a_notice(EVENT, id="n2"))
    peers[0].wait_for(lambda: any(alert["labels"]["alertname"] == "Payment refused" for alert in peers[0].told()))
    assert [alert["labels"]["alertname"] for alert in peers[0].requests[-1].json] == ["Payment refused"]


def test_what_was_open_before_a_restart_is_told_again_and_again(
    channel: AlertmanagerChannel, peers: list[Peer], clock: VirtualClock
) -> None:
    channel.restore([ALERT, EVENT])
    for peer in peers:
        peer.wait_for(lambda peer=peer: len(peer.told()) == 2)  # type: ignore[misc]
    clock.advance(60)
    assert len(peers[0].told()) == 4


def test_without_threads_the_caller_tells(
    channel: AlertmanagerChannel, peers: list[Peer], monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    one = peers[0]
    monkeypatch.setattr(threading.Thread, "start", none_left)
    with monkeypatch.context() as patch:
        patch.setattr("tests.peers.http_peer.socketserver.ThreadingMixIn.process_request", _inline)
        channel.deliver(FIRING)
    assert one.told()


def _inline(server: Any, request: Any, address: Any) -> None:
    server.process_request_thread(request, address)


def test_it_is_told_when_an_event_is_over() -> None:
    assert AlertmanagerChannel.keeps_state


def test_a_path_before_the_api_and_headers_are_kept(peers: list[Peer]) -> None:
    one = AlertmanagerChannel(f"{peers[0].url}/am/", headers={"Authorization": "Bearer x"})
    try:
        one.deliver(FIRING)
        assert peers[0].requests[0].path == "/am/api/v2/alerts"
        assert peers[0].requests[0].headers["authorization"] == "Bearer x"
    finally:
        one.close()


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ({"urls": []}, "urls"),
        ({"urls": ["http://a:9093", "canary"]}, "urls"),
        ({"urls": "http://a:9093", "interval": "1 ms"}, "interval"),
        ({"urls": "http://a:9093", "labels": {"a": 5}}, "labels"),
    ],
)
def test_a_wrong_option_is_refused_at_once(options: dict[str, Any], where: str) -> None:
    with pytest.raises(ConfigError) as caught:
        AlertmanagerChannel(**options)
    assert [problem.key for problem in caught.value.problems] == [where]
    assert "canary" not in str(caught.value)


def test_the_notices_of_these_tests_are_of_all_kinds() -> None:
    assert {FIRING.kind, RESOLVED.kind, DIGEST.kind} == set(NoticeKind)
    assert ALERT.fingerprint
