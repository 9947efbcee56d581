"""What goes into the engine, and what comes out of a step.

All that happens enters as one of these values, so that a recorded run can be played again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

import msgspec

from tocsin.model.action import ActionOutcome, DueAction
from tocsin.model.alert import Evidence, PerformanceAlert
from tocsin.model.levels import AlertCategory, AlertSeverity, AlertState, Held
from tocsin.model.notice import Notice
from tocsin.model.orders import Maintenance, Silence
from tocsin.model.readings import Labels, SeriesKey
from tocsin.model.rule import AlertRule

if TYPE_CHECKING:
    from collections.abc import Callable


class NewSeries(msgspec.Struct, frozen=True, tag="series"):
    """A series is seen for the first time and gets its number.

    Attributes:
        series_id: its number.
        key: its name.
        unit: the base unit of a metric of the program's own, where that is known; of others the catalogue says it.
    """

    series_id: int
    key: SeriesKey
    unit: str = ""


class Sample(msgspec.Struct, frozen=True, tag="sample"):
    """Readings taken together: series numbers and values in base units, side by side; NaN is no reading.

    Whoever reads the same series again and again hands over the very same `series_ids`: then they are remembered
    together, row by row.
    """

    series_ids: Sequence[int]
    values: list[float]


class SeriesFailed(msgspec.Struct, frozen=True, tag="series_failed"):
    """Their sensor was set aside: until further readings these series have the verdict `error`."""

    series_ids: list[int]
    reason: str


class SeriesEnded(msgspec.Struct, frozen=True, tag="series_ended"):
    """What these series measured is no more: their alerts are over for this reason, and nobody waits for readings."""

    series_ids: list[int]
    reason: str


class Event(msgspec.Struct, frozen=True, kw_only=True, tag="event"):
    """An alert raised by the program itself; `count` equal ones at once.

    Attributes:
        evidence: the proof that comes with it; takes the place of what an earlier equal one brought.
        lasts: whether it goes on until it is resolved: it does not end by silence, and its end is told.
    """

    title: str
    message: str
    severity: AlertSeverity
    source: str
    category: AlertCategory = AlertCategory.GENERAL
    component: str = ""
    labels: Labels = ()
    recommendations: tuple[str, ...] = ()
    count: int = 1
    evidence: tuple[Evidence, ...] = ()
    lasts: bool = False


class Check(msgspec.Struct, frozen=True, tag="check"):
    """Judge a rule now, without its `for`, on readings that came just before in the same step."""

    rule: str
    series_ids: list[int]


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """Readings that say one thing, such as a leak by its count and by its rate, and what proves it.

    Attributes:
        series_ids: the numbers of their series.
        values: finite, in base units; side by side with `series_ids`.
        evidence: the proof.
        recommendations: what to do about it; they take the place of the rule's.
    """

    series_ids: list[int]
    values: list[float]
    evidence: tuple[Evidence, ...] = ()
    recommendations: tuple[str, ...] = ()


class JudgeNow(msgspec.Struct, frozen=True, tag="judge_now"):
    """Take readings from outside, and judge them at once, without the rules' `for`.

    Of the rules on one case only the worst that is broken rings, or occurs once more: it speaks for the others.
    """

    cases: tuple[Case, ...]


class Acknowledge(msgspec.Struct, frozen=True, tag="acknowledge"):
    """Somebody takes care of an alert; for so many seconds, or until it ends."""

    alert_id: str
    by: str = ""
    comment: str = ""
    for_s: float | None = None


class PutSilence(msgspec.Struct, frozen=True, tag="put_silence"):
    """Hold back the alerts that match, for a time."""

    silence: Silence


class ExpireSilence(msgspec.Struct, frozen=True, tag="expire_silence"):
    """Obey a silence no longer."""

    silence_id: str


class PutMaintenance(msgspec.Struct, frozen=True, tag="put_maintenance"):
    """Expect noise in a window."""

    window: Maintenance


class Resolve(msgspec.Struct, frozen=True, tag="resolve"):
    """The program says that an event of its own is over."""

    fingerprint: str


class AddRule(msgspec.Struct, frozen=True, tag="add_rule"):
    """Judge by one more rule from now on; one of the same name is replaced."""

    rule: AlertRule


class RemoveRule(msgspec.Struct, frozen=True, tag="remove_rule"):
    """Judge by it no longer; its open alerts end."""

    name: str


class SwitchRule(msgspec.Struct, frozen=True, tag="switch_rule"):
    """Enable or disable a rule."""

    name: str
    enabled: bool


class EvidenceFound(msgspec.Struct, frozen=True, tag="evidence"):
    """The proof that an alert wanted has been captured.

    Attributes:
        alert_id: of the alert.
        evidence: takes the place of an earlier one of its kind.
        recommendations: what to do in view of it; they take the place of the rule's.
    """

    alert_id: str
    evidence: Evidence
    recommendations: tuple[str, ...] = ()


class ActionDone(msgspec.Struct, frozen=True, tag="action_done"):
    """An action that was due has been run, or not.

    Attributes:
        alert_id: of the alert.
        action: as the rule has it.
        outcome: what became of it.
        reason: in words; for the trace of the alert.
        artifact: the name under which is kept what it captured; empty: nothing is kept.
        evidence: the proof that it brought.
    """

    alert_id: str
    action: str
    outcome: ActionOutcome
    reason: str
    artifact: str = ""
    evidence: Evidence | None = None


class ClearHistory(msgspec.Struct, frozen=True, tag="clear_history"):
    """Forget what is over, and show open episodes again only at their next change.

    Attributes:
        throttle: whether to forget also who was told of lately.
    """

    throttle: bool = False


class TellAll(msgspec.Struct, frozen=True, tag="tell_all"):
    """The end is near: what waits for its digest is told now."""


class Cut(msgspec.Struct, frozen=True, tag="cut"):
    """Here end the inputs of one asker: the answers so far that nobody else has are his."""


Input = (
    NewSeries
    | Sample
    | SeriesFailed
    | SeriesEnded
    | Event
    | Check
    | JudgeNow
    | Acknowledge
    | PutSilence
    | ExpireSilence
    | PutMaintenance
    | Resolve
    | AddRule
    | RemoveRule
    | SwitchRule
    | EvidenceFound
    | ActionDone
    | ClearHistory
    | TellAll
    | Cut
)


class Change(msgspec.Struct, frozen=True):
    """An alert went from one state to another, or occurred again.

    Attributes:
        alert: as it stands after the change.
        before: its state before.
        at: UTC.
        why: the reason.
        signals: how often listeners of `alert_triggered` are to be called for it.
    """

    alert: PerformanceAlert
    before: AlertState
    at: datetime
    why: str
    signals: int = 0


class Want(msgspec.Struct, frozen=True):
    """The engine asks for evidence; whoever drives it captures it and hands it in later."""

    alert_id: str
    kind: str
    labels: Labels = ()


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one input that asks for an answer (a command, a check, an event).

    Attributes:
        found: whether the thing it speaks of exists.
        triggered: for a check: whether a value is beyond the threshold.
        suppressed: whether nobody was told.
        held: why nobody was told.
        value: for a check: the worst value, in base units.
        threshold: for a check, in base units.
        reason: in words.
        alert: the alert it concerns.
        alerts: for readings that were judged at once: the alert of each case that is bad.
        matching: for a silence: how many open alerts it matches.
    """

    found: bool = True
    triggered: bool = False
    suppressed: bool = False
    held: Held | None = None
    value: float | None = None
    threshold: float | None = None
    reason: str = ""
    alert: PerformanceAlert | None = None
    alerts: tuple[PerformanceAlert, ...] = ()
    matching: int = 0


CUT: Final = Answer(reason="here end the answers of one asker")
"""Stands among the answers where a `Cut` stood among the inputs; known by being this very object."""


class Outcome(msgspec.Struct, frozen=True):
    """What a step changed and who should know.

    Attributes:
        changes: in the order in which they happened.
        notices: most urgent first.
        wants: evidence to capture.
        actions: what rules want done besides telling, once an episode and within limits.
        answers: one for each input that asks for one, in the order of the inputs.
    """

    changes: tuple[Change, ...] = ()
    notices: tuple[Notice, ...] = ()
    wants: tuple[Want, ...] = ()
    actions: tuple[DueAction, ...] = ()
    answers: tuple[Answer, ...] = ()


def with_answers(outcome: Outcome, answers: tuple[Answer, ...]) -> Outcome:
    """The same outcome with the answers to those who asked."""
    return Outcome(outcome.changes, outcome.notices, outcome.wants, outcome.actions, answers)


def refreshed(notice: Notice, find: Callable[[str], PerformanceAlert | None]) -> Notice:
    """The same notice with its alerts as they stand now."""
    alerts = tuple(find(alert.id) or alert for alert in notice.alerts)
    return msgspec.structs.replace(notice, alerts=alerts)
