"""What is kept for one channel: its limit, what was held back, and the groups that wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.alerts.limits import TokenBucket
from tocsin.alerts.telling.groups import Groups
from tocsin.model.levels import AlertSeverity
from tocsin.model.matching import all_match
from tocsin.model.notice import EVERY_CHANNEL, TEST_LABEL, DigestLine

if TYPE_CHECKING:
    from tocsin.alerts.episode import Episode
    from tocsin.alerts.settings import Route
    from tocsin.clock import Instant


class Desk:
    """What is kept for one channel.

    Attributes:
        route: what the channel is to be told.
        bucket: how many notices it may still get.
        groups: alerts that wait for others of their group; None where alerts are not grouped.
        unsaid: what was held back since the last digest: by alert and reason, how often.
        deferred: alerts that wait for the channel's hours.
    """

    def __init__(self, route: Route) -> None:
        self.route = route
        self.bucket = TokenBucket(route.notices_per_minute)
        self.groups = None if route.group_by is None else Groups(route)
        self.unsaid: dict[tuple[str, str], DigestLine] = {}
        self.deferred: dict[str, Episode] = {}

    def reroute(self, route: Route, now: Instant) -> Groups | None:
        """Go by another description of the same channel; its budget, and what waits for it, stays.

        Returns: the groups, where there are to be none any more, so that what waits in them is to be told now.
        """
        before, self.route = self.route, route
        if route.notices_per_minute != before.notices_per_minute:
            tokens = self.bucket.tokens(now.mono_s)
            self.bucket = TokenBucket(route.notices_per_minute)
            self.bucket.fill(tokens, now.mono_s)
        if _grouping(route) == _grouping(before):
            return None
        old, self.groups = self.groups, None if route.group_by is None else Groups(route)
        if old is None or self.groups is None:
            return old
        for episode, why in old.waiting():
            self.groups.add(episode, why, now)
        self.groups.adopt(old.ended(), now)
        return None

    def is_for(self, episode: Episode) -> bool:
        """Whether the channel is to hear of this alert at all."""
        route = self.route
        tested = episode.facts().get(f"label.{TEST_LABEL}") if episode.is_event else None
        if tested:
            return tested in {EVERY_CHANNEL, route.channel}
        if episode.severity < route.severity:
            return False
        return not route.matchers or all_match(route.matchers, episode.facts())

    def is_open(self, episode: Episode, now: Instant) -> bool:
        """Whether it is to hear of it now: in its hours, and of what is critical at any."""
        hours = self.route.hours
        return hours is None or episode.severity is AlertSeverity.CRITICAL or hours.open_until(now.utc) is not None

    def keep_unsaid(self, episode: Episode, reason: str, count: int) -> None:
        """Count what was held back, for the digest."""
        key = (episode.id, reason)
        before = self.unsaid.get(key)
        count += 0 if before is None else before.count
        origin = episode.origin
        self.unsaid[key] = DigestLine(episode.id, origin.title, origin.source, episode.severity, count, reason)


def _grouping(route: Route) -> tuple[object, ...]:
    return route.group_by, route.group_wait_s, route.group_interval_s
