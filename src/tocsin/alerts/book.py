"""All alerts that are known: the open ones, and the last of those that ended."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from tocsin.alerts.episode import Episode
    from tocsin.model.alert import PerformanceAlert
    from tocsin.model.levels import AlertCategory


class AlertBook:
    """Open and ended alerts, found by id and by fingerprint.

    Args:
        max_closed: ended alerts that are remembered.
    """

    def __init__(self, max_closed: int) -> None:
        self._open: dict[str, Episode] = {}
        self._by_id: dict[str, Episode] = {}
        self._closed: deque[PerformanceAlert] = deque(maxlen=max_closed)
        # After a clear, an open episode is out of sight until its next change.
        self._hidden: set[str] = set()

    def __len__(self) -> int:
        return len(self._open)

    def open(self, episode: Episode) -> None:
        """An episode begins."""
        self._open[episode.fingerprint] = episode
        self._by_id[episode.id] = episode

    def close(self, episode: Episode) -> None:
        """An episode is over."""
        self.discard(episode)
        self._closed.append(episode.snapshot())

    def remember(self, alert: PerformanceAlert) -> None:
        """Know an alert that ended before this process began."""
        self._closed.append(alert)

    def discard(self, episode: Episode) -> None:
        """A pending episode ended without ever firing: nothing to remember."""
        self._open.pop(episode.fingerprint, None)
        self._by_id.pop(episode.id, None)
        self._hidden.discard(episode.id)

    def by_fingerprint(self, fingerprint: str) -> Episode | None:
        """The open episode of this fingerprint."""
        return self._open.get(fingerprint)

    def episode(self, alert_id: str) -> Episode | None:
        """The open episode of this id."""
        return self._by_id.get(alert_id)

    def find(self, alert_id: str) -> PerformanceAlert | None:
        """The alert of this id as it stands, open or ended."""
        episode = self.episode(alert_id)
        if episode is not None:
            return episode.snapshot()
        return next((alert for alert in tuple(self._closed) if alert.id == alert_id), None)

    def replace_closed(self, alert: PerformanceAlert) -> None:
        """Exchange an ended alert for a newer version of itself (an acknowledgement that came late)."""
        for place, old in enumerate(self._closed):
            if old.id == alert.id:
                self._closed[place] = alert
                return

    def episodes(self) -> list[Episode]:
        """All open episodes, oldest first."""
        return list(self._open.values())

    def open_alerts(self) -> list[PerformanceAlert]:
        """The open alerts, worst and then oldest first."""
        snapshots = [episode.snapshot() for episode in tuple(self._open.values())]
        return sorted(snapshots, key=lambda alert: (-alert.severity, alert.started_at))

    def recent(self) -> list[PerformanceAlert]:
        """Open and ended alerts that are more than a suspicion, newest first."""
        shown = [episode.snapshot() for episode in tuple(self._open.values()) if episode.id not in self._hidden]
        alerts = [alert for alert in (*self._closed, *shown) if alert.triggered]
        return sorted(alerts, key=lambda alert: alert.started_at, reverse=True)

    def of_category(self, category: AlertCategory) -> list[PerformanceAlert]:
        """The recent alerts of a category, newest first."""
        return [alert for alert in self.recent() if alert.category is category]

    def unacknowledged(self, utc: datetime) -> list[PerformanceAlert]:
        """Recent alerts that nobody takes care of as bad as they are, now or to their end; newest first."""
        return [alert for alert in self.recent() if not alert.is_acknowledged(utc)]

    def show(self, episode: Episode) -> None:
        """An episode changed, so it is in sight again."""
        self._hidden.discard(episode.id)

    def clear(self) -> None:
        """Forget what is over and hide what is open until its next change."""
        self._closed.clear()
        self._hidden = {episode.id for episode in self._open.values()}
