"""Silences: for a time, nobody is told of the alerts that match."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tocsin.alerts.reasons.reason import Reason
from tocsin.model.levels import Held
from tocsin.model.matching import all_match

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from tocsin.alerts.episode import Episode
    from tocsin.clock import Instant
    from tocsin.model.orders import Silence

MAX_SILENCES: Final = 1000


class Silences:
    """The silences that are in force or to come.

    Attributes:
        version: grows with each that comes or is taken away.
    """

    def __init__(self) -> None:
        self.version = 0
        self._known: dict[str, Silence] = {}

    def __iter__(self) -> Iterator[Silence]:
        """Those that are known, in the order in which they came."""
        return iter(tuple(self._known.values()))

    def put(self, silence: Silence) -> None:
        """Obey a silence; one of the same id is replaced. Of too many, the one that ends first goes."""
        self.version += 1
        self._known[silence.id] = silence
        if len(self._known) > MAX_SILENCES:
            del self._known[min(self._known.values(), key=lambda one: one.ends_at).id]

    def replace(self, silences: Iterable[Silence]) -> None:
        """Obey these, and no others."""
        self._known = {}
        for silence in silences:
            self.put(silence)

    def get(self, silence_id: str) -> Silence | None:
        """The silence of this id."""
        return self._known.get(silence_id)

    def take_away(self, silence_id: str) -> Silence | None:
        """Obey it no longer. None: there is none of this id."""
        self.version += 1
        return self._known.pop(silence_id, None)

    def hold(self, episode: Episode, now: Instant) -> Reason | None:
        """The silence that ends last of those that match; those that are over are forgotten."""
        if not self._known:
            return None
        self._forget_ended(now.utc)
        matching = [one for one in self._known.values() if one.covers(now.utc) and matches(one, episode)]
        if not matching:
            return None
        last = max(matching, key=lambda one: one.ends_at)
        by = f" by {last.author}" if last.author else ""
        comment = f": {last.comment}" if last.comment else ""
        why = f"silence {last.id}{by} until {last.ends_at:%Y-%m-%dT%H:%M:%SZ}{comment}"
        return Reason(Held.SILENCE, why, last.ends_at)

    def _forget_ended(self, utc: datetime) -> None:
        for ended in [one.id for one in self._known.values() if one.ends_at <= utc]:
            del self._known[ended]


def matches(silence: Silence, episode: Episode) -> bool:
    """Whether a silence speaks of this alert."""
    return all_match(silence.matchers, episode.facts())
