"""How births lie in a span of time: how bursty they are, how many came lately, how many are missing.

All is counted in sampled blocks, which come as a Poisson process whatever the program allocates; bursts of the program
make it more uneven than that.
"""

from __future__ import annotations

from itertools import pairwise
from math import log1p
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.memory.leaks.cohorts import Cohort

LEAST_SAMPLES: Final = 8  # below, nothing is called a leak
BINS: Final = 12
_BURSTY: Final = 2.0


def by_bin(cohorts: Sequence[Cohort], begin_s: float, end_s: float) -> list[float]:
    """Births in each twelfth of a span."""
    per_s = BINS / max(end_s - begin_s, 1e-9)
    counts = [0.0] * BINS
    for cohort in cohorts:
        place = int(((cohort.begin_s + cohort.end_s) / 2 - begin_s) * per_s)
        counts[place if place < BINS else BINS - 1] += cohort.even
    return counts


def dispersion(counts: Sequence[float]) -> float:
    """How much more uneven births are than chance would have them; 1 if they are not.

    Args:
        counts: births in equal parts of a span.
    Returns: the variance by the mean; where they come in bursts, the size of one. A rate that changes slowly is no
        burst: where neighbours differ less than all do, it is they that count (von Neumann 1941).
    """
    mean = sum(counts) / len(counts)
    if mean <= 0:
        return 1.0
    all_differ = sum([(count - mean) ** 2 for count in counts]) / (len(counts) - 1)
    neighbours_differ = sum([(one - other) ** 2 for one, other in pairwise(counts)]) / 2 / (len(counts) - 1)
    ratio = min(all_differ, neighbours_differ) / mean
    return ratio if ratio > _BURSTY else 1.0


def burstiness(cohorts: Sequence[Cohort], begin_s: float, end_s: float) -> float:
    """The dispersion of births in a span."""
    return dispersion(by_bin(cohorts, begin_s, end_s))


def missing(cohorts: Sequence[Cohort], begin_s: float, end_s: float) -> float:
    """How surely births are missing since the last one: the logarithm of one by the chance that none came.

    With many births that is the number that should have come, at the rate up to the last one. A rate known from few may
    be lower than it looks, so the chance of a gap is larger: (1 + gap / span) ** -births, where no more is known of the
    rate. A burst counts as one birth.
    """
    last_s = cohorts[-1].end_s
    if end_s <= last_s:
        return 0.0
    events = sum([cohort.even for cohort in cohorts]) / burstiness(cohorts, begin_s, last_s)
    return events * log1p((end_s - last_s) / max(last_s - begin_s, 1e-9))


def share_after(cohorts: Sequence[Cohort], after_s: float) -> float:
    """Samples born after a time; of a cohort that it cuts, the share."""
    total = 0.0
    for cohort in reversed(cohorts):
        if cohort.end_s <= after_s:
            break
        width_s = cohort.end_s - cohort.begin_s
        total += cohort.even * (min((cohort.end_s - after_s) / width_s, 1.0) if width_s > 0 else 1.0)
    return total
