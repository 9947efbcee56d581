"""Where `emit` hands over: a queue without a lock, bounded, with exact counts.

A Python lock on this path would be held by some thread whenever another one forks, and the child would hang. So
producers only append; merging equal events, validation of what is odd, and counting happen on the consumer's side.
"""

from __future__ import annotations

from collections import Counter, deque
from itertools import islice, repeat, starmap
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tocsin.model.inputs import Event
from tocsin.model.levels import AlertCategory, AlertSeverity, read_level
from tocsin.model.notice import Receipt
from tocsin.model.readings import Labels, canonical_labels, inert
from tocsin.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Events of a step: very many that differ would keep the watch thread from its readings, and from what is urgent.
AT_ONCE: Final = 8192
# Critical events that may wait, whatever else does.
URGENT: Final = 8192
MAX_TITLE: Final = 200
MAX_SOURCE: Final = 200
MAX_MESSAGE: Final = 1000
MAX_ADVICE: Final = 20
MAX_TEXT: Final = 1000  # of all texts of an event together, for it to be taken as it is

ACCEPTED: Final = Receipt(durable=False, reason="accepted in memory")
DROPPED: Final = Receipt(durable=False, reason="the queue is full", accepted=False)
UNREADABLE: Final = Receipt(durable=False, reason="its arguments cannot be read", accepted=False)
DISABLED: Final = Receipt(durable=False, reason="TOCSIN_DISABLED is set", accepted=False)

_GENERAL: Final = AlertCategory.GENERAL

# An event lies in the queue as six things in a row, not as a tuple of them: what is not a container does not make the
# garbage collector run on the caller's time (that was the slowest call in seven hundred).
_FIELDS: Final = 6
_Raw = tuple[Any, Any, Any, Any, Any, Any]  # title, message, level, source, category, component or _More


class _More(NamedTuple):
    """What stands in the place of the component when an event has labels or recommendations too."""

    component: str
    labels: Labels
    recommendations: tuple[str, ...]


class Intake:
    """The queue between the program's threads and the one that steps.

    Args:
        capacity: events that may wait.
        ring: called when the queue is no longer empty; must not block.

    Attributes:
        queue: the events, six things each. `emit` puts plain ones there by itself.
        urgent: those that are critical, likewise: no lesser ones take their place, and none goes before them.
        limit: what lies in the queue at most; -1 if none is taken.
        rung: whether the consumer knows that the queue is not empty.
    """

    def __init__(self, capacity: int, ring: Callable[[], None]) -> None:
        self.odd_levels = Tally()
        self.odd_categories = Tally()
        self.reload(capacity)
        self._ring = ring
        self._dropped = Tally()
        self._drained = 0
        self._passed_on = 0
        self.after_fork()

    def after_fork(self) -> None:
        """In the child: what waits is the parent's to judge."""
        self.queue: deque[Any] = deque()
        self.urgent: deque[Any] = deque()
        self.rung = False

    def reload(self, capacity: int) -> None:
        """Let so many events wait from now on; those that wait already stay."""
        self.limit = capacity * _FIELDS
        self._urgent_limit = min(self.limit, URGENT * _FIELDS)

    def __len__(self) -> int:
        return (len(self.queue) + len(self.urgent)) // _FIELDS

    def offer(  # noqa: PLR0917 - as `emit`, in one order
        self,
        title: object,
        message: object,
        level: object,
        source: object,
        category: object,
        component: object,
        labels: Any,
        recommendations: Any,
    ) -> Receipt:
        """Take an event of any kind. Never blocks and never raises."""
        try:
            critical = read_level(level)[0] is AlertSeverity.CRITICAL
            lane, limit = (self.urgent, self._urgent_limit) if critical else (self.queue, self.limit)
            if len(lane) >= limit:
                return self.refuse()
            lane.extend(self._clean(title, message, level, source, category, component, labels, recommendations))
        except Exception:  # noqa: BLE001 - a user's odd object must not reach the host
            self._dropped.add()
            return UNREADABLE
        if not self.rung:
            self.ring()
        return ACCEPTED

    def ring(self) -> None:
        """Say that the queue is no longer empty."""
        self.rung = True
        try:
            self._ring()
        except BaseException:  # a Ctrl-C: nobody knows whether it was heard, so the next event rings again
            self.rung = False
            raise

    def refuse(self) -> Receipt:
        """Take nothing, and count it."""
        if self.limit < 0:
            return DISABLED
        self._dropped.add()
        return DROPPED

    def drain(self) -> list[Event]:
        """Take what waits, equal events merged; for the one thread that steps. Of very many, some stay for the next.

        What is critical goes first, and alone: whoever is called for it does not wait for all the others.
        """
        self.rung = False
        lane = self.urgent or self.queue
        # One call, so that a signal handler that raises (Ctrl-C) cannot leave a part of an event behind.
        flat = iter(list(starmap(lane.popleft, repeat((), min(len(lane), AT_ONCE * _FIELDS)))))
        batch: list[_Raw] = list(zip(flat, flat, flat, flat, flat, flat, strict=True))
        if not batch:
            return []
        self._drained += len(batch)
        events = list(self._merge(batch).values())
        self._passed_on += len(events)
        return events

    def counts(self) -> dict[str, int]:
        """Exact counts; offered = accepted + coalesced + dropped + waiting."""
        waiting, dropped = len(self), self._dropped.value()
        return {
            "offered": self._drained + waiting + dropped,
            "accepted": self._passed_on,
            "coalesced": self._drained - self._passed_on,
            "dropped": dropped,
            "waiting": waiting,
        }

    def make_event(self, *raw: Any) -> Event:
        """The event of the arguments of `offer`, for those who wait for its judgement."""
        return self._event(self._clean(*raw), 1)

    def _merge(self, batch: list[_Raw]) -> dict[object, Event]:
        """Merge what is equal but for its message; of the messages the last is kept."""
        try:
            return self._merge_plain(batch)
        except Exception:  # noqa: BLE001 - an odd object that has no hash, or a broken one
            return self._merge_plain(list(self._readable(batch)))

    def _merge_plain(self, batch: list[_Raw]) -> dict[object, Event]:
        counted = Counter(batch)  # in C, a tenth of a microsecond an event
        merged: dict[object, Event] = {}
        counts: Counter[object] = Counter()
        for raw, count in counted.items():
            key = (raw[0], *raw[2:])
            counts[key] += count
            merged[key] = raw  # type: ignore[assignment]
        return {key: self._event(raw, counts[key]) for key, raw in merged.items()}  # type: ignore[arg-type]

    def _readable(self, batch: list[_Raw]) -> Iterator[_Raw]:
        for raw in batch:
            try:
                yield self._clean(*raw)
            except Exception:  # noqa: BLE001 - as above
                self._drained -= 1
                self._dropped.add()

    def _event(self, raw: _Raw, count: int) -> Event:
        title, message, level, source, category, component = raw
        more = component if isinstance(component, _More) else _More(inert(component, MAX_SOURCE), (), ())
        return Event(
            title=inert(title, MAX_TITLE), message=inert(message, MAX_MESSAGE), severity=self._level(level),
            source=inert(source, MAX_SOURCE), category=category, component=more.component, labels=more.labels,
            recommendations=more.recommendations, count=count,
        )  # fmt: skip

    def _clean(  # noqa: PLR0917 - as `offer`
        self, title: object, message: object, level: object, source: object,
        category: object, component: object, labels: Any = None, recommendations: Any = (),
    ) -> _Raw:  # fmt: skip
        """Bring odd arguments into the plain form; whatever they are, none of them raises."""
        if isinstance(component, _More):
            return title, message, level, source, category, component
        try:
            flat = canonical_labels(labels or {})
        except Exception:  # noqa: BLE001 - a user's odd mapping must not reach the host
            flat = (("tocsin.labels", inert(labels, MAX_SOURCE)),)
        try:
            several = [recommendations] if isinstance(recommendations, str) else recommendations or ()
            texts = list(islice(several, MAX_ADVICE))
        except Exception:  # noqa: BLE001 - as above
            texts = [recommendations]
        return (
            inert(title, MAX_TITLE), inert(message, MAX_MESSAGE), self._level(level), inert(source, MAX_SOURCE),
            self._category(category), _More(inert(component, MAX_SOURCE), flat, _advice(texts)),
        )  # fmt: skip

    def _level(self, level: object) -> AlertSeverity:
        severity, understood = read_level(level)
        if not understood:
            self.odd_levels.add()
        return severity

    def _category(self, category: object) -> AlertCategory:
        try:
            return AlertCategory(str(category).lower())
        except Exception:  # noqa: BLE001 - no category, or one that cannot even be shown
            self.odd_categories.add()
            return _GENERAL


def _advice(texts: list[Any]) -> tuple[str, ...]:
    return tuple(inert(text, MAX_MESSAGE) for text in texts)
