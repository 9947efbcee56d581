"""What is told of an alert that goes on: repeats, and the next channel when nobody takes care of it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from tocsin.model.levels import AlertState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from tocsin.alerts.episode import Episode, Told
    from tocsin.alerts.settings import Route


class Further(NamedTuple):
    """Something more is to be told of an alert.

    Attributes:
        episode: which.
        channel: to whom.
        why: in words.
        heard_on: the channel that nobody answered on; empty for a repeat.
    """

    episode: Episode
    channel: str
    why: str
    heard_on: str = ""


def further(
    episodes: Iterable[Episode], routes: Mapping[str, Route], utc: datetime
) -> tuple[list[Further], datetime | None]:
    """What is due to be told once more or to somebody else.

    Args:
        episodes: those that are open.
        routes: by channel.
        utc: now.
    Returns: what is due, and when something else will be.
    """
    due: list[Further] = []
    nexts: list[datetime] = []
    for episode in episodes:
        if episode.state is not AlertState.FIRING or episode.acknowledged(utc):
            continue
        for at, what in _plans(episode, routes):
            if at <= utc:
                due.append(what)
            else:
                nexts.append(at)
    return due, min(nexts, default=None)


def _plans(episode: Episode, routes: Mapping[str, Route]) -> Iterator[tuple[datetime, Further]]:
    for channel, told in list(episode.told.items()):
        route = routes.get(channel)
        if route is None:
            continue
        if route.repeat_s > 0:
            yield told.last_at + timedelta(seconds=route.repeat_s), _repeat(episode, channel, told)
        if route.escalate_to in routes and not told.passed_on:
            at = told.first_at + timedelta(seconds=route.escalate_after_s)
            why = f"nobody acknowledged it on {channel} within {route.escalate_after_s:g} s"
            yield at, Further(episode, route.escalate_to, why, channel)


def _repeat(episode: Episode, channel: str, told: Told) -> Further:
    return Further(episode, channel, f"it still fires; first told at {told.first_at:%Y-%m-%dT%H:%M:%SZ}")
