"""Maintenance: windows in which work is expected to make noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.alerts.reasons.reason import Reason
from tocsin.model.levels import Held
from tocsin.model.matching import all_match

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tocsin.alerts.episode import Episode
    from tocsin.clock import Instant
    from tocsin.model.orders import Maintenance


class MaintenanceWindows:
    """The windows that are configured, and those that were ordered while the program ran.

    Args:
        windows: from the start.

    Attributes:
        version: grows with each that comes.
    """

    def __init__(self, windows: Iterable[Maintenance] = ()) -> None:
        self.version = 0
        self._configured = tuple(windows)
        self._known = {window.name: window for window in self._configured}
        self._ordered: dict[str, Maintenance] = {}

    def reload(self, windows: Iterable[Maintenance]) -> bool:
        """Obey these of the configuration instead, beside those that were ordered. Whether they are other ones."""
        configured = tuple(windows)
        if configured == self._configured:
            return False
        self._configured = configured
        self._known = {window.name: window for window in configured} | self._ordered
        return True

    def ordered(self) -> list[Maintenance]:
        """Those that were ordered while the program ran; the others are the configuration's to keep or to drop."""
        return list(self._ordered.values())

    def __iter__(self) -> Iterator[Maintenance]:
        """Those that are known."""
        return iter(tuple(self._known.values()))

    def put(self, window: Maintenance) -> None:
        """Obey a window; one of the same name is replaced."""
        self.version += 1
        self._known[window.name] = self._ordered[window.name] = window

    def hold(self, episode: Episode, now: Instant) -> Reason | None:
        """The open window that ends last of those that match."""
        last: Reason | None = None
        for window in self._known.values():
            ends = window.ends(now.utc)
            if ends is None or not all_match(window.matchers, episode.facts()):
                continue
            if last is None or last.until is None or ends > last.until:
                comment = f": {window.comment}" if window.comment else ""
                last = Reason(Held.MAINTENANCE, f"{window.name} until {ends:%Y-%m-%dT%H:%M:%SZ}{comment}", ends)
        return last
