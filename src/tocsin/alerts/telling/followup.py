"""What is told of an alert that goes on: repeats, and the next channel when nobody takes care of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tocsin.model.levels import AlertState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tocsin.alerts.episode import Episode, Told
    from tocsin.alerts.settings import Route
    from tocsin.clock import Instant


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
    episodes: Iterable[Episode], routes: Mapping[str, Route], now: Instant
) -> tuple[list[Further], float | None]:
    """What is due to be told once more or to somebody else.

    Args:
        episodes: those that are open.
        routes: by channel.
        now: the moment.
    Returns: what is due, and when something else will be, in monotonic seconds.
    """
    due: list[Further] = []
    nexts: list[float] = []
    for episode in episodes:
        if episode.state is not AlertState.FIRING:
            continue
        mark = episode.acknowledgement
        if mark is not None and episode.acknowledged(now.utc):
            left_s = None if mark.expires_at is None else (mark.expires_at - now.utc).total_seconds()
            nexts += [] if left_s is None else [now.mono_s + left_s]
            continue
        for at_s, channel, told, escalates in _plans(episode, routes):
            if at_s > now.mono_s:
                nexts.append(at_s)
            elif escalates:
                route = routes[channel]
                why = f"nobody acknowledged it on {channel} within {route.escalate_after_s:g} s"
                due.append(Further(episode, route.escalate_to, why, channel))
            else:
                why = f"it still fires; first told at {told.first_at:%Y-%m-%dT%H:%M:%SZ}"
                due.append(Further(episode, channel, why))
    return due, min(nexts, default=None)


def next_s(episode: Episode, routes: Mapping[str, Route]) -> float | None:
    """When something more is to be told of this alert, in monotonic seconds; None: never."""
    return min((at_s for at_s, *_ in _plans(episode, routes)), default=None)


def _plans(episode: Episode, routes: Mapping[str, Route]) -> Iterator[tuple[float, str, Told, bool]]:
    """When what is due: the channel that was told, what it was told, and whether another one is to hear of it."""
    for channel, told in episode.told.items():
        route = routes.get(channel)
        if route is None:
            continue
        if route.repeat_s > 0:
            yield told.last_s + route.repeat_s, channel, told, False
        if route.escalate_to in routes and not told.passed_on:
            yield told.first_s + route.escalate_after_s, channel, told, True
