"""Alerts that the program raises itself: equal ones are one alert whose count grows, and silence ends them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tocsin.alerts.episode import Episode, Origin
from tocsin.model.levels import AlertSeverity, AlertState

if TYPE_CHECKING:
    from tocsin.alerts.book import AlertBook
    from tocsin.alerts.settings import AlertSettings
    from tocsin.clock import Instant
    from tocsin.model.inputs import Event

OVERFLOW_TITLE: Final = "Too many different alerts"
SEVERAL: Final = "several sources"
# So many alerts gather what there is no room for, one a source; of more sources all in one.
MAX_OVERFLOWS: Final = 20


class EventDesk:
    """Finds or opens the episode of an event, and ends those that fell silent.

    Args:
        book: where open alerts stand.
        settings: how long an event lasts without recurrence, and how many may be open.
    """

    def __init__(self, book: AlertBook, settings: AlertSettings) -> None:
        self._book = book
        self.reload(settings)
        # By what makes events equal, so that a storm computes no hash; in the order of their last occurrence.
        self._open: dict[object, Episode] = {}
        # Those that silence does not end.
        self._lasting: dict[object, Episode] = {}
        self._gathering: set[str] = set()

    def reload(self, settings: AlertSettings) -> None:
        """Go by other settings from now on; what is open stays open."""
        self._ttl_s = settings.event_ttl_s
        self._max_open = settings.max_open

    def occur(self, event: Event, now: Instant) -> Episode:
        """Enter `event.count` occurrences and give back their episode."""
        key: object = (event.source, event.title, event.category, event.component, event.labels)
        episode = self._open.pop(key, None) or self._lasting.pop(key, None)
        if episode is None:
            if self._is_too_many(event):
                source = self._gathering_source(event.source)
                key = (source, OVERFLOW_TITLE)
                episode = self._open.pop(key, None) or self._begin(event, now, overflow=True, source=source)
            else:
                episode = self._begin(event, now)
                episode.lasts = event.lasts
        (self._lasting if episode.lasts else self._open)[key] = episode
        self._count(episode, event, now)
        return episode

    def expired(self, now: Instant) -> list[Episode]:
        """Take out the episodes that fell silent long enough ago."""
        ended = []
        while self._open:
            key, oldest = next(iter(self._open.items()))
            if now.mono_s - oldest.last_s < self._ttl_s:
                break
            del self._open[key]
            if oldest.origin.title == OVERFLOW_TITLE:
                self._gathering.discard(oldest.origin.source)
            ended.append(oldest)
        return ended

    def take_out(self, episode: Episode) -> None:
        """The program said that it is over."""
        for kept in (self._open, self._lasting):
            for key, open_episode in kept.items():
                if open_episode is episode:
                    del kept[key]
                    return

    def adopt(self, episode: Episode) -> None:
        """Go on with an event of the process before."""
        origin = episode.origin
        key: object = (origin.source, origin.title, origin.category, origin.component, origin.labels)
        if origin.title == OVERFLOW_TITLE:
            key = (origin.source, OVERFLOW_TITLE)
            self._gathering.add(origin.source)
        (self._lasting if episode.lasts else self._open)[key] = episode

    def _is_too_many(self, event: Event) -> bool:
        """Whether there is no room for one more alert; what is critical has as much again, for it must get through."""
        room = 2 * self._max_open if event.severity is AlertSeverity.CRITICAL else self._max_open
        gathering = len(self._gathering) + ((SEVERAL, OVERFLOW_TITLE) in self._open)
        return len(self._open) + len(self._lasting) - gathering >= room

    def _gathering_source(self, source: str) -> str:
        """Under which source further events are gathered: their own, and where these are too many, one for all."""
        if source in self._gathering or len(self._gathering) < MAX_OVERFLOWS:
            self._gathering.add(source)
            return source
        return SEVERAL

    def _begin(self, event: Event, now: Instant, *, overflow: bool = False, source: str = "") -> Episode:
        origin = Origin(
            title=OVERFLOW_TITLE if overflow else event.title,
            category=event.category, source=source or event.source,
            component="" if overflow else event.component,
            labels=() if overflow else event.labels,
            recommendations=("Give equal troubles equal titles; put what differs into the message",)
            if overflow
            else event.recommendations,
        )  # fmt: skip
        episode = Episode(origin, event.severity, event.message, now.utc)
        episode.state = AlertState.FIRING
        episode.fired_s = now.mono_s
        episode.note(now.utc, "firing", f"raised by {event.source!r}")
        self._book.open(episode)
        return episode

    def _count(self, episode: Episode, event: Event, now: Instant) -> None:
        episode.count += event.count
        episode.updated_at = now.utc
        episode.last_s = now.mono_s
        episode.message = event.message
        if event.evidence:
            episode.show_evidence(event.evidence)
        if event.severity > episode.severity:
            episode.severity = event.severity
            if episode.acknowledgement is not None:
                episode.note(now.utc, "acknowledgement void", f"severity rose to {event.severity.word}")
        self._book.show(episode)
