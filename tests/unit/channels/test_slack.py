"""Slack: one message a group; a bot changes its message, and calls people again when it grows worse."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from tests.peers.http_peer import HttpPeer, answer, json_answer
from tests.peers.notices import AT, DIGEST, EVENT, FIRING, GROUP, HOSTILE, OVER, RESOLVED, a_notice, hostile

from tocsin import AlertSeverity, ConfigError, DeliveryError, Notice, SlackAlertChannel
from tocsin.channels.slack import board as board_module
from tocsin.channels.slack.blocks import message
from tocsin.channels.slack.board import Board, Post
from tocsin.model.notice import NoticeKind

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

TOKEN = "xoxb-4711"


class Slack(HttpPeer):
    """Plays Slack: keeps what stands in the channel, by the messages' ids."""

    def __init__(self) -> None:
        super().__init__(self._say)
        self.errors: list[str] = []
        self.stands: dict[str, Any] = {}

    def _say(self, connection: socket.socket) -> None:
        request = self.requests[-1]
        if self.errors and (error := self.errors.pop(0)):
            json_answer({"ok": False, "error": error})(connection)
            return
        body = request.json
        ts = body["ts"] if request.path.endswith("chat.update") else f"17.{len(self.requests):04}"
        self.stands[ts] = body
        json_answer({"ok": True, "channel": "C1", "ts": ts})(connection)

    def calls(self) -> list[str]:
        return [request.path.rpartition("/")[2] for request in self.requests]


@pytest.fixture
def slack() -> Iterator[Slack]:
    one = Slack()
    yield one
    one.close()


def bot(slack: Slack) -> SlackAlertChannel:
    return SlackAlertChannel(token=TOKEN, channel="#alerts", api_url=f"{slack.url}/api", allow_private=True)


def texts(body: Any) -> str:
    return json.dumps(body, ensure_ascii=False)


# -- webhook


def test_a_webhook_gets_one_message_a_group(slack: Slack) -> None:
    SlackAlertChannel(f"{slack.url}/services/x", allow_private=True).deliver(GROUP)
    [request] = slack.requests
    assert request.json["text"] == "[CRITICAL] 2 alerts: memory-high, Payment refused"
    assert "Payment refused" in texts(request.json["blocks"])
    assert "token" not in request.headers


@pytest.mark.parametrize("notice", [FIRING, RESOLVED, GROUP, DIGEST, *map(hostile, HOSTILE.values())])
def test_a_message_stays_within_slacks_bounds(notice: Notice) -> None:
    made = message(notice)
    assert len(made["text"]) <= 4000
    assert 1 <= len(made["blocks"]) <= 50
    for block in made["blocks"]:
        parts = [block["text"]] if block["type"] == "section" else block["elements"]
        for part in parts:
            assert part["type"] == "mrkdwn"
            assert part["verbatim"] is True
            assert 1 <= len(part["text"]) <= 3000


def test_a_group_of_hundreds_stays_within_slacks_bounds_and_says_how_many_are_left_out() -> None:
    made = message(a_notice(*[EVENT] * 300))
    assert len(made["blocks"]) <= 50
    assert "… and 280 more alerts" in texts(made)


def test_what_slack_would_obey_is_escaped() -> None:
    shown = texts(message(hostile(HOSTILE["slack"])))
    assert "&lt;!channel&gt;" in shown
    assert "<" not in shown
    assert shown.count("```") == 4  # of the two proofs' own


# -- bot


def test_a_bot_writes_into_its_channel_with_its_token(slack: Slack) -> None:
    bot(slack).deliver(FIRING)
    [request] = slack.requests
    assert request.path == "/api/chat.postMessage"
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert request.json["channel"] == "#alerts"
    assert (request.json["parse"], request.json["link_names"]) == ("none", False)


def test_the_end_of_an_alert_changes_its_message(slack: Slack) -> None:
    channel = bot(slack)
    channel.deliver(FIRING)
    channel.deliver(RESOLVED)
    assert slack.calls() == ["chat.postMessage", "chat.update"]
    [stands] = slack.stands.values()
    assert stands["channel"] == "C1"
    assert "resolved" in texts(stands)


def test_of_a_group_the_message_shows_what_still_fires_until_all_is_over(slack: Slack) -> None:
    channel = bot(slack)
    channel.deliver(GROUP)
    channel.deliver(RESOLVED)
    [stands] = slack.stands.values()
    assert stands["text"].startswith("[WARNING] 2 alerts: Payment refused")
    over = msgspec.structs.replace(EVENT, resolved_at=AT)
    channel.deliver(a_notice(over, kind=NoticeKind.RESOLVED, id="n9"))
    [stands] = slack.stands.values()
    assert stands["text"].startswith("[RESOLVED] 2 alerts")
    assert slack.calls() == ["chat.postMessage", "chat.update", "chat.update"]


def test_an_alert_that_grows_worse_changes_its_message_and_calls_again(slack: Slack) -> None:
    channel = bot(slack)
    channel.deliver(a_notice(EVENT))
    worse = msgspec.structs.replace(EVENT, severity=AlertSeverity.CRITICAL)
    channel.deliver(a_notice(worse, id="n2"))
    channel.deliver(a_notice(worse, id="n3"))
    assert slack.calls() == ["chat.postMessage", "chat.update", "chat.postMessage", "chat.update"]
    reply = slack.requests[2].json
    assert (reply["thread_ts"], reply["reply_broadcast"]) == ("17.0001", True)


@pytest.mark.parametrize("error", ["message_not_found", "edit_window_closed", "cant_update_message"])
def test_a_message_that_cannot_be_changed_gets_a_reply(slack: Slack, error: str) -> None:
    channel = bot(slack)
    channel.deliver(FIRING)
    slack.errors = [error]
    channel.deliver(RESOLVED)
    assert slack.calls() == ["chat.postMessage", "chat.update", "chat.postMessage"]
    assert slack.requests[2].json["thread_ts"] == "17.0001"


def test_when_the_thread_is_gone_too_it_is_said_anew(slack: Slack) -> None:
    channel = bot(slack)
    channel.deliver(FIRING)
    slack.errors = ["message_not_found", "thread_not_found"]
    channel.deliver(RESOLVED)
    assert "thread_ts" not in slack.requests[3].json
    assert channel.board.find([OVER]) is not None


def test_a_digest_is_a_message_of_its_own(slack: Slack) -> None:
    channel = bot(slack)
    channel.deliver(DIGEST)
    channel.deliver(DIGEST)
    assert slack.calls() == ["chat.postMessage"] * 2
    assert channel.board.posts == {}


def test_a_child_does_not_change_the_messages_of_its_parent(slack: Slack) -> None:
    channel = bot(slack)
    channel.deliver(FIRING)
    channel.after_fork()
    channel.deliver(RESOLVED)
    assert slack.calls() == ["chat.postMessage"] * 2


@pytest.mark.parametrize(
    ("error", "permanent"),
    [
        ("invalid_auth", True),
        ("channel_not_found", True),
        ("ratelimited", False),
        ("internal_error", False),
        ("x", True),
    ],
)
def test_what_slack_says_against_it_is_permanent_or_not(slack: Slack, error: str, *, permanent: bool) -> None:
    slack.errors = [error]
    with pytest.raises(DeliveryError, match=rf"slack: chat\.postMessage: {error}") as caught:
        bot(slack).deliver(FIRING)
    assert caught.value.permanent is permanent


def test_slacks_pause_is_handed_on(slack: Slack) -> None:
    slack.replies = [answer(429, Retry_After="30")]
    with pytest.raises(DeliveryError) as caught:
        bot(slack).deliver(FIRING)
    assert (caught.value.permanent, caught.value.retry_after_s) == (False, 30.0)


@pytest.mark.parametrize("said", [b"", b"ok", b"[]", b"\xff", b'{"ok": tru'])
def test_an_answer_that_is_not_slacks_is_temporary(slack: Slack, said: bytes) -> None:
    slack.replies = [answer(200, said)]
    with pytest.raises(DeliveryError) as caught:
        bot(slack).deliver(FIRING)
    assert not caught.value.permanent


# -- what is remembered


def test_only_the_last_messages_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board_module, "MAX_POSTS", 3)
    board = Board()
    alerts = [msgspec.structs.replace(EVENT, id=str(number)) for number in range(5)]
    for alert in alerts:
        board.keep(Post("C1", f"17.{alert.id}", {alert.id: alert}, alert.severity))
    assert [board.find([alert]) is not None for alert in alerts] == [False, False, True, True, True]
    assert board.find(alerts[3:]) is None  # two messages, not one
    assert len(board._post_of) == 3


# -- options


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ({}, "url"),
        ({"url": "https://a.example", "token": TOKEN}, "token"),
        ({"token": TOKEN}, "channel"),
        ({"url": "http://hooks.slack.com/services/canary"}, "url"),
        ({"token": TOKEN, "channel": "#a", "api_url": "http://slack.com/api"}, "api_url"),
        ({"url": "canary"}, "url"),
    ],
)
def test_a_wrong_option_is_refused_at_once(options: dict[str, Any], where: str) -> None:
    with pytest.raises(ConfigError) as caught:
        SlackAlertChannel(**options)
    assert [problem.key for problem in caught.value.problems] == [where]
    assert "canary" not in str(caught.value)
    assert TOKEN not in str(caught.value)
