"""Whether what stands in the fields of a rule is right, with every mistake named."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from string import Formatter
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from tocsin.errors import Problem
from tocsin.model.action import MAX_ACTIONS, parse_action
from tocsin.model.levels import AlertCategory, AlertCondition, AlertSeverity, ThresholdKind, read_level
from tocsin.model.metrics import CATEGORY_DEFAULTS, CategoryDefault, describe
from tocsin.model.rule_fields import AGGREGATES, UPWARD, WHEN_MISSING
from tocsin.model.rule_units import clear_limit_of, is_finite, least_change_of, limit_of, to_base

if TYPE_CHECKING:
    from tocsin.model.rule_fields import RuleFields

DEFAULT_WINDOW_S: Final = 60.0
DEFAULT_HORIZON_S: Final = 4 * 3600.0
HORIZON_BOUNDS_S: Final = (60.0, 30 * 86_400.0)
# A forecast that rings goes on for a sixteenth of its horizon after it is calm.
KEEPS_FIRING: Final = 16
_ADJUST: Final = frozenset({AlertCondition.GREATER_THAN, AlertCondition.LESS_THAN})
_E = TypeVar("_E", AlertCategory, AlertCondition, ThresholdKind)


def did_you_mean(word: object, choices: Iterable[str]) -> str:
    """A remark that names the nearest choice, or nothing when none is near."""
    from difflib import get_close_matches  # noqa: PLC0415 - dear to import, and only for a mistake

    near = get_close_matches(str(word).lower(), list(choices), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _bounds_of(rule: RuleFields) -> Iterator[str]:
    """The fields that are in the metric's unit, as far as they are wanted."""
    if rule.condition is not AlertCondition.ANOMALOUS:
        yield from ("threshold", "clear_threshold")
    if rule.min_change != 0:
        yield "min_change"


class RuleCheck:
    """Goes through the fields of one rule, brings each into its one form, and gathers the problems."""

    def __init__(self, rule: RuleFields) -> None:
        self.rule = rule
        self.problems: list[Problem] = []

    def kinds(self) -> None:
        """Name, category, severity, condition, and whether it is enabled."""
        rule = self.rule
        if not _is_text(rule.name) or not rule.name.strip():
            self._wrong("name", "a name that says what is wrong", 'name="memory-high"')
        self._settle("category", self._member(AlertCategory, "category", 'category="memory_threshold"'))
        severity, understood = read_level(rule.severity)
        if not understood:
            expected = f"info, warning or critical{did_you_mean(rule.severity, [one.word for one in AlertSeverity])}"
            self._wrong("severity", expected, 'severity="warning"')
        self._settle("severity", severity)
        self._settle("condition", self._member(AlertCondition, "condition", 'condition="greater_than"'))
        self._settle("adjust", self._member(ThresholdKind, "adjust", 'adjust="dynamic"'))
        if rule.adjust is not ThresholdKind.STATIC and rule.condition not in _ADJUST:
            self._wrong("adjust", "static, since only what is greater_than or less_than adjusts")
        for flag in ("enabled", "early"):
            if not isinstance(self._found(flag), bool):
                self._wrong(flag, "True or False", f"{flag}=False")

    def metric(self) -> None:
        """What is watched and how; by default what the category says."""
        rule, default = self.rule, CATEGORY_DEFAULTS[self.rule.category]
        if not _is_text(rule.metric):
            self._wrong("metric", "the name of a metric", 'metric="system.cpu.utilization"')
            self._settle("metric", default.metric)
        if not rule.metric and default.metric:
            self._settle("metric", default.metric)
            if rule.condition is AlertCondition.WILL_EXCEED:
                default = CategoryDefault(default.metric)  # the metric itself fills, not what is worked out of it
            self._settle("aggregate", rule.aggregate or default.aggregate)
            self._settle("window_s", rule.window_s or default.window_s)
        elif not rule.metric and not self._failed("category", "metric"):
            expected = f"a metric, since category {rule.category.value} has none of its own"
            self._wrong("metric", expected, 'metric="system.cpu.utilization"')
        if rule.condition is AlertCondition.WILL_EXCEED:
            self._forecasting()
        elif not rule.aggregate:
            self._settle("aggregate", "rate" if describe(rule.metric).kind == "counter" else "last")
        if rule.aggregate not in AGGREGATES:
            self._wrong("aggregate", _one_of(AGGREGATES, rule.aggregate), 'aggregate="avg"')
        elif rule.aggregate != "last" and not rule.window_s:
            self._settle("window_s", DEFAULT_WINDOW_S)

    def _forecasting(self) -> None:
        """A forecast is read from the readings themselves, over a past as long as its horizon."""
        rule = self.rule
        if not rule.aggregate:
            self._settle("aggregate", "last")
        elif rule.aggregate != "last":
            self._wrong("aggregate", "none, since will_exceed looks at the readings themselves")
            self._settle("aggregate", "last")
        if rule.window_s != 0:
            self._wrong("window_s", "none, since will_exceed looks back as far as it looks ahead (horizon_s)")
            self._settle("window_s", 0.0)

    def numbers(self) -> None:
        """Durations, the horizon, and what is kept for what is not built yet."""
        for key in ("for_s", "keep_firing_for_s", "window_s"):
            seconds = self._found(key)
            if not _is_number(seconds) or seconds < 0:
                self._wrong(key, "seconds, 0 or more", f"{key}=30")
        number = self._found("sensitivity")
        if number is not None and (not _is_number(number) or number <= 0):
            self._wrong("sensitivity", "false alarms a week, more than 0, or None", "sensitivity=1")
        self._horizon()

    def _horizon(self) -> None:
        """How far a forecast looks ahead; and a ringing one is not over with the first reading that is calmer."""
        rule, horizon_s = self.rule, self._found("horizon_s")
        if rule.condition is not AlertCondition.WILL_EXCEED:
            if horizon_s is not None:
                self._wrong("horizon_s", "None, or the condition will_exceed", 'condition="will_exceed"')
            return
        least_s, most_s = HORIZON_BOUNDS_S
        if horizon_s is None:
            self._settle("horizon_s", DEFAULT_HORIZON_S)
        elif not _is_number(horizon_s) or not least_s <= horizon_s <= most_s:
            self._wrong("horizon_s", "seconds, from 60 to 2592000 (30 days)", "horizon_s=14400")
            self._settle("horizon_s", DEFAULT_HORIZON_S)
        if _is_number(rule.keep_firing_for_s) and rule.keep_firing_for_s == 0:
            self._settle("keep_firing_for_s", float(rule.horizon_s or 0.0) / KEEPS_FIRING)

    def texts(self) -> None:
        """All that is in words."""
        for key in ("component", "runbook_url", "owner"):
            if not _is_text(self._found(key)):
                self._wrong(key, "a text")
        if not _can_be_filled(self.rule.message):
            self._wrong("message", "a text whose braces hold a plain name, or are doubled", 'message="CPU is {value}"')
        for key in ("no_data", "on_error"):
            if self._found(key) not in WHEN_MISSING:
                self._wrong(key, _one_of(WHEN_MISSING, self._found(key)), f'{key}="alert"')
        advice = self._found("recommendations")
        if not isinstance(advice, Iterable):
            self._wrong("recommendations", "a list of texts", 'recommendations=["Look at the logs"]')
            advice = ()
        self._settle("recommendations", (advice,) if _is_text(advice) else tuple(str(text) for text in advice))
        labels = self._found("labels")
        if not isinstance(labels, Mapping):
            self._wrong("labels", "a mapping of texts", 'labels={"device": "sda"}')
            labels = {}
        self._settle("labels", {str(name): str(value) for name, value in labels.items()})

    def actions(self) -> None:
        """What is done besides telling."""
        found = self._found("actions")
        listed = (found,) if _is_text(found) else found
        example = 'actions=["stacks:10s"]'
        if not isinstance(listed, Iterable):
            self._wrong("actions", "a list of actions", example)
            self._settle("actions", ())
            return
        listed = tuple(text.strip() if _is_text(text) else text for text in listed)
        self._settle("actions", listed)
        for text in listed:
            try:
                parse_action(text) if _is_text(text) else parse_action("")
            except ValueError as error:
                self._wrong("actions", str(error), example, found=text)
        if len(set(map(repr, listed))) < len(listed):
            self._wrong("actions", "each action once", example)
        if len(listed) > MAX_ACTIONS:
            self._wrong("actions", f"at most {MAX_ACTIONS} actions", example, found=f"{len(listed)} of them")

    def thresholds(self) -> None:
        """The two thresholds, against the metric's unit and against each other."""
        if self._failed("category", "condition", "metric", "aggregate"):
            return  # what unit they should have is not known
        rule = self.rule
        if rule.condition is AlertCondition.ANOMALOUS:
            self._without_threshold()
        for key in _bounds_of(rule):
            value = self._found(key)
            try:
                if value is not None or key != "clear_threshold":
                    to_base(rule, value)
            except ValueError as error:
                self._wrong(key, str(error))
        if self._found("min_change") != 0 and not self._failed("min_change") and least_change_of(rule) < 0:
            self._wrong("min_change", "0 or more")
        if rule.clear_threshold is None or self._failed("threshold", "clear_threshold"):
            return
        above = rule.condition in UPWARD and clear_limit_of(rule) > limit_of(rule)
        below = rule.condition is AlertCondition.LESS_THAN and clear_limit_of(rule) < limit_of(rule)
        if above or below:
            side = "at or below" if above else "at or above"
            self._wrong("clear_threshold", f"a value {side} the threshold {rule.threshold!r}")

    def _without_threshold(self) -> None:
        for key in ("threshold", "clear_threshold"):
            if self._found(key) not in {"", None}:
                self._wrong(key, "none, since what is anomalous is learned from the metric itself")

    def _member(self, kind: type[_E], key: str, example: str) -> _E:
        """The member of an enum that a field names; when it names none, a problem and a stand-in."""
        found = self._found(key)
        try:
            return kind(str(found).strip().lower())
        except ValueError:
            self._wrong(key, _one_of([member.value for member in kind], found), example)
            stand_ins = {AlertCategory: "general", AlertCondition: "greater_than", ThresholdKind: "static"}
            return kind(stand_ins[kind])

    def _found(self, key: str) -> Any:
        """What stands in a field: callers need not have kept to its type."""
        return getattr(self.rule, key)

    def _settle(self, field: str, value: object) -> None:
        msgspec.structs.force_setattr(self.rule, field, value)

    def _failed(self, *keys: str) -> bool:
        return any(problem.key in keys for problem in self.problems)

    def _wrong(self, key: str, expected: str, example: str = "", *, found: object = None) -> None:
        where = f"AlertRule {self.rule.name!r}"
        shown = _shown(self._found(key) if found is None else found)
        self.problems.append(Problem(where, key, shown, expected, example))


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and is_finite(value)


def _one_of(words: Iterable[str], found: object) -> str:
    words = list(words)
    return f"one of {', '.join(words)}{did_you_mean(found, words)}"


def _shown(value: object) -> str:
    try:
        return repr(value)
    except ValueError:  # an int of more digits than Python prints
        return f"a huge {type(value).__name__}"


def _can_be_filled(message: object) -> bool:
    """Whether the message can be filled in: found out now, since an alert that cannot be worded is told to nobody."""
    try:
        Formatter().vformat(message, (), defaultdict(str))  # type: ignore[call-overload]  # what it is, is the question
    except (ValueError, TypeError, LookupError, AttributeError):
        return False
    return isinstance(message, str)
