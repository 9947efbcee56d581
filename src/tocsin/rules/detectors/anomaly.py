"""AnomalyDetector: what was to be expected of a reading, how far off it is, and how rare that is."""

# ruff: noqa: FURB136, PLR1730 - a call of min or max costs more than two comparisons, and this runs at each reading
# So does a call of ours: what each reading passes through stands in few and long functions, and reads a field once.

from __future__ import annotations

from math import exp, inf, log
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from tocsin.model.anomaly import AnomalyVerdict, Phase, Reason
from tocsin.rules.detectors import state as keeping
from tocsin.rules.detectors.calibrator import WEEK_S
from tocsin.rules.detectors.gauge import ORDINARY
from tocsin.rules.detectors.ordinary import SMALLEST, learn, least_spread, standing, usual_of
from tocsin.rules.detectors.reasons import Sight, reason_of, refine
from tocsin.rules.detectors.season import DAY_S

if TYPE_CHECKING:
    from tocsin.rules.detectors.state import State

# A member of an enumeration is looked up more slowly than a name.
_NONE: Final = Reason.NONE
_SILENT, _PROVISIONAL, _CALIBRATED = Phase.SILENT, Phase.PROVISIONAL, Phase.CALIBRATED
SILENT_READINGS: Final = 100
_SHARES: Final = 6.0  # the budget is divided: so many ways to ring, in effect; they are not independent
_LARGEST: Final = 1e300  # so that no difference overflows
_HIGHEST_SCORE: Final = 600.0  # so that its odds are a number
_JUDGED_FROM: Final = 30  # readings; until then the spreads are not known
_MOVES: Final = 30  # changes that are seen before standing still is news
_BEYOND: Final = 1.0  # of the known range: in the first day only what lies outside by this much rings
_TAME: Final = 1.5
_LEAST_RESTLESS: Final = 0.05
_SPREAD_S: Final = 3 * DAY_S
_HALF_DAY_S: Final = DAY_S / 2
_QUICK: Final = 20  # readings in which the interval between them is the mean of all; then of about as many
_GAP_INTERVALS: Final = 5.0
_GAP_S: Final = 5.0
_GAPS: Final = 30  # in a row; one more is the new pace


class Band(NamedTuple):
    """Where readings are expected, in the metric's unit: a single one outside rings."""

    expected: float
    low: float
    high: float


class AnomalyDetector:
    """Learns one metric from its readings, and rings at what is rarer than asked for.

    Args:
        false_alarms_per_week: how many alarms a week are acceptable where nothing is wrong; > 0.
        min_change: what is nearer than this to the expected value never rings, in the metric's unit.
        legal_range: the lowest and the highest value that the metric can have; bands are clamped to it.

    Raises: ValueError: for a budget that is not above 0, a change below 0 or a range that is upside down.
    """

    def __init__(
        self,
        *,
        false_alarms_per_week: float = 1.0,
        min_change: float = 0.0,
        legal_range: tuple[float, float] | None = None,
    ) -> None:
        if not 0.0 < false_alarms_per_week < inf:
            raise ValueError(f"false_alarms_per_week: found {false_alarms_per_week!r}, expected a number above 0")
        if not 0.0 <= min_change < inf:
            raise ValueError(f"min_change: found {min_change!r}, expected 0 or more, in the metric's unit")
        self._lowest, self._highest = legal_range or (-inf, inf)
        if not self._lowest < self._highest:
            raise ValueError(f"legal_range: found {legal_range!r}, expected (lowest, highest)")
        self._min_change = min_change
        self._state = keeping.fresh(false_alarms_per_week / WEEK_S / _SHARES)
        self.allow(false_alarms_per_week)

    def allow(self, false_alarms_per_week: float) -> None:
        """From now on it may ring so often where nothing is wrong; more than 0."""
        self._budget_per_s = false_alarms_per_week / WEEK_S / _SHARES
        self._log_budget = log(self._budget_per_s)
        self._state.set_budget(self._budget_per_s)

    @property
    def phase(self) -> Phase:
        """How much was learned so far."""
        s = self._state
        if s.readings <= SILENT_READINGS:
            return _SILENT
        return _PROVISIONAL if s.now_s < DAY_S else _CALIBRATED

    @property
    def abnormal(self) -> bool:
        """Whether an episode of unusual readings goes on."""
        return self._state.episode.goes_on

    def is_above(self, value: float) -> bool:
        """Whether a reading lies above where the metric stood before the episode that goes on."""
        return value > self._state.course.slow

    def is_back(self, value: float) -> bool:
        """Whether a reading lies where the metric stood before the episode that goes on."""
        s = self._state
        nears, off = s.nears, value - s.course.slow
        spread = max(nears.spread, least_spread(s.course, s.fars, nears))
        return abs(off) <= max((nears.up if off > 0.0 else nears.down).level * spread, self._min_change)

    def update(self, value: float, at_s: float) -> AnomalyVerdict:
        """Judge a reading, and learn from it.

        Args:
            value: in the metric's unit; what is not finite is no reading, and is passed over.
            at_s: Unix seconds; a time shortly before the last one counts as the same moment, and one that is a gap
                before it as a clock that was set back.
        """
        if not -_LARGEST < value < _LARGEST:
            if not -inf < value < inf:
                return self._verdict(self.band(at_s))
            value = _LARGEST if value > 0.0 else -_LARGEST
        value += 0.0  # a state of true and false, or of huge integers, is none that can be kept
        s = self._state
        s.readings = n = s.readings + 1
        if n <= 2:
            return self._begin(value, at_s)
        passed = at_s - s.at_s
        if passed > 0.0:
            s.at_s = at_s
            interval_s = s.interval_s
            if passed > _GAP_INTERVALS * interval_s + _GAP_S:  # a gap in the readings is no time that was observed
                s.gaps += 1
                if s.gaps > _GAPS:  # it comes more seldom now
                    s.gaps, s.interval_s = 0, passed
                s.now_s += interval_s
                s.course.resume(value)
            else:
                if s.gaps:
                    s.gaps = 0
                s.now_s += passed
                s.interval_s = interval_s + (passed - interval_s) * (0.05 if n >= _QUICK else 1.0 / n)
        elif passed < -_GAP_INTERVALS * s.interval_s - _GAP_S:  # the clock was set back, and time goes on from there
            s.at_s, s.gaps = at_s, 0
        return self._judge(value, at_s)

    def band(self, at_s: float) -> Band:
        """What is expected of a reading at this time, and where a single one would ring.

        Args:
            at_s: Unix seconds, not before the last reading.
        """
        s = self._state
        of_day = s.season.known(at_s, s.knows_week) if s.now_s >= DAY_S else None
        usual, least = usual_of(s, of_day), least_spread(s.course, s.fars, s.nears)
        return Band(*(self._standing(usual, least) if s.episode.goes_on else self._band(s, usual, least)))

    def to_state(self) -> dict[str, Any]:
        """All that was learned, as plain dicts, lists and finite numbers."""
        return keeping.to_builtins(self._state)

    @classmethod
    def from_state(
        cls,
        state: dict[str, Any],
        *,
        false_alarms_per_week: float = 1.0,
        min_change: float = 0.0,
        legal_range: tuple[float, float] | None = None,
    ) -> Self:
        """A detector that goes on from a state as if it had never stopped.

        Raises: ValueError: for what is not the state of a detector, or one of another version.
        """
        found = cls(false_alarms_per_week=false_alarms_per_week, min_change=min_change, legal_range=legal_range)
        found._state = keeping.from_builtins(state)
        found._state.set_budget(found._budget_per_s)
        return found

    # ── one reading ──

    def _begin(self, x: float, at_s: float) -> AnomalyVerdict:
        """The first reading, and the second: from then on it is known how far apart they are."""
        s = self._state
        if s.readings == 1:
            s.at_s = at_s
            s.course.begin(x)
            return self._verdict((x, self._lowest, self._highest))
        passed = at_s - s.at_s
        if passed > 0.0:
            s.at_s, s.interval_s = at_s, passed
            s.now_s += passed
        return self._judge(x, at_s)

    def _judge(self, x: float, at_s: float) -> AnomalyVerdict:  # noqa: C901, PLR0912, PLR0915 - see the top
        """Look at a reading in every way, say what the one that counts comes to, and learn.

        A gauge is called only where there may be something to see; what it would do with an ordinary reading, compare
        with its threshold and follow the spread, is done here.
        """
        s = self._state
        course, episode, n, now_s = s.course, s.episode, s.readings, s.now_s
        changes, nears, fars, tides, stays, unrests = s.changes, s.nears, s.fars, s.tides, s.stays, s.unrests
        least, went_on = least_spread(course, fars, nears), episode.goes_on
        of_day = usual = None
        if now_s >= DAY_S:
            of_day = s.season.known(at_s, s.knows_week)
            usual = usual_of(s, of_day)
        band = self._band(s, usual, least)
        rate = s.interval_s / _SPREAD_S  # the weight of a reading in what is learned within days
        if rate * n < 1.0:
            rate = 1.0 / n
        if rate > 1.0:
            rate = 1.0
        last, long = course.last, course.long
        change, from_last = x - course.fast, x - last
        if (from_last if from_last > 0.0 else -from_last) < (change if change > 0.0 else -change):
            change = from_last

        at_least, least_restless = (least, _LEAST_RESTLESS) if n > _JUDGED_FROM else (_LARGEST, _LARGEST)
        # What is unusual teaches nothing.
        its_rate, long_rate = (0.0, 0.0) if episode.goes_on else (rate, 1.0 / course.long_weight)
        best: Sight | None = None

        # A change towards what is usual ends a fault, and is none.
        far = x - long
        off = off_usual = far if usual is None else x - usual
        spread = changes.spread
        tame = _TAME * (off if off > 0.0 else -off) + spread
        off = tame if change > tame else -tame if change < -tame else change
        if off > 0.0:
            size, side = off, changes.up
        else:
            size, side = -off, changes.down
        if size / (spread if spread > at_least else at_least) <= side.threshold:
            changes.spread = spread + (size - spread) * its_rate
        else:
            log_rate = changes.look(off, at_least, its_rate, n, now_s)
            if log_rate < ORDINARY:
                best = self._weigh(best, Sight(log_rate, changes, off), x, band[0])

        off = x - course.slow
        if off > 0.0:
            size, side = off, nears.up
        else:
            size, side = -off, nears.down
        spread = nears.spread
        if size / (spread if spread > at_least else at_least) <= side.threshold:
            nears.spread = spread + (size - spread) * its_rate
        else:
            log_rate = nears.look(off, at_least, its_rate, n, now_s)
            if log_rate < ORDINARY:
                best = self._weigh(best, Sight(log_rate, nears, off), x, band[0])

        if far > 0.0:
            size, side = far, fars.up
        else:
            size, side = -far, fars.down
        spread = fars.spread
        if size / (spread if spread > at_least else at_least) <= side.threshold:
            fars.spread = spread + (size - spread) * long_rate
        else:
            log_rate = fars.look(far, at_least, long_rate, n, now_s)
            if log_rate < ORDINARY:
                best = self._weigh(best, Sight(log_rate, fars, far), x, band[0])

        off = course.tide - long
        if off > 0.0:
            size, side = off, tides.up
        else:
            size, side = -off, tides.down
        spread = tides.spread
        if size / (spread if spread > at_least else at_least) <= side.threshold:
            tides.spread = spread + (size - spread) * long_rate
        else:
            log_rate = tides.look(off, at_least, long_rate, n, now_s)
            if log_rate < ORDINARY:
                best = self._weigh(best, Sight(log_rate, tides, off), x, band[0])

        off = course.stay
        if off > 0.0:
            size, side = off, stays.up
        else:
            size, side = -off, stays.down
        spread = stays.spread
        if size / (spread if spread > at_least else at_least) <= side.threshold:
            stays.spread = spread + (size - spread) * its_rate
        else:
            log_rate = stays.look(off, at_least, its_rate, n, now_s)
            if log_rate < ORDINARY:
                best = self._weigh(best, Sight(log_rate, stays, off), x, band[0])

        off = course.restless - course.usual_restless
        if off > 0.0:
            size, side = off, unrests.up
        else:
            size, side = -off, unrests.down
        spread = unrests.spread
        if size / (spread if spread > least_restless else least_restless) <= side.threshold:
            unrests.spread = spread + (size - spread) * its_rate
        else:
            log_rate = unrests.look(off, least_restless, its_rate, n, now_s)
            if log_rate < ORDINARY:
                best = self._weigh(best, Sight(log_rate, unrests, off), x, band[0])

        if usual is not None:  # its spread is learned by `_learn_season`
            seasons = s.seasons
            if off_usual > 0.0:
                size, side = off_usual, seasons.up
            else:
                size, side = -off_usual, seasons.down
            spread = seasons.spread
            if size / (spread if spread > at_least else at_least) > side.threshold:
                log_rate = seasons.look(off_usual, at_least, 0.0, n, now_s)
                if log_rate < ORDINARY:
                    best = self._weigh(best, Sight(log_rate, seasons, off_usual), x, band[0])

        if x == last and course.moves >= _MOVES:
            best = self._look_at_run(best)

        log_rate, reason, rings = ORDINARY, _NONE, False
        if best is not None:
            log_rate, reason = best.log_rate, reason_of(s, best, x, usual)
            if best.is_hot:
                rings = episode.heat(abs(x - course.slow), reason, n, now_s, is_new=best.is_new)
                rings = rings and abs(x - band[0]) >= self._min_change
                refine(s, best)
        if episode.goes_on:
            reason = episode.reason
            if episode.is_adopted(n, now_s):
                self._adopt(of_day)
            else:
                episode.cool(n, now_s)

        # The mean of few readings is expected of the next one, unless a third of what is unusual is in it already.
        if went_on or (best is not None and best.is_hot and 1.5 * abs(x - course.fast) < abs(far)):
            band = self._standing(usual, least)
        spread, size = changes.spread, nears.spread
        course.follow(x, change, rate, spread if spread > least else least, size if size > least else least)
        if not episode.goes_on:
            learn(s, x, at_s, of_day, rate)
        return self._verdict(band, log_rate, reason, rings)

    def _weigh(self, best: Sight | None, sight: Sight, x: float, expected: float) -> Sight:
        """Of two sights the one that counts; what rings is marked, so that it does not teach what is ordinary."""
        s = self._state
        if sight.gauge is not s.fars and sight.gauge is not s.seasons and sight.gauge is not s.unrests:
            sight = sight._replace(
                log_rate=sight.log_rate + s.places.familiarity(x - s.course.long, s.fars.spread + SMALLEST)
            )
        is_far = abs(x - expected) >= self._min_change or (
            s.episode.goes_on and abs(x - s.course.slow) >= self._min_change  # what is expected follows it
        )
        if sight.log_rate < self._log_budget and is_far and self._may_ring(x):
            is_new = sight.gauge is not None and sight.gauge.mark(sight.off)
            sight = sight._replace(is_hot=True, is_new=is_new)
        return sight.beside(best)

    def _look_at_run(self, best: Sight | None) -> Sight | None:
        """Look at how many readings in a row are equal, in usual runs."""
        s = self._state
        course = s.course
        run = (course.run + 1) * course.mobility
        if run <= s.runs.threshold:
            return best
        log_rate = s.runs.exceed(run, s.readings, s.now_s)
        is_hot = log_rate < self._log_budget and s.readings > SILENT_READINGS and not self._min_change
        is_new = is_hot and not s.runs.rang
        s.runs.rang |= is_hot
        # Far outside of what is known it is not the standing still that counts.
        if best is None or (is_hot and course.lowest <= course.last <= course.highest):
            return Sight(log_rate, None, 0.0, is_hot, is_new or (best is not None and best.is_new))
        return best._replace(is_new=best.is_new or (is_new and best.is_hot))

    def _may_ring(self, x: float) -> bool:
        """Whether enough is known to ring at this value."""
        s = self._state
        if s.now_s >= DAY_S or s.readings <= SILENT_READINGS:
            return s.readings > SILENT_READINGS
        # What a day may bring is not known yet: only a value far from all that was seen rings.
        course = s.course
        margin = _BEYOND * (course.highest - course.lowest)
        return not course.lowest - margin <= x <= course.highest + margin

    # ── learning ──

    def _adopt(self, of_day: float | None) -> None:
        """What was unusual for so long is how the metric is now."""
        s = self._state
        course = s.course
        if s.fars.rings():  # a level never seen, and not one that comes at another time
            course.long_weight = min(course.long_weight, max(_HALF_DAY_S / max(s.interval_s, SMALLEST), 1.0))
            if of_day is not None:
                s.season.move(course.mid - of_day)
        course.slow = course.mid
        course.stay = 0.0
        for gauge in s.gauges():
            gauge.accept(s.now_s)
        if s.runs.rang:
            s.runs.accept(s.now_s)
        s.episode.end()

    # ── what is expected ──

    def _band(  # noqa: C901, PLR0912 - see the top
        self, s: State, usual: float | None, least: float
    ) -> tuple[float, float, float]:
        """What is expected, and below and above what a single reading rings."""
        course, changes, nears, fars = s.course, s.changes, s.nears, s.fars
        fast, last = course.fast, course.last
        spread = changes.spread
        if spread < least:
            spread = least
        if fast > last:
            high = fast + changes.up.level * spread
            low = last - changes.down.level * spread
        else:
            high = last + changes.up.level * spread
            low = fast - changes.down.level * spread
        spread = nears.spread
        if spread < least:
            spread = least
        bound = course.slow + nears.up.level * spread
        if bound < high:
            high = bound
        bound = course.slow - nears.down.level * spread
        if bound > low:
            low = bound
        spread = fars.spread
        if spread < least:
            spread = least
        bound = course.long + fars.up.level * spread
        if bound < high:
            high = bound
        bound = course.long - fars.down.level * spread
        if bound > low:
            low = bound
        expected = fast
        if usual is not None:
            expected, seasons = usual, s.seasons
            spread = seasons.spread
            if spread < least:
                spread = least
            bound = usual + seasons.up.level * spread
            if bound < high:
                high = bound
            bound = usual - seasons.down.level * spread
            if bound > low:
                low = bound
        if self._min_change:
            return self._within(expected, low, high)
        return expected, low if low > self._lowest else self._lowest, high if high < self._highest else self._highest

    def _standing(self, usual: float | None, least: float) -> tuple[float, float, float]:
        """What is expected, and the band, while something unusual goes on."""
        return self._within(*standing(self._state, usual, least))

    def _within(self, expected: float, low: float, high: float) -> tuple[float, float, float]:
        """A band that is no narrower than the least change, and holds what is legal alone."""
        if self._min_change:
            high, low = max(high, expected + self._min_change), min(low, expected - self._min_change)
        return expected, low if low > self._lowest else self._lowest, high if high < self._highest else self._highest

    def _verdict(
        self,
        band: tuple[float, float, float],
        log_rate: float = ORDINARY,
        reason: Reason = _NONE,
        rings: bool = False,  # noqa: FBT001, FBT002 - a name would cost
    ) -> AnomalyVerdict:
        s = self._state
        expected, low, high = band
        interval_s = s.interval_s
        phase = _SILENT if s.readings <= SILENT_READINGS else _PROVISIONAL if s.now_s < DAY_S else _CALIBRATED
        if log_rate == ORDINARY or not interval_s:
            return AnomalyVerdict(0.0, expected, low, high, 1.0, interval_s, reason, phase, rings, s.episode.goes_on)
        score = min(max(-log_rate - log(_SHARES * interval_s), 0.0), _HIGHEST_SCORE)
        rarity = exp(score)
        return AnomalyVerdict(
            score, expected, low, high, 1.0 / rarity, interval_s * rarity, reason, phase, rings, s.episode.goes_on
        )
