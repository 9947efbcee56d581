"""Growth that slows by itself: what caches, vocabularies and pools do that come to know all there is.

Two laws, each at a few scales. Where each of a number of things is as likely as any other, new ones come at a rate
that falls exponentially (the coupon collector); where some are much rarer than others, as words are, it falls about as
one by the time (Zipf and Heaps). Which of them it is does not matter here, only how much better than an even rate they
explain the births.
"""

from __future__ import annotations

from math import exp, log
from typing import TYPE_CHECKING, Final, NamedTuple

from tocsin.memory.leaks.evenness import BINS, dispersion

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tocsin.memory.leaks.cohorts import Cohort

    Law = Callable[[float], float]  # from the share of the span that is over to that of the births until then


class Slowing(NamedTuple):
    """How well the best law explains births.

    Attributes:
        gain: of log likelihood over an even rate; 0 if that explains them best.
        dispersion: how bursty they are around the law. An even rate would take the slowing itself for a burst.
    """

    gain: float
    dispersion: float

    @property
    def sigmas(self) -> float:
        """How surely it slows, in standard deviations (Wilks 1938)."""
        return float((2 * self.gain / self.dispersion) ** 0.5)


def _as_one_by_time(scale: float) -> Law:
    whole = log(1 + 1 / scale)
    return lambda share: log(1 + share / scale) / whole


def _exponential(scale: float) -> Law:
    whole = 1 - exp(-1 / scale)
    return lambda share: (1 - exp(-share / scale)) / whole


_LAWS: Final = (
    *(_as_one_by_time(scale) for scale in (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)),
    *(_exponential(scale) for scale in (0.03, 0.06, 0.12, 0.25, 0.5)),
)


def find_slowing(cohorts: Sequence[Cohort], begin_s: float, end_s: float) -> Slowing:
    """The law that explains the births of a span best."""
    span_s = end_s - begin_s
    spans = [((one.begin_s - begin_s) / span_s, (one.end_s - begin_s) / span_s, one.even) for one in cohorts]
    even = sum([births * log(max(to - since, 1e-9)) for since, to, births in spans])
    best, best_law = 0.0, None
    for law in _LAWS:
        gain = sum([births * log(max(law(to) - law(since), 1e-12)) for since, to, births in spans]) - even
        if gain > best:
            best, best_law = gain, law
    if best_law is None:
        return Slowing(0.0, 1.0)
    return Slowing(best, dispersion(_by_the_clock_of(best_law, spans)))


def _by_the_clock_of(law: Law, spans: Sequence[tuple[float, float, float]]) -> list[float]:
    """Births in each twelfth of a time that runs as the law does, in which they are even."""
    counts = [0.0] * BINS
    for since, to, births in spans:
        begin, end = law(since) * BINS, max(law(to) * BINS, law(since) * BINS + 1e-9)
        for place in range(min(int(begin), BINS - 1), min(int(end), BINS - 1) + 1):
            counts[place] += births * max(min(end, place + 1) - max(begin, place), 0.0) / (end - begin)
    return counts
