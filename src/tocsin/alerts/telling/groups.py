"""Groups: alerts of one kind that come together share a notice."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tocsin.model.matching import facts_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tocsin.alerts.episode import Episode
    from tocsin.alerts.settings import Route
    from tocsin.clock import Instant
    from tocsin.model.alert import PerformanceAlert


class Due(NamedTuple):
    """What of a group is to be told now."""

    firing: list[tuple[Episode, str]]
    resolved: list[tuple[PerformanceAlert, str]]
    name: str


class _Group:
    """One group: what waits, and when it was told last."""

    __slots__ = ("due_s", "firing", "resolved", "told_s")

    def __init__(self) -> None:
        self.firing: dict[str, tuple[Episode, str]] = {}
        self.resolved: list[tuple[PerformanceAlert, str]] = []
        self.due_s: float | None = None
        self.told_s: float | None = None


class Groups:
    """The groups of one channel.

    Args:
        route: says what makes a group, and how long it waits.
    """

    def __init__(self, route: Route) -> None:
        self._channel = route.channel
        self._names = route.group_by or ()
        self._wait_s = route.group_wait_s
        self._interval_s = route.group_interval_s
        self._groups: dict[tuple[str, ...], _Group] = {}

    def add(self, episode: Episode, why: str, now: Instant) -> None:
        """An alert is to be told with the others of its group."""
        group = self._group(episode)
        group.firing[episode.id] = (episode, why)
        self._wait(group, now)

    def withdraw(self, episode: Episode) -> None:
        """An alert is over, so that it fires need not be told any more."""
        self._group(episode).firing.pop(episode.id, None)

    def end(self, episode: Episode, why: str, now: Instant) -> None:
        """That an alert is over is to be told with the others of its group."""
        group = self._group(episode)
        group.resolved.append((episode.snapshot(), why))
        self._wait(group, now)

    def waiting(self) -> list[tuple[Episode, str]]:
        """The alerts that wait to be told that they fire, with their reasons."""
        return [one for group in self._groups.values() for one in group.firing.values()]

    def ended(self) -> list[tuple[PerformanceAlert, str]]:
        """The ends that wait to be told, with their reasons."""
        return [one for group in self._groups.values() for one in group.resolved]

    def adopt(self, ended: list[tuple[PerformanceAlert, str]], now: Instant) -> None:
        """Tell these ends, which another process was about to tell."""
        for alert, why in ended:
            facts = facts_of(alert)
            group = self._groups.setdefault(tuple(facts.get(name, "") for name in self._names), _Group())
            group.resolved.append((alert, why))
            self._wait(group, now)

    def next_s(self) -> float | None:
        """When the next group is due, in monotonic seconds."""
        return min((group.due_s for group in self._groups.values() if group.due_s is not None), default=None)

    def due(self, now: Instant) -> Iterator[Due]:
        """The groups that have waited long enough; they begin to wait anew."""
        for key, group in list(self._groups.items()):
            if group.due_s is not None and now.mono_s >= group.due_s:
                due = Due(list(group.firing.values()), group.resolved, ", ".join(filter(None, key)))
                group.firing, group.resolved, group.due_s, group.told_s = {}, [], None, now.mono_s
                for episode, _ in due.firing:
                    episode.told[self._channel].said = True
                if due.firing or due.resolved:
                    yield due
            elif group.due_s is None and group.told_s is not None and now.mono_s - group.told_s > self._interval_s:
                del self._groups[key]

    def _group(self, episode: Episode) -> _Group:
        facts = episode.facts()
        return self._groups.setdefault(tuple(facts.get(name, "") for name in self._names), _Group())

    def _wait(self, group: _Group, now: Instant) -> None:
        if group.due_s is not None:
            return
        group.due_s = now.mono_s + self._wait_s
        if group.told_s is not None:
            group.due_s = max(group.due_s, group.told_s + self._interval_s)
