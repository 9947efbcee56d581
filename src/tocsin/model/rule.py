"""The rule: when a metric is bad, for how long, and what to say of it."""

from __future__ import annotations

from typing import Final

import msgspec

from tocsin.errors import ConfigError
from tocsin.model.levels import AlertCondition, ThresholdKind
from tocsin.model.rule_check import RuleCheck
from tocsin.model.rule_fields import RuleFields
from tocsin.model.rule_units import clear_limit_of, least_change_of, limit_of

# What of a rule may change while its alerts go on: how long something lasts until it counts, what is said and done.
_BESIDES_JUDGING: Final = (
    "enabled", "for_s", "keep_firing_for_s", "no_data", "on_error",
    "message", "recommendations", "runbook_url", "owner", "actions",
)  # fmt: skip


class AlertRule(RuleFields, frozen=True, kw_only=True):
    """Says when a metric is bad.

    Attributes:
        name: unique among the rules.
        category: what the alert is about.
        severity: how urgent; also a number 1 to 3 or a name.
        threshold: the bound, as a number or with a unit ("650 MB"). A bare number is in the unit of the category's own
            metric (percent, MB, MB/s, MB/hour, ms), in percent for any other ratio, and as it stands for counts.
        condition: how a value relates to the threshold when it is bad; greater and less are strict, equality holds
            within a relative 1e-9 or an absolute 1e-12.
        enabled: whether it is judged at all.
        metric: what is watched; by default the category's own metric.
        labels: only series that carry all of these labels are watched.
        component: the part of the program the alert is about.
        for_s: seconds a breach must last before the alert fires.
        clear_threshold: where a firing alert ends; by default 2 % of the threshold back from it.
        keep_firing_for_s: seconds the value must stay clear before the alert is resolved.
        window_s: seconds of readings that are looked at together; 0: the last reading alone.
        aggregate: how the window becomes one value; by default `last`, for counters `rate`.
        no_data: what a series that fell silent means: `hold` the state, or `alert` after `for_s`.
        on_error: what a sensor that fails means: `hold` the state, or `alert` after `for_s`.
        adjust: which bound counts beside the threshold: `static` (none), `dynamic` (the learned one as well), `both`
            (beyond the threshold, and unusual), `sigma` (the mean of the last readings plus two deviations, literally).
        sensitivity: false alarms a week that this rule may cost on each series; by default a share of the host's.
        min_change: what is nearer than this to the expected value is not unusual; written as a threshold is.
        early: whether what is learned may ring in the first day of a series, at what lies far outside of all that was
            seen; False: only once a day is known.
        horizon_s: for `will_exceed`: the rule rings when the metric crosses the threshold within so many seconds, even
            at the slowest pace of late; from a minute to 30 days, by default four hours.
        message: the alert's text; may name {component}, {value}, {threshold}, {metric} and {labels}, for `will_exceed`
            {forecast}, and as bare numbers of MB (or MB/s) {megabytes} and {threshold_megabytes}.
        recommendations: what to do, most useful first.
        runbook_url: where the longer answer stands.
        owner: who answers for it.
        actions: what to do once an episode besides telling: `heap_snapshot`, `stacks:10s`, `call:module.function`,
            `run:./command args`.
    Raises: ConfigError: with every mistake, if a field is wrong.
    """

    def __post_init__(self) -> None:
        check = RuleCheck(self)
        check.kinds()
        check.metric()
        check.numbers()
        check.texts()
        check.actions()
        check.thresholds()
        if check.problems:
            raise ConfigError(check.problems)

    @property
    def limit(self) -> float:
        """The threshold in the base unit; NaN where there is none, as what is anomalous needs none."""
        return limit_of(self)

    @property
    def clear_limit(self) -> float:
        """Where a firing alert ends, in the base unit."""
        return clear_limit_of(self)

    @property
    def least_change(self) -> float:
        """What is nearer than this to the expected value is not unusual; in the base unit."""
        return least_change_of(self)

    @property
    def learns(self) -> bool:
        """Whether it judges by what was learned of its series."""
        return self.condition is AlertCondition.ANOMALOUS or self.adjust is not ThresholdKind.STATIC


def judge_alike(one: AlertRule, other: AlertRule) -> bool:
    """Whether two rules find the same values of the same series bad, and just as bad; so that an alert can go on."""
    return msgspec.structs.replace(one, **{key: getattr(other, key) for key in _BESIDES_JUDGING}) == other
