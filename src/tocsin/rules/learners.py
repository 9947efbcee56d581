"""All that rules have learned of their series, and what it may cost.

One learner for each series and way of reading it, shared by the rules that look at it so. The false alarms that a host
may have in a week are divided among its learners, so that the whole keeps the promise and not each alone.
"""

from __future__ import annotations

import math
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tocsin.model.metrics import CATALOGUE, describe

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable

    from tocsin.model.readings import SeriesKey
    from tocsin.model.rule import AlertRule
    from tocsin.rules.learned import LearnedWatch, Learner, Remembered

# So many series that have not come back are kept for a later process, those that were read last.
MOST_LEFT: Final = 200
# So often it is looked which series are still read.
_TENDED_S: Final = 60.0
# These may be below zero; whatever else has a name in the catalogue may not.
_SIGNED: Final = frozenset({"tocsin.memory.growth.rate", "tocsin.memory.leak.rate"})


class Learners:
    """All learners of an engine.

    Args:
        false_alarms_per_week: for all series together.
        unix_s: the wall clock as of the step that is made.
    """

    def __init__(self, false_alarms_per_week: float, unix_s: Callable[[], float]) -> None:
        self._budget = false_alarms_per_week
        self._ask_unix_s = unix_s
        self._unix_s, self._unix_of_s = 0.0, math.nan
        self._known: dict[str, Learner] = {}
        self._now_s = -math.inf  # when it was last looked which of them are read
        self._sharing: list[Learner] = []
        self._left: dict[str, dict[str, Any]] = {}  # what another process had learned, until its series come

    def take_up(
        self, rule: AlertRule, series: Remembered, read: Callable[[float], float] | None
    ) -> LearnedWatch | None:
        """How the rule judges this series; None: by a threshold alone.

        Args:
            rule: the rule.
            series: the series.
            read: as the rule reads it; None: the last reading.
        """
        if not rule.learns:
            return None
        from tocsin.rules.learned import LearnedWatch  # noqa: PLC0415 - as in `load`

        name = _name_of(rule, series.key)
        learner = self._known.get(name)
        if learner is None or learner.series is not series:
            learner = self._known[name] = self._make(name, rule, series, read)
            self._divide()
        learner.keep_pace(rule)
        return LearnedWatch(rule, learner)

    @staticmethod
    def load(rules: Iterable[AlertRule]) -> None:
        """Load what these rules need to learn, so that no thread of ours is at it when the program forks."""
        if any(rule.learns for rule in rules):
            import tocsin.rules.detectors.anomaly  # noqa: PLC0415 - what does not learn has no need of it
            import tocsin.rules.learned  # noqa: F401, PLC0415 - as above

    def share(self, false_alarms_per_week: float) -> None:
        """Let all together have so many false alarms a week from now on."""
        if false_alarms_per_week != self._budget:
            self._budget = false_alarms_per_week
            self._divide()

    def tend(self, mono_s: float) -> None:
        """What is no longer read leaves its share of the false alarms to the others, until it is read again."""
        if mono_s - self._now_s >= _TENDED_S:
            self._now_s = mono_s
            if self._sharing != self._share_holders():
                self._divide()

    def bound(self, metric: str) -> float:
        """The lowest bound, above, that was learned for a metric that is still read; infinite: none is known."""
        of_metric = [one for one in tuple(self._known.values()) if one.metric() == metric]
        return min((one.bound(1) for one in of_metric if one.is_read(self._now_s)), default=math.inf)

    def charted(self, metrics: Container[str]) -> list[Learner]:
        """Those that learn what charts of these metrics show, one a series; from any thread."""
        known = tuple(self._known.values())
        return list({one.series.key: one for one in known if one.as_charted and one.metric() in metrics}.values())

    def budget(self, rule: AlertRule) -> float:
        """How many false alarms a week a rule that learns may cost on each of its series."""
        sharing = len(self._share_holders())
        return self._budget / max(sharing, 1) if rule.sensitivity is None else rule.sensitivity

    def unusual(self, mono_s: float = -math.inf) -> list[Learner]:
        """Those that are unusual at a moment (monotonic seconds), the rarest first."""
        found = [one for one in self._known.values() if one.is_unusual(early=one.early) and one.is_read(mono_s)]
        if not found:
            return found
        return sorted(found, key=lambda one: -(one.verdict.score if one.verdict is not None else 0.0))

    def keep(self) -> bytes:
        """All that was learned; empty where nothing learns."""
        known = {name: one.detector.to_state() for name, one in self._known.items()}
        # Labels may be others at each start: what does not come back is kept for a while, and not for ever.
        left = sorted(self._left.items(), key=lambda one: _read_last_s(one[1]))[-MOST_LEFT:]
        kept = {**dict(left), **known}
        return msgspec.msgpack.encode(kept) if kept else b""

    def restore(self, kept: bytes) -> None:
        """Go on with what another process had learned; each series takes its part when it comes."""
        with suppress(msgspec.MsgspecError):  # of another version: it is learned anew
            self._left = msgspec.msgpack.decode(kept, type=dict[str, dict[str, Any]]) if kept else {}

    def _make(self, name: str, rule: AlertRule, series: Remembered, read: Callable[[float], float] | None) -> Learner:
        from tocsin.rules.detectors.anomaly import AnomalyDetector  # noqa: PLC0415 - as in `load`
        from tocsin.rules.learned import Learner  # noqa: PLC0415 - as above

        settings: dict[str, Any] = {
            "false_alarms_per_week": rule.sensitivity or self._budget,
            "min_change": rule.least_change,
            "legal_range": _legal(series.key.metric),
        }
        detector = AnomalyDetector(**settings)
        left, goes_on = self._left.pop(name, None), False
        if left is not None:
            with suppress(ValueError):  # as above
                detector, goes_on = AnomalyDetector.from_state(left, **settings), True
        shows_rates = describe(series.key.metric).kind == "counter"
        as_charted = (rule.aggregate == "rate") is shows_rates and rule.aggregate not in {"delta", "sum"}
        own = rule.sensitivity is not None
        return Learner(series, read, detector, self._wall_s, own=own, as_charted=as_charted, goes_on=goes_on)

    def _wall_s(self, mono_s: float) -> float:
        """The wall clock, asked once a step and not for each series."""
        if mono_s != self._unix_of_s:
            self._unix_of_s, self._unix_s = mono_s, self._ask_unix_s()
        return self._unix_s

    def _share_holders(self) -> list[Learner]:
        """Those that the budget is divided among: also what is new, and was not read yet."""
        known = tuple(self._known.values())
        return [one for one in known if not one.own and (one.verdict is None or one.is_read(self._now_s))]

    def _divide(self) -> None:
        self._sharing = sharing = self._share_holders()
        for one in sharing:
            one.detector.allow(self._budget / len(sharing))


def _name_of(rule: AlertRule, key: SeriesKey) -> str:
    """What makes a learner: the series, how it is read, and what it may cost. It stays the same over restarts."""
    return f"{key}|{rule.aggregate}|{rule.window_s:g}|{rule.sensitivity}|{rule.least_change:g}"


def _read_last_s(state: dict[str, Any]) -> float:
    """When the series of a detector's state was read last, in Unix seconds; 0 in one of another version."""
    at_s = state.get("at_s")
    return at_s if isinstance(at_s, float) else 0.0


def _legal(metric: str) -> tuple[float, float] | None:
    return (0.0, math.inf) if metric in CATALOGUE and metric not in _SIGNED else None
