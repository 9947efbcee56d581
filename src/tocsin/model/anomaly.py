"""What a detector says of one reading: what was to be expected, how far off it is, and how rare that is."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Reason(StrEnum):
    """In which way a reading is unusual; `NONE` while nothing is."""

    NONE = "none"
    RESIDUAL = "residual"  # a sudden rise over what stood before
    DROP = "drop"  # a sudden fall
    SHIFT = "shift"  # a sudden change that stays
    LEVEL = "level"  # a slow departure from all that is known
    SEASON = "season"  # not what this time of the day, or of the week, is wont to bring
    NOISE = "noise"  # more restless or more still than ever, or stuck at one value


class Phase(StrEnum):
    """How much a detector has learned."""

    SILENT = "silent"  # fewer than 100 readings: it never rings
    PROVISIONAL = "provisional"  # less than a day: it rings at what is extreme
    CALIBRATED = "calibrated"


class AnomalyVerdict(msgspec.Struct, frozen=True, gc=False):
    """What a detector says of one reading.

    Attributes:
        score: -ln of the p-value; 0 is ordinary.
        expected: the value that was expected, in the metric's unit.
        low: below this a single reading rings.
        high: above this a single reading rings.
        p_value: the chance that a reading is as unusual, from 0 to 1.
        return_period_s: how often, in seconds, the metric is as unusual by itself.
        reason: in which way it is unusual.
        phase: how much has been learned.
        alarm: whether the bell rings at this reading; once in an episode, and again when it gets much worse.
        abnormal: whether an episode goes on; from its alarm until it is calm again or the new level is adopted.
    """

    score: float
    expected: float
    low: float
    high: float
    p_value: float
    return_period_s: float
    reason: Reason
    phase: Phase
    alarm: bool
    abnormal: bool
