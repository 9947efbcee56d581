"""Whom the page shows: a program from inside, or what one left; and the first of the two."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from tocsin.web.exposition.text import exposition
from tocsin.web.panels import CHARTED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tocsin.clock import Clock
    from tocsin.model.alert import PerformanceAlert
    from tocsin.system import AlertSystem
    from tocsin.system.answers.siblings import Siblings

    Hear = Callable[[PerformanceAlert], None]

MAX_SERIES: Final = 16


class Pulse(NamedTuple):
    """What the stream tells each second.

    Attributes:
        values: metric, labels and value of each series that is charted; None stands for no reading.
        orders: another one when silences, or anything that is to be asked for again with them, changed.
        rules: another one when rules changed.
    """

    values: list[tuple[str, dict[str, str], float | None]]
    orders: object
    rules: object


class Subject(Protocol):
    """Whom the page shows."""

    clock: Clock

    @property
    def program(self) -> str:
        """Its name."""
        ...

    def answers(self) -> Mapping[str, Callable[[dict[str, Any]], Any]]:
        """What may be asked, each a function from request to reply."""
        ...

    def facts(self) -> dict[str, Any]:
        """What the page has to know from its first moment."""
        ...

    def health(self) -> dict[str, Any]:
        """Whether it is fit to live and ready for work."""
        ...

    def exposition(self, version: str) -> bytes:
        """The last readings for Prometheus. Raises TocsinError where there are none."""
        ...

    def pulse(self) -> Pulse:
        """What the stream tells each second."""
        ...

    def interval_s(self) -> float:
        """How often that changes."""
        ...

    def connect(self, hear: Hear) -> None:
        """Call for each change of an alert, on any thread."""
        ...

    def disconnect(self, hear: Hear) -> None:
        """Call no longer."""
        ...


class Living:
    """A program, from inside.

    Args:
        system: watches it.
    """

    def __init__(self, system: AlertSystem) -> None:
        self._system = system
        self._siblings: Siblings | None = None
        self.clock = system.clock

    @property
    def program(self) -> str:
        """Its name."""
        return self._system.config.program

    def answers(self) -> Mapping[str, Callable[[dict[str, Any]], Any]]:
        """See `Subject`; of all processes of the program, where they share a state directory."""
        if self._system.config.state_dir is None:
            return self._system.answers()
        from tocsin.system.answers.siblings import Siblings  # noqa: PLC0415 - it loads SQLite

        self._siblings = Siblings(self._system._core)  # noqa: SLF001 - the page is a face of the system
        return self._siblings.with_theirs(self._system.answers())

    def facts(self) -> dict[str, Any]:
        """See `Subject`."""
        return {"journal": self._system.config.state_dir is not None, "left": None}

    def health(self) -> dict[str, Any]:
        """See `Subject`."""
        return self._system.health()

    def exposition(self, version: str) -> bytes:
        """See `Subject`."""
        return exposition(self._system._core, version)  # noqa: SLF001 - as above

    def pulse(self) -> Pulse:
        """See `Subject`."""
        core = self._system._core  # noqa: SLF001 - as above
        values: list[tuple[str, dict[str, str], float | None]] = []
        counts: dict[str, int] = {}
        for series in tuple(core.engine.series.values()):
            metric = series.key.metric
            if metric in CHARTED and counts.setdefault(metric, 0) < MAX_SERIES:
                counts[metric] += 1
                value = series.latest()
                values.append((metric, dict(series.key.labels), value if value == value else None))  # noqa: PLR0124 - NaN
        theirs = () if self._siblings is None else self._siblings.written()
        orders = (core.engine.decisions.teller.reasons.version, theirs)
        return Pulse(values, orders, tuple(map(id, self._system.rules)))

    def interval_s(self) -> float:
        """See `Subject`."""
        return self._system.interval_s()

    def connect(self, hear: Hear) -> None:
        """See `Subject`."""
        self._system.alert_changed.connect(hear)

    def disconnect(self, hear: Hear) -> None:
        """See `Subject`."""
        self._system.alert_changed.disconnect(hear)
