"""The channel: an incoming webhook, or a bot that keeps its messages up to date."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tocsin.channels import options
from tocsin.channels.document import encode
from tocsin.channels.http import Transport, url
from tocsin.channels.http.target import target_of
from tocsin.channels.http.transport import DEADLINE_S, plain_http
from tocsin.channels.options import Mismatch, Option, settle
from tocsin.channels.outgoing import OutgoingChannel
from tocsin.channels.slack.blocks import message
from tocsin.channels.slack.board import Board, Post, as_notice, updated
from tocsin.channels.text import line
from tocsin.errors import DeliveryError
from tocsin.model.levels import AlertSeverity
from tocsin.model.notice import Notice, NoticeKind
from tocsin.model.secret import Secret

if TYPE_CHECKING:
    from tocsin.channels.connect import Resolver
    from tocsin.channels.deadline import Deadline
    from tocsin.clock import Clock

API: Final = "https://slack.com/api"
# Slack says 200 and `ok: false`; these are its own troubles, and all others are ours.
_TEMPORARY: Final = frozenset({
    "ratelimited", "rate_limited", "message_limit_exceeded", "internal_error", "fatal_error", "service_unavailable",
    "request_timeout", "accesslimited", "team_added_to_org", "external_channel_migrating",
})  # fmt: skip
# The message that is to be changed cannot be changed any more; a reply says it as well.
_NOT_TO_CHANGE: Final = frozenset({
    "message_not_found", "cant_update_message", "edit_window_closed", "message_deleted", "thread_not_found",
})  # fmt: skip

OPTIONS: Final[options.Options] = {
    "url": Option(url, '"env:SLACK_URL"'),
    "token": Option(options.secret, '"env:SLACK_TOKEN"'),
    "channel": Option(options.text, '"#alerts"'),
    "api_url": Option(url, '"https://slack.com/api"'),
    "allow_private": Option(options.flag, "True"),
    "ca_file": Option(options.path, '"ca.pem"', file=True),
    "deadline": Option(options.seconds(0.05, 60.0), '"10s"'),
}


class SlackAlertChannel(OutgoingChannel):
    """Writes one message a notice. As a bot it changes the message when its alerts change.

    Args:
        url: of an incoming webhook; a secret. May be given as env:NAME or file:PATH. Without one, `token` is needed.
        token: of a bot that may `chat:write`.
        channel: where the bot writes: a name or an id.
        api_url: where the API is, if not at Slack's.
        allow_private: for services of your own that speak Slack's language: private addresses, and plain http.
        ca_file: certificates to trust instead of the system's.
        deadline: for a whole request; seconds, or with a unit.
        name: the channel's name.
        severity: this and worse is told.
        clock: tells the time.
        resolver: gives the addresses of a name.
    Raises: ConfigError: with every mistake.
    """

    def __init__(
        self, url: str | Secret | None = None, *, token: str | Secret | None = None, channel: str | None = None,
        api_url: str | Secret | None = None, allow_private: bool | None = None, ca_file: str | None = None,
        deadline: float | str | None = None, name: str = "slack",
        severity: AlertSeverity | int | str = AlertSeverity.INFO, clock: Clock | None = None,
        resolver: Resolver | None = None,
    ) -> None:  # fmt: skip
        super().__init__(name, severity)
        given = settle(type(self).__name__, OPTIONS, {
            "url": url, "token": token, "channel": channel, "api_url": api_url, "allow_private": allow_private,
            "ca_file": ca_file, "deadline": deadline,
        }, mismatch)  # fmt: skip
        private = given.get("allow_private", False)
        self._url: Secret | None = given.get("url")
        self._token: Secret | None = given.get("token")
        self._channel: str = given.get("channel", "")
        self._api = target_of(given.get("api_url") or Secret(API))
        self._transport = Transport(
            allow_private=private, ca_file=given.get("ca_file"), deadline_s=given.get("deadline", DEADLINE_S),
            clock=clock, remarks=self._url is not None, resolver=resolver,
        )  # fmt: skip
        self.after_fork()

    def after_fork(self) -> None:
        """Begin anew: the messages of the parent are the parent's to change."""
        self._lock = threading.Lock()
        self.board = Board()

    def close(self) -> None:
        """Keep no connection open; the next notice opens one."""
        self._transport.close()

    def deliver(self, notice: Notice) -> None:
        """Write, or change, the message of a notice. Raises DeliveryError."""
        if self._url is not None:
            self._transport.post(self._url, encode(self._message(notice)))
            return
        deadline = self._transport.begin()
        with self._lock:
            post = self.board.find(notice.alerts) if notice.kind is not NoticeKind.DIGEST else None
            if post is None:
                self._first(notice, deadline)
            else:
                self._again(post, notice, deadline)

    def _message(self, notice: Notice) -> dict[str, Any]:
        return message(notice, self._transport.clock.now().utc)

    def _first(self, notice: Notice, deadline: Deadline) -> None:
        answer = self._call("chat.postMessage", {"channel": self._channel, **self._message(notice)}, deadline)
        ts, channel = answer.get("ts"), answer.get("channel")
        if isinstance(ts, str) and isinstance(channel, str) and notice.alerts:
            self.board.keep(Post(channel, ts, {alert.id: alert for alert in notice.alerts}, notice.severity))

    def _again(self, post: Post, notice: Notice, deadline: Deadline) -> None:
        """Change the message. A change calls nobody, so what became worse is said in a reply as well."""
        after = updated(post, notice)
        body = {"channel": post.channel, "ts": post.ts, **self._message(as_notice(after, notice))}
        try:
            self._call("chat.update", body, deadline)
            changed = True
        except _CannotChange:
            changed = False
        if notice.severity > post.severity or not changed:
            reply = {"channel": post.channel, "thread_ts": post.ts, "reply_broadcast": True, **self._message(notice)}
            try:
                self._call("chat.postMessage", reply, deadline)
            except _CannotChange:
                self.board.forget(post.ts)
                self._first(notice, deadline)
                return
        self.board.keep(after)

    def _call(self, method: str, body: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
        assert self._token is not None  # noqa: S101 - there is a URL or a token; see `mismatch`
        # Changing a message looks for names in its text unless told otherwise.
        plain = {**body, "parse": "none", "link_names": False}
        answer = self._transport.post(
            self._api.below(f"/{method}"), encode(plain), content_type="application/json; charset=utf-8",
            headers={"Authorization": Secret(f"Bearer {self._token.reveal()}")}, deadline=deadline,
        )  # fmt: skip
        try:
            said: Any = msgspec.json.decode(answer.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            said = None
        if not isinstance(said, dict):
            raise DeliveryError(f"slack: {method}: the answer is not what Slack would say")
        if said.get("ok") is True:
            return said
        reason = line(said.get("error") or "no reason given", 80)
        failed = _CannotChange if reason in _NOT_TO_CHANGE else DeliveryError
        raise failed(f"slack: {method}: {reason}", permanent=reason not in _TEMPORARY)


class _CannotChange(DeliveryError):
    """The message is gone, or too old to be changed."""


def mismatch(given: dict[str, Any]) -> Mismatch | None:
    """What is wrong with the options as a whole."""
    if "url" in given and "token" in given:
        return Mismatch("token", "url and token", "one of them: url for an incoming webhook, token for a bot")
    if "url" not in given and "token" not in given:
        return Mismatch(
            "url", "nothing", "the url of an incoming webhook, or the token of a bot", 'url="env:SLACK_URL"'
        )
    if "token" in given and "channel" not in given:
        return Mismatch("channel", "nothing", "the channel in which the bot writes", 'channel="#alerts"')
    return plain_http(given, "url", "api_url")
