"""The last readings, written down as Prometheus reads them (text format 0.0.4)."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from tocsin.model.levels import AlertSeverity, AlertState
from tocsin.web.exposition.names import exposed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tocsin.model.readings import SeriesKey
    from tocsin.system.core import SystemCore

KIND: Final = b"text/plain; version=0.0.4; charset=utf-8"


class Family:
    """All series of one name."""

    def __init__(self, name: str, kind: str, text: str) -> None:
        self.name = name
        self.kind = kind
        self.text = text
        self._samples: dict[str, float] = {}

    def add(self, labels: dict[str, str], value: float) -> None:
        """One series; of two that come out the same, the later."""
        inside = ",".join(f'{name}="{_escaped(text)}"' for name, text in sorted(labels.items()))
        self._samples[f"{{{inside}}}" if inside else ""] = value

    def lines(self) -> Iterable[str]:
        """As they are written."""
        yield f"# HELP {self.name} {_help(self.text)}"
        yield f"# TYPE {self.name} {self.kind}"
        for labels, value in self._samples.items():
            yield f"{self.name}{labels} {_number(value)}"


def exposition(core: SystemCore, version: str) -> bytes:
    """All that is measured, and how many alerts are open.

    Args:
        core: the system.
        version: of Tocsin.
    """
    readings = [(series.key, series.last()) for series in tuple(core.engine.series.values())]
    families = gathered((key, value) for key, value in readings if value == value)  # noqa: PLR0124 - NaN: no reading
    total = process_cpu_s(readings)
    if total is not None:
        family = families["process_cpu_seconds_total"] = Family(
            "process_cpu_seconds_total", "counter", "CPU time of the program, user and system together"
        )
        family.add({}, total)
    alerts = families["tocsin_alerts_firing"] = Family("tocsin_alerts_firing", "gauge", "alerts that fire, by severity")
    firing = [alert for alert in core.engine.book.open_alerts() if alert.state is AlertState.FIRING]
    counts = Counter(alert.severity for alert in firing)
    for severity in AlertSeverity:
        alerts.add({"severity": severity.word}, counts[severity])
    build = families["tocsin_build_info"] = Family("tocsin_build_info", "gauge", "the version of Tocsin; always 1")
    build.add({"version": version}, 1)
    lines = (line for name in sorted(families) for line in families[name].lines())
    return ("\n".join(lines) + "\n").encode("utf-8", "replace")


def gathered(readings: Iterable[tuple[SeriesKey, float]]) -> dict[str, Family]:
    """The families of some readings. A name that two metrics of different kinds would share goes to the first."""
    families: dict[str, Family] = {}
    for key, value in readings:
        meta, labels = exposed(key.metric, key.labels)
        family = families.get(meta.name)
        if family is None:
            family = families[meta.name] = Family(meta.name, meta.kind, meta.text)
        if family.kind == meta.kind:
            family.add(labels, value)
    return families


def process_cpu_s(readings: Iterable[tuple[SeriesKey, float]]) -> float | None:
    """CPU seconds of the program in all: what client libraries call `process_cpu_seconds_total`."""
    parts = [value for key, value in readings if key.metric == "process.cpu.time" and value == value]  # noqa: PLR0124 - NaN
    return sum(parts) if parts else None


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _help(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)
