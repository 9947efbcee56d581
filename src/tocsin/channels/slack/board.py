"""Which message tells of which alert; what Slack does not remember for us."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

import msgspec

from tocsin.model.alert import PerformanceAlert
from tocsin.model.levels import AlertSeverity
from tocsin.model.notice import Notice, NoticeKind

if TYPE_CHECKING:
    from collections.abc import Iterable


MAX_POSTS: Final = 500


class Post(msgspec.Struct, frozen=True):
    """A message that stands in a channel.

    Attributes:
        channel: Slack's id of the channel.
        ts: Slack's id of the message.
        alerts: what it shows, by the ids of the alerts.
        severity: the worst that people were called for.
    """

    channel: str
    ts: str
    alerts: dict[str, PerformanceAlert]
    severity: AlertSeverity


class Board:
    """The messages of the alerts, the oldest forgotten first. Kept in memory: `posts` is all there is to save."""

    def __init__(self) -> None:
        self.posts: OrderedDict[str, Post] = OrderedDict()
        self._post_of: dict[str, str] = {}

    def find(self, alerts: Iterable[PerformanceAlert]) -> Post | None:
        """The one message that tells of all of these; None where there is none, or more than one."""
        found = {self._post_of.get(alert.id) for alert in alerts}
        ts = found.pop() if len(found) == 1 else None
        return self.posts.get(ts) if ts is not None else None

    def keep(self, post: Post) -> None:
        """Remember a message as it stands now."""
        self.posts[post.ts] = post
        self.posts.move_to_end(post.ts)
        for alert_id in post.alerts:
            self._post_of[alert_id] = post.ts
        while len(self.posts) > MAX_POSTS:
            self.forget(next(iter(self.posts)))

    def forget(self, ts: str) -> None:
        """Remember a message no longer."""
        post = self.posts.pop(ts, None)
        for alert_id in post.alerts if post is not None else ():
            if self._post_of.get(alert_id) == ts:
                del self._post_of[alert_id]


def updated(post: Post, notice: Notice) -> Post:
    """The message as it is to stand after a notice."""
    alerts = {**post.alerts, **{alert.id: alert for alert in notice.alerts}}
    return Post(post.channel, post.ts, alerts, max(post.severity, notice.severity))


def as_notice(post: Post, notice: Notice) -> Notice:
    """All that a message is to show, as a notice: what fires first, and `resolved` once nothing fires."""
    alerts = sorted(post.alerts.values(), key=lambda alert: (alert.resolved_at is not None, -alert.severity))
    firing = [alert for alert in alerts if alert.resolved_at is None]
    return msgspec.structs.replace(
        notice,
        kind=NoticeKind.FIRING if firing else NoticeKind.RESOLVED,
        severity=max((alert.severity for alert in firing), default=notice.severity),
        alerts=tuple(alerts),
    )
