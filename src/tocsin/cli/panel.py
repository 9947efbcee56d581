"""The main metrics: which are shown, in what words, and how the many series of a metric become one figure."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

from tocsin.model.metrics import describe
from tocsin.model.units import format_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tocsin.model.readings import SeriesKey

HISTORY: Final = 40
_NAN: Final = float("nan")


class Figure(NamedTuple):
    """One line of the panel.

    Attributes:
        text: what it is, in words.
        metric: the metric.
        label: only series with this label, as (name, value).
        top: the value of a full bar; None: the largest one shown.
        worst: whether several series become their largest, and not their sum.
    """

    text: str
    metric: str
    label: tuple[str, str] | None = None
    top: float | None = None
    worst: bool = False

    @property
    def unit(self) -> str:
        """The unit of the figure; counters are shown by the second."""
        info = describe(self.metric)
        return f"{info.unit}/s" if info.kind == "counter" else info.unit

    def pick(self, latest: Mapping[SeriesKey, float]) -> float:
        """The figure of the last readings; NaN where there is none."""
        found = [value for key, value in latest.items() if self._fits(key)]
        if not found:
            return _NAN
        return max(found) if self.worst else sum(found)

    def _fits(self, key: SeriesKey) -> bool:
        return key.metric == self.metric and (self.label is None or self.label in key.labels)


HOST: Final = (
    Figure("CPU of the machine", "system.cpu.utilization", top=1.0),
    Figure("memory of the machine", "system.memory.utilization", top=1.0),
    Figure("swap space", "system.paging.utilization", top=1.0),
    Figure("load, 1 minute", "system.cpu.load_average.1m"),
    Figure("fullest file system", "system.filesystem.utilization", top=1.0, worst=True),
    Figure("disk, read", "system.disk.io", ("direction", "read")),
    Figure("disk, written", "system.disk.io", ("direction", "write")),
    Figure("network, received", "system.network.io", ("direction", "receive")),
    Figure("network, sent", "system.network.io", ("direction", "transmit")),
)
PROCESS: Final = (
    Figure("CPU of the program", "process.cpu.utilization"),
    Figure("memory of the program", "process.memory.usage"),
    Figure("threads of the program", "process.thread.count"),
    Figure("open files of the program", "process.open_file_descriptor.count"),
)


class Line(NamedTuple):
    """A figure as it stands: its words, its value as text, and its past, oldest first."""

    text: str
    value: str
    past: tuple[float, ...]
    top: float | None


class Panel:
    """Remembers a short past of each figure.

    Args:
        figures: what is shown, in this order.
    """

    def __init__(self, figures: Iterable[Figure]) -> None:
        self._past: dict[Figure, deque[float]] = {figure: deque(maxlen=HISTORY) for figure in figures}

    def take(self, latest: Mapping[SeriesKey, float]) -> None:
        """Remember the present readings; counters are given as rates a second."""
        for figure, past in self._past.items():
            past.append(figure.pick(latest))

    def lines(self) -> list[Line]:
        """The figures as they stand; those that were never read are left out."""
        return [
            Line(figure.text, format_value(past[-1], figure.unit), tuple(past), figure.top)
            for figure, past in self._past.items()
            if any(value == value for value in past)  # noqa: PLR0124 - NaN alone differs from itself
        ]


def words_of(metric: str) -> str:
    """What a metric is called on the screen; a metric of the program's own keeps its name."""
    return next((figure.text for figure in (*HOST, *PROCESS) if figure.metric == metric), metric)
