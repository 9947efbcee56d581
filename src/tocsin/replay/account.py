"""What became of rules in a run: how often each fired and for how long, who was told, what was held back and why.

What rules would have done besides telling is counted too; nothing of it is run.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Final

import msgspec

from tocsin.alerts.life import Turn
from tocsin.model.levels import AlertState, Held

if TYPE_CHECKING:
    from tocsin.alerts.watch import Watch
    from tocsin.clock import Instant
    from tocsin.model.alert import PerformanceAlert, TraceStep
    from tocsin.model.inputs import Change, Outcome
    from tocsin.model.notice import Notice

# Of each rule so many firings are kept one by one; of further ones the sums alone.
MAX_FIRINGS: Final = 1000
EVENTS: Final = ""
_BY_CHANNEL: Final = (("outside of its hours", "hours"), ("limit of", "limit"), ("new alerts a minute", "storm"))


class Firing(msgspec.Struct):
    """One time that a rule fired.

    Attributes:
        began_at: when it began to fire, UTC.
        ended_at: its end; None while it fires.
        labels: of the series.
        value: that decided, in `unit`.
        unit: the base unit.
        held: why nobody was told at once; empty when somebody was.
        actions: those that were due.
        message: what the alert said then: with what was expected, or when it will be full.
    """

    began_at: datetime
    ended_at: datetime | None
    labels: dict[str, str]
    value: float | None
    unit: str
    held: str = ""
    actions: list[str] = []
    message: str = ""


class Acted(msgspec.Struct):
    """What became of one action of one rule.

    Attributes:
        due: how often it would have been run.
        refused: how often not, since it had to rest or had run too often.
    """

    due: int = 0
    refused: int = 0


class RuleAccount(msgspec.Struct, kw_only=True):
    """What became of one rule.

    Attributes:
        rule: its name; empty for the alerts that the program raised itself.
        series: how many it watched.
        fired: how often it began to fire.
        firing_s: seconds for which it fired, of all series together.
        longest_s: of the longest time.
        open: how many fire at the end.
        short: breaches that were over before they had lasted as long as `for` asks.
        flaps: how often it came back within ten minutes of going away.
        notices: how many notices spoke of it, by kind.
        held: how often somebody was not told, by reason.
        actions: what would have been done besides telling, by action as the rule has it.
        firings: the first thousand times, oldest first.
    """

    rule: str
    series: int = 0
    fired: int = 0
    firing_s: float = 0.0
    longest_s: float = 0.0
    open: int = 0
    short: int = 0
    flaps: int = 0
    notices: Counter[str] = msgspec.field(default_factory=Counter)
    held: Counter[str] = msgspec.field(default_factory=Counter)
    actions: dict[str, Acted] = {}
    firings: list[Firing] = []


class Account:
    """Follows an engine through a run.

    Attributes:
        rules: by name, in the order in which they were met.
        told: how many notices each channel got, by kind.
        steps: how many steps there were.
        began_at: the first, UTC.
        ended_at: the last, UTC.
    """

    def __init__(self) -> None:
        self.rules: dict[str, RuleAccount] = {}
        self.told: dict[str, Counter[str]] = {}
        self.steps = 0
        self.began_at: datetime | None = None
        self.ended_at: datetime | None = None
        self._open: dict[str, tuple[RuleAccount, Firing]] = {}
        # To each open alert up to when its decisions are counted.
        self._counted: dict[str, datetime] = {}

    def of(self, rule: str) -> RuleAccount:
        """The account of one rule."""
        found = self.rules.get(rule)
        if found is None:
            found = self.rules[rule] = RuleAccount(rule=rule)
        return found

    def observe(self, watch: Watch, turn: Turn) -> None:
        """A watch went from one state to another."""
        if turn is Turn.FIRED:
            for action in watch.rule.actions:  # each is due or refused; which, the outcome of the step says
                self._acted(watch.rule.name, action).refused += 1
        if turn is Turn.CALMED:
            self.of(watch.rule.name).short += 1
        elif turn is Turn.RELAPSED or (turn is Turn.FIRED and _came_lately(watch)):
            self.of(watch.rule.name).flaps += 1

    def take(self, outcome: Outcome) -> None:
        """What a step changed."""
        for change in outcome.changes:
            self._take_change(change)
        for notice in outcome.notices:
            self._take_notice(notice)
        for due in outcome.actions:
            acted = self._acted(due.rule, due.action)
            acted.due, acted.refused = acted.due + 1, acted.refused - 1
            if due.alert_id in self._open:
                self._open[due.alert_id][1].actions.append(due.action)

    def _acted(self, rule: str, action: str) -> Acted:
        return self.of(rule).actions.setdefault(action, Acted())

    def stepped(self, now: Instant) -> None:
        """There was a step."""
        self.steps += 1
        if self.began_at is None:
            self.began_at = now.utc
        self.ended_at = now.utc

    def close(self) -> None:
        """The run is over: what fires has fired until now."""
        for account, firing in self._open.values():
            account.open += 1
            _add_time(account, firing, self.ended_at or firing.began_at)

    def _take_change(self, change: Change) -> None:
        alert, account = change.alert, self.of(change.alert.rule)
        held = self._count_held(alert, account)
        if alert.state is AlertState.FIRING and alert.id not in self._open:
            account.fired += 1
            firing = Firing(change.at, None, alert.labels, alert.value, alert.unit, held, message=alert.message)
            self._open[alert.id] = (account, firing)
            if len(account.firings) < MAX_FIRINGS:
                account.firings.append(firing)
        elif alert.state is AlertState.RESOLVED and alert.id in self._open:
            _, firing = self._open.pop(alert.id)
            firing.ended_at = change.at
            _add_time(account, firing, change.at)
        if alert.state in {AlertState.RESOLVED, AlertState.INACTIVE}:
            self._counted.pop(alert.id, None)

    def _count_held(self, alert: PerformanceAlert, account: RuleAccount) -> str:
        """Count what was held back since this alert changed last; the newest reason."""
        since = self._counted.get(alert.id)
        fresh = [step for step in alert.trace if step.what == "held" and (since is None or step.at > since)]
        for step in fresh:
            account.held[_reason_of(step)] += 1
        if alert.trace:
            self._counted[alert.id] = alert.trace[-1].at
        return fresh[-1].why if fresh else ""

    def _take_notice(self, notice: Notice) -> None:
        self.told.setdefault(notice.channel, Counter())[notice.kind.value] += 1
        for rule in {alert.rule for alert in notice.alerts}:
            self.of(rule).notices[notice.kind.value] += 1


def _add_time(account: RuleAccount, firing: Firing, until: datetime) -> None:
    lasted_s = (until - firing.began_at).total_seconds()
    account.firing_s += lasted_s
    account.longest_s = max(account.longest_s, lasted_s)


def _came_lately(watch: Watch) -> bool:
    """Whether it had come or gone within ten minutes before."""
    return watch.flapping is not None and len(watch.flapping.times) > 1


def _reason_of(step: TraceStep) -> str:
    """The reason not to tell, in a word."""
    head = step.why.partition(":")[0]
    if head in {held.value for held in Held}:
        return head
    return next((word for words, word in _BY_CHANNEL if words in step.why), "other")
