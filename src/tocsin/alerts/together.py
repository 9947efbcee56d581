"""Several metrics that are unusual at the same time: one trouble, told once, and ranked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from tocsin.model.alert import Evidence
from tocsin.model.inputs import Event
from tocsin.model.levels import AlertSeverity

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tocsin.alerts.book import AlertBook
    from tocsin.alerts.decisions import Decisions
    from tocsin.model.alert import PerformanceAlert

TITLE: Final = "Several metrics are unusual together"
SOURCE: Final = "tocsin"
# From so many metrics on it is one trouble; it is over when fewer than so many are left.
MANY: Final = 3
FEW: Final = 2
# After a restart it goes on for so long in any case: until then the readings have come back.
_RESTART_S: Final = 60.0


class Unusual(Protocol):
    """What is unusual."""

    def metric(self) -> str:
        """Its name."""
        ...

    def line(self) -> str:
        """The value, what was expected, and how rare that is."""
        ...


class Together:
    """Counts the metrics that are unusual, and says when that is news.

    Args:
        unusual: those that are, the rarest first; asked at each step, so it has to be cheap while none is.
    """

    def __init__(self, unusual: Callable[[], Sequence[Unusual]]) -> None:
        self._unusual = unusual
        self._holds_s = 0.0
        self._rings: bool | None = None  # until the first look, which knows what an earlier process left open

    def look(self, decisions: Decisions, book: AlertBook, active_s: float) -> None:
        """Raise the alert when it begins, and end it when it is over. Nearly free while nothing is unusual.

        Args:
            decisions: takes the event.
            book: of the alerts that are open.
            active_s: seconds in which somebody looked, since some moment.
        """
        if self._rings is None:
            self._rings = bool(_open(book))
            self._holds_s = active_s + _RESTART_S if self._rings else active_s
        found = self._unusual()
        if not found and not self._rings:
            return
        metrics = {one.metric() for one in found}
        if self._rings and len(metrics) < FEW and active_s >= self._holds_s:
            self._rings = False
            for alert in _open(book):
                decisions.resolve(alert.fingerprint)
        elif not self._rings and len(metrics) >= MANY:
            self._rings = True
            decisions.event(self._event(len(metrics), tuple(one.line() for one in found)))

    @staticmethod
    def _event(metrics: int, lines: tuple[str, ...]) -> Event:
        return Event(
            title=TITLE, message=f"{metrics} metrics are unusual at once; the rarest: {lines[0]}",
            severity=AlertSeverity.WARNING, source=SOURCE, lasts=True,
            evidence=(Evidence("odds", "what is unusual, the rarest first", lines),),
            recommendations=("Look for what they have in common: a deployment, a neighbour, a job that began",),
        )  # fmt: skip


def _open(book: AlertBook) -> list[PerformanceAlert]:
    return [one for one in book.open_alerts() if (one.title, one.source) == (TITLE, SOURCE)]
