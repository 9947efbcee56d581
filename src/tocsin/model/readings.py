"""Readings on their way from the sensors to the engine.

A sensor says once what it measures (its layout) and then hands over bare floats in that order; a sample is one
`Instant` and two parallel arrays. Two hundred values a second make no two hundred objects.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import msgspec

from tocsin.model.metrics import MetricInfo, describe

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAX_LABELS: Final = 16
MAX_LABEL_CHARS: Final = 200
MAX_NAME_CHARS: Final = 200
TRUNCATED: Final = "…[cut]"

Labels = tuple[tuple[str, str], ...]
"""Labels in canonical form: sorted by name, inert text, bounded."""

OVERFLOW_LABELS: Final[Labels] = (("otel.metric.overflow", "true"),)


class SeriesKey(msgspec.Struct, frozen=True):
    """One metric with one set of labels: the name of a series."""

    metric: str
    labels: Labels = ()

    def __str__(self) -> str:
        if not self.labels:
            return self.metric
        return self.metric + "{" + ", ".join(f"{name}={value!r}" for name, value in self.labels) + "}"


Layout = tuple[SeriesKey, ...]


class SensorHealth(msgspec.Struct, frozen=True):
    """How a sensor does.

    Attributes:
        name: the sensor.
        state: `ok`; `set aside` after a failure, until it is tried again; `absent` where the machine lacks its source.
        reason: why, in words; empty when ok.
        failures: how often it failed in a row.
        retry_in_s: seconds until it is tried again; None unless set aside.
    """

    name: str
    state: str
    reason: str = ""
    failures: int = 0
    retry_in_s: float | None = None


class PerformanceReport(msgspec.Struct, frozen=True):
    """All that was read at one time.

    Attributes:
        at_utc: ISO 8601, UTC.
        values: the last reading of each series, in the metric's base unit.
        sensors: how each sensor does.
    """

    at_utc: str
    values: dict[SeriesKey, float]
    sensors: tuple[SensorHealth, ...] = ()

    def get(self, metric: str, labels: Mapping[str, str] | None = None) -> float | None:
        """The value of one series in the metric's base unit; None where there is no reading."""
        return self.values.get(SeriesKey(metric, canonical_labels(labels or {})))

    def info(self, metric: str) -> MetricInfo:
        """The unit and meaning of a metric."""
        return describe(metric)


def inert(text: object, limit: int) -> str:
    """Make any object a bounded text that every encoding can carry.

    Lone surrogates are replaced, a text beyond `limit` characters ends in a mark. Control characters stay: how they
    are shown is for each channel to decide.
    """
    if not isinstance(text, str):
        try:
            text = str(text)
        except Exception:  # noqa: BLE001 - a user's broken __str__ must not reach the host
            text = f"<{type(text).__name__} that cannot be shown>"
    elif type(text) is not str:
        text = str.__str__(text)  # a subclass of the user's may have a hash or a comparison of its own
    if len(text) > limit:
        text = text[: max(limit - len(TRUNCATED), 0)] + TRUNCATED
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode("utf-8")
    return text


def canonical_labels(labels: Mapping[str, str] | Iterable[tuple[object, object]]) -> Labels:
    """Sort and bound labels, so that equal ones are equal: at most 16, each name and value at most 200 characters."""
    pairs = labels.items() if hasattr(labels, "items") else labels
    clean = sorted({inert(name, MAX_LABEL_CHARS): inert(value, MAX_LABEL_CHARS) for name, value in pairs}.items())
    return tuple(clean[:MAX_LABELS])


def is_reading(value: float) -> bool:
    """Whether a float is a reading: NaN and infinities mean that nothing was measured."""
    return math.isfinite(value)
