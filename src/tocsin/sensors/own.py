"""The program's own metrics: single readings by `record`, durations by `timed`, whole sensors by `add_sensor`."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from tocsin.errors import SampleError
from tocsin.model.readings import (
    MAX_NAME_CHARS,
    OVERFLOW_LABELS,
    Labels,
    Layout,
    SeriesKey,
    canonical_labels,
    inert,
)
from tocsin.model.units import SECONDS
from tocsin.sensors.protocol import NAN, Tier, kept_layout
from tocsin.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tocsin.clock import Instant
    from tocsin.sensors.timing import Timed

__all__ = ["CallableSensor", "OwnMetrics", "SeriesLimits"]

QUEUE_CAPACITY: Final = 16_384
MAX_METRICS: Final = 500
MAX_LABEL_SETS: Final = 200
OVERFLOW_KEY: Final = SeriesKey("tocsin.readings.overflow", OVERFLOW_LABELS)

_MAX_REMEMBERED: Final = 20_000
_MAX_SENSOR_SERIES: Final = 1_000

RawLabels = tuple[tuple[object, object], ...]


class SeriesLimits:
    """Bounds the series that a program can make: a label with ids in it must not fill the memory.

    Used by one thread at a time: the one that steps the engine.
    """

    def __init__(self) -> None:
        self._label_sets: dict[str, set[Labels]] = {}
        self._remembered: dict[tuple[str, RawLabels], SeriesKey] = {}
        self.overflowed: dict[str, int] = {"too many metrics": 0, "too many label sets": 0}

    def admit(self, metric: str, labels: RawLabels = ()) -> SeriesKey:
        """The series for a name and labels as the program gave them: its own, or the one for all that is too much."""
        # Only exact strings are looked up: 1 and True are equal, and an odd __hash__ is not ours to call.
        exact = type(metric) is str
        for name, value in labels:
            exact = exact and type(name) is str and type(value) is str
        if exact and (known := self._remembered.get((metric, labels))) is not None:
            return known
        key = self._judge(inert(metric, MAX_NAME_CHARS), canonical_labels(labels))
        if exact and key.labels is not OVERFLOW_LABELS:
            if len(self._remembered) >= _MAX_REMEMBERED:  # many spellings of few series
                self._remembered.clear()
            self._remembered[metric, labels] = key
        return key

    def _judge(self, metric: str, labels: Labels) -> SeriesKey:
        label_sets = self._label_sets.get(metric)
        if label_sets is None:
            if len(self._label_sets) >= MAX_METRICS:
                self.overflowed["too many metrics"] += 1
                return OVERFLOW_KEY
            label_sets = self._label_sets[metric] = set()
        if labels not in label_sets:
            if len(label_sets) >= MAX_LABEL_SETS:
                self.overflowed["too many label sets"] += 1
                return SeriesKey(metric, OVERFLOW_LABELS)
            label_sets.add(labels)
        return SeriesKey(metric, labels)


class OwnMetrics:
    """Readings on their way from the program's threads to the engine, through a bounded queue without a lock.

    Attributes:
        limits: bounds the number of series.
        units: the base units of the metrics of which they are known.
    """

    def __init__(self, capacity: int = QUEUE_CAPACITY) -> None:
        self.limits = SeriesLimits()
        self.units: dict[str, str] = {}
        self._capacity = capacity
        self._queue: deque[tuple[str, float, RawLabels]] = deque()
        self._full = Tally()
        self._no_number = Tally()
        self._bad_labels = Tally()

    def record(self, metric: str, value: object, labels: Mapping[str, object] | None = None) -> None:
        """Hand a reading over, in the metric's base unit; from any thread.

        Never raises and never waits: what cannot be taken is counted in `dropped`.
        """
        queue = self._queue
        if len(queue) >= self._capacity:
            self._full.add()
            return
        try:
            number = value if type(value) is float else _number(value)
        except Exception:  # noqa: BLE001 - a user's __float__ must not reach the host
            self._no_number.add()
            return
        if not math.isfinite(number):
            self._no_number.add()
            return
        try:
            pairs = tuple(labels.items()) if labels else ()  # a copy: the program may change its dict
        except Exception:  # noqa: BLE001 - labels that are no mapping
            self._bad_labels.add()
            return
        queue.append((metric, number, pairs))

    def timed(self, name: str) -> Timed:
        """Time a function or a block into the metric `name`, which is in seconds then."""
        if len(self.units) < MAX_METRICS:
            self.units[inert(name, MAX_NAME_CHARS)] = SECONDS
        from tocsin.sensors.timing import timed  # noqa: PLC0415 - only who measures so has need of it

        return timed(name, self.record)

    def drain(self) -> tuple[list[SeriesKey], list[float]]:
        """Take all readings since the last drain, in their order. For one consumer at a time."""
        keys: list[SeriesKey] = []
        values: list[float] = []
        queue, admit = self._queue, self.limits.admit
        for _ in range(len(queue)):  # not "while queue": busy producers could keep us here for ever
            metric, value, labels = queue.popleft()
            try:
                keys.append(admit(metric, labels))
            except Exception:  # noqa: BLE001 - odd label objects of the user's
                self._bad_labels.add()
                continue
            values.append(value)
        return keys, values

    @property
    def dropped(self) -> dict[str, int]:
        """How many readings were refused, by reason."""
        return {
            "queue full": self._full.value(),
            "not a number": self._no_number.value(),
            "bad labels": self._bad_labels.value(),
        }

    @property
    def overflowed(self) -> dict[str, int]:
        """How many readings went to the common series instead of one of their own, by reason."""
        return dict(self.limits.overflowed)

    def after_fork(self) -> None:
        """Forget readings that the parent will tell."""
        self._queue = deque()


class CallableSensor:
    """A function of the program's as a sensor; it is called on the watch thread and should be quick.

    Args:
        read_values: returns `{name: number}`, `{(name, labels): number}`, or an iterable of `(name, number)` or
            `(name, number, labels)`; labels are a mapping or pairs.
        name: the sensor's name; by default that of the function.
        limits: bounds the number of series.
    """

    tier: Final = Tier.CORE

    def __init__(
        self, read_values: Callable[[], object], *, name: str | None = None, limits: SeriesLimits | None = None
    ) -> None:
        label = name or getattr(read_values, "__qualname__", None) or type(read_values).__name__
        self.name = inert(label, MAX_NAME_CHARS)
        self.layout: Layout = ()
        self._read_values = read_values
        self._limits = limits or SeriesLimits()

    def read(self, now: Instant) -> list[float]:  # noqa: ARG002 - the protocol's shape
        """Call the function.

        Raises: SampleError: if it returns something else than described above. What it raises itself passes.
        """
        triples = _triples(self._read_values())
        if len(triples) > _MAX_SENSOR_SERIES:
            raise SampleError(f"it returned {len(triples)} values; at most {_MAX_SENSOR_SERIES} make sense as metrics")
        readings: dict[SeriesKey, float] = {}
        for metric, number, labels in triples:
            value = _number(number)
            readings[self._limits.admit(metric, labels)] = value if math.isfinite(value) else NAN
        self.layout = kept_layout(self.layout, readings)
        return list(readings.values())

    def close(self) -> None:
        """Nothing is kept open."""


def _number(value: object) -> float:
    """Any number as a float: bool, int, Decimal, Fraction, numpy's; no text, though `float` would take it."""
    if isinstance(value, (str, bytes, bytearray)):
        raise SampleError(f"expected a number, found the text {value!r:.60}")
    try:
        return float(value)  # type: ignore[arg-type]
    except TypeError as error:
        raise SampleError(f"expected a number, found {type(value).__name__}") from error


def _triples(returned: object) -> list[tuple[str, object, RawLabels]]:
    """Name, number and labels of each value, out of all shapes that a function may return."""
    if hasattr(returned, "__await__"):
        if hasattr(returned, "close"):
            returned.close()  # else the interpreter warns that it was never awaited
        raise SampleError("it is a coroutine function; expected a plain function")
    if hasattr(returned, "items"):
        return [_keyed(key, value) for key, value in returned.items()]
    if not hasattr(returned, "__iter__") or isinstance(returned, (str, bytes)):
        raise SampleError(f"it returned {type(returned).__name__}; expected a mapping of names to numbers")
    return [_listed(entry) for entry in returned]


def _keyed(key: object, value: object) -> tuple[str, object, RawLabels]:
    if isinstance(key, SeriesKey):
        return key.metric, value, key.labels
    if isinstance(key, tuple) and len(key) == 2:
        return _name(key[0]), value, _pairs(key[1])
    return _name(key), value, ()


def _listed(entry: object) -> tuple[str, object, RawLabels]:
    if isinstance(entry, (tuple, list)) and len(entry) == 2:
        return _name(entry[0]), entry[1], ()
    if isinstance(entry, (tuple, list)) and len(entry) == 3:
        return _name(entry[0]), entry[1], _pairs(entry[2])
    raise SampleError(f"expected (name, number) or (name, number, labels), found {inert(repr(entry), 80)}")


def _name(name: object) -> str:
    if not isinstance(name, str) or not name:
        raise SampleError(f"expected the name of a metric, found {inert(repr(name), 80)}")
    return name


def _pairs(labels: object) -> RawLabels:
    if labels is None:
        return ()
    try:
        pairs: Any = labels.items() if hasattr(labels, "items") else labels
        return tuple((name, value) for name, value in pairs)
    except (TypeError, ValueError) as error:
        raise SampleError(f"expected labels as a mapping or pairs, found {inert(repr(labels), 80)}") from error
