"""In which way a reading is unusual, and how that is known better as an episode goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from tocsin.model.anomaly import Reason

if TYPE_CHECKING:
    from tocsin.rules.detectors.gauge import Gauge
    from tocsin.rules.detectors.state import State

_SUDDEN: Final = 0.5  # of the distance, made since the last few readings
_STAYS_READINGS: Final = 8
_STANDS_READINGS: Final = 128
_GOES_ON: Final = 1.5


class Sight(NamedTuple):
    """A look at a reading that found it above where peaks begin.

    Attributes:
        log_rate: the logarithm of how often a second it comes to this.
        gauge: the way of looking; None for a run of equal readings.
        off: how far off, in the gauge's unit.
        is_hot: whether this is rarer than the budget allows.
        is_new: whether its cluster of peaks was not hot before.
    """

    log_rate: float
    gauge: Gauge | None
    off: float
    is_hot: bool = False
    is_new: bool = False

    def beside(self, other: Sight | None) -> Sight:
        """Of two the one that counts: what rings before what does not, then what is rarer. It is new if either is."""
        if other is None:
            return self
        is_first = self.log_rate < other.log_rate if self.is_hot == other.is_hot else self.is_hot
        return (self if is_first else other)._replace(is_new=self.is_new or other.is_new)


def reason_of(state: State, sight: Sight, value: float, usual: float | None) -> Reason:
    """In which way a reading is unusual, as far as it can be known at once.

    Args:
        state: before it learns from the reading.
        sight: the look that counts.
        value: the reading.
        usual: what the time of the day brings; None where that is not known.
    """
    course, gauge, off = state.course, sight.gauge, sight.off
    if gauge is None or gauge is state.unrests:
        return Reason.NOISE
    is_mean = gauge is state.stays or gauge is state.tides
    jump = value - course.fast
    if gauge is state.changes or (not is_mean and jump * off > 0.0 and abs(jump) > _SUDDEN * abs(off)):
        return Reason.RESIDUAL if off > 0.0 else Reason.DROP
    if gauge is state.seasons and usual is not None and abs(value - course.long) < abs(usual - course.long):
        return Reason.SEASON  # it lies where the metric is at other times
    # After a step the short mean has moved and the longer one has not; on a slow way both lag alike.
    if abs(course.fast - course.mid) <= _SUDDEN * abs(course.fast - course.long):
        return Reason.LEVEL
    return Reason.SHIFT if off > 0.0 else Reason.DROP


def refine(state: State, sight: Sight) -> None:
    """Once more is known of an episode its reason may be another.

    Args:
        state: before it learns from the reading.
        sight: the look at the reading, which exceeds a level.
    """
    course, episode = state.course, state.episode
    lasts = state.readings - episode.onset_reading
    if lasts <= _STANDS_READINGS:
        episode.stood = course.mid
    elif episode.reason is Reason.SHIFT and abs(course.mid - course.long) > _GOES_ON * abs(episode.stood - course.long):
        episode.reason = Reason.LEVEL  # a step would stand where it stood
    if sight.gauge is None:
        episode.reason = Reason.NOISE  # what looked like a step to another level is stuck there
    if episode.reason not in (Reason.RESIDUAL, Reason.DROP) or sight.gauge is state.changes:
        return
    if lasts >= _STAYS_READINGS and abs(course.fast - course.slow) > _SUDDEN * abs(course.last - course.slow):
        episode.reason = Reason.SHIFT  # a sudden change that is still there
