"""One rule on one series: what the engine looks at for each reading, at the price of a comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from tocsin.alerts.flapping import SETTLES_S, Flapping
from tocsin.alerts.life import UNBORN, Life, Terms, Turn, step
from tocsin.alerts.sight import Sight
from tocsin.model.levels import AlertCondition, AlertState, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.alerts.episode import Episode
    from tocsin.alerts.sight import Group
    from tocsin.model.alert import Evidence
    from tocsin.model.readings import SeriesKey
    from tocsin.model.rule import AlertRule


# Looking a member up in its enum costs as much as the comparison that a quiet rule is.
_OK, _BAD = Verdict.OK, Verdict.BAD
_CAME_OR_WENT = frozenset({Turn.FIRED, Turn.RESOLVED})


class Assessor(Protocol):
    """What a rule that forecasts, or that learns, has to say."""

    @property
    def joint(self) -> str:
        """What stands between the value and these words."""
        ...

    def words(self, unit: str) -> str:
        """The limit, and when it is reached; or what was expected, and how rare this is."""
        ...

    def evidence(self, unit: str) -> Evidence | None:
        """What proves it; None: nothing of its own."""
        ...

    def aside(self, value: float | None, unit: str) -> str:
        """What a message that a rule words itself is to say besides; empty: nothing."""
        ...

    def bound(self, value: float | None) -> float | None:
        """The threshold as of now, in the base unit; None: there is none."""
        ...


class Watch:
    """A rule at work on a series.

    A quiet series that stays quiet, and a firing one that stays bad, cost one comparison and make no object; only what
    moves goes through the state machine.

    Args:
        rule: the rule.
        key: the series.
        is_bad: whether a value starts a breach.
        stays_bad: whether a value keeps a firing alert going.
        aggregate: from now (monotonic seconds) to the value to judge; None: the reading itself.
        assessor: who judges a rule that forecasts or learns; it has words of its own.

    Attributes:
        flapping: its comings and goings; None while it never rang.
        sight: what it sees of its series, which it may share with others.
        group: all watches of its series; None: it stands alone.
        is_quiet: whether nothing is wrong, so that a value that is not bad changes nothing.
        unit: the base unit of what it judges; the rule's, unless more is known of the series.
    """

    __slots__ = (
        "_is_bad", "_is_worse", "_since_s", "_stays_bad", "_steady", "assessor", "episode", "error", "flapping",
        "group", "is_quiet", "key", "life", "rule", "sight", "silent", "unit", "verdict",
    )  # fmt: skip

    def __init__(
        self,
        rule: AlertRule,
        key: SeriesKey,
        is_bad: Callable[[float], bool],
        *,
        stays_bad: Callable[[float], bool],
        aggregate: Callable[[float], float] | None,
        assessor: Assessor | None = None,
    ) -> None:
        self.rule = rule
        self.key = key
        self.unit = rule.unit
        self.life: Life = UNBORN
        self.episode: Episode | None = None
        self.sight = Sight(aggregate)
        self.group: Group | None = None
        self.verdict = Verdict.NO_DATA
        self._since_s = 0.0
        self.silent = False
        self.error = ""
        # Which of the two short ways a reading may take: nothing is wrong, or it rings and goes on ringing.
        self.is_quiet = False
        self._steady = False
        self._is_bad = is_bad
        self._stays_bad = stays_bad
        self.assessor = assessor
        self._is_worse = much_worse(rule)
        self.flapping: Flapping | None = None  # of an alert that never rang there is nothing to remember

    @property
    def value(self) -> float | None:
        """The last value that it judged; None before there is one."""
        return self.sight.value

    @property
    def seen_s(self) -> float:
        """When the last reading came, in seconds in which somebody looked; at first since when it waits for one."""
        return self._since_s if self.group is None else max(self._since_s, self.group.seen_s)

    @seen_s.setter
    def seen_s(self, active_s: float) -> None:
        self._since_s = active_s

    def judge(self, active_s: float) -> Turn | None:
        """Judge the value that has just been seen. None, the usual answer, is nearly free."""
        value = self.sight.value
        if value is None:
            return None
        if self.is_quiet:
            return self._live(_BAD, active_s) if self._is_bad(value) else None
        if self._steady and self._stays_bad(value):
            return Turn.WORSENED if self._is_worse(value) and self.episode and not self.episode.worse else None
        return self._live(_BAD if self._bad_now() else _OK, active_s)

    def judge_now(self, active_s: float) -> Turn | None:
        """Judge the present value without the rule's `for`, as a direct check does."""
        if not self._bad_now():
            return None
        return self._live(Verdict.BAD, active_s, Terms(0.0, self.rule.keep_firing_for_s))

    def take(self, value: float, mono_s: float, active_s: float) -> bool:
        """Take a reading without judging it. False: the window holds too little for a verdict."""
        self.seen_s = active_s
        sight = self.sight
        if sight.aggregate is not None:
            value = sight.aggregate(mono_s)
        sight.value, sight.calm = None if value != value else value, False  # noqa: PLR0124 - NaN
        return sight.value is not None

    def judge_again(self, active_s: float) -> Turn | None:
        """Judge what was taken, only to see whether an alert that is open is over."""
        if self.life is UNBORN:
            return None
        return self._live(_BAD if self._bad_now() else _OK, active_s)

    def is_beyond(self) -> bool:
        """Whether the present value is beyond the threshold itself."""
        return self.value is not None and self._is_bad(self.value)

    def is_much_worse(self) -> bool:
        """Whether the present value is far beyond the threshold."""
        return self.value is not None and self._is_worse(self.value)

    def miss(self, verdict: Verdict, active_s: float) -> Turn | None:
        """Live through a time without readings. A rule may count that as bad; else it holds the state."""
        self.silent = True
        self.verdict = verdict
        policy = self.rule.on_error if verdict is Verdict.ERROR else self.rule.no_data
        return self._live(Verdict.BAD if policy == "alert" else verdict, active_s, told_as=verdict)

    def leave(self, active_s: float) -> Turn | None:
        """What its series measured is no more, so nothing is bad any more; whatever comes next tells of something else.

        That counts as going: of a series whose like comes and goes without end one alert tells, as of any that flaps.
        """
        self.sight.value = None
        if self.life is UNBORN:
            return None
        flaps = self.flapping is not None and self.flapping.active
        return self._live(_OK, active_s, None if flaps else Terms(self.rule.for_s, 0.0))

    def resume(self, episode: Episode, life: Life) -> None:
        """Go on with an alert of the process before."""
        self.episode, self.life = episode, life
        self.is_quiet = self.sight.calm = False
        self._steady = life.state is AlertState.FIRING and not life.clearing

    def reset(self) -> None:
        """The alert is over for a reason outside of its series."""
        self.life, self.episode, self.is_quiet, self._steady = UNBORN, None, False, False
        self.sight.calm = False

    def _bad_now(self) -> bool:
        if self.value is None:
            return False
        ringing = self.life.state is AlertState.FIRING
        return self._stays_bad(self.value) if ringing else self._is_bad(self.value)

    def _live(
        self, verdict: Verdict, active_s: float, terms: Terms | None = None, *, told_as: Verdict | None = None
    ) -> Turn | None:
        if told_as is None:
            self.silent, self.error = False, ""
        self.verdict = told_as or verdict
        rule = self.rule
        keep_s = rule.keep_firing_for_s
        if self.flapping is not None and self.flapping.active:
            keep_s = max(keep_s, SETTLES_S)
        life, turn = step(self.life, verdict, active_s, terms or Terms(rule.for_s, keep_s))
        if turn in _CAME_OR_WENT:
            self._came_or_went(active_s)
        self.life = life
        self.is_quiet = life is UNBORN and not self.silent
        self.sight.calm = self.sight.calm and self.is_quiet
        self._steady = life.state is AlertState.FIRING and not life.clearing and not self.silent
        return None if turn is Turn.NONE else turn

    def _came_or_went(self, active_s: float) -> None:
        if self.flapping is None:
            self.flapping = Flapping()
        self.flapping.note(active_s)


def much_worse(rule: AlertRule) -> Callable[[float], bool]:
    """Whether a breach is so much worse than the threshold that it is told again: twice as high, or half as low."""
    limit = rule.limit
    if rule.condition is AlertCondition.GREATER_THAN and limit > 0:
        return (2.0 * limit).__le__
    if rule.condition is AlertCondition.LESS_THAN and limit > 0:
        return (0.5 * limit).__ge__
    return lambda _: False
