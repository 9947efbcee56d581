"""Rules tried on the past: the very engine, its reasons not to tell included, over a feed of moments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tocsin.engine import Engine
from tocsin.replay.account import Account
from tocsin.rules.book import RuleBook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tocsin.config import AlertConfig
    from tocsin.model.inputs import Change
    from tocsin.model.notice import Notice
    from tocsin.model.readings import SeriesKey
    from tocsin.replay.moments import Feed, Moment

# How often it is told how far it has come, in moments.
_TELL_EVERY: Final = 1000


class Contender:
    """A set of rules on trial.

    Args:
        name: the file's.
        config: its rules, its channels' routes, its windows and limits; nobody is told anything.
        listen: called with each change and each notice, in their order.

    Attributes:
        account: what became of it.
        rules: those that were tried, by name.
        went_on: whether it began with what was learned in an earlier run.
    """

    def __init__(
        self, name: str, config: AlertConfig, *, listen: Callable[[Change | Notice], None] | None = None
    ) -> None:
        self.name = name
        self.config = config
        self.account = Account()
        self.rules = {rule.name: rule for rule in config.all_rules()}
        self.went_on = False
        self._listen = listen
        self._every_s = 0.0
        routes = tuple(route for _, route in config.make_channels())
        self.engine = Engine(
            self.rules.values(), config.alert_settings(routes),
            interval_s=config.check_interval, points=config.series_points, observe=self.account.observe,
        )  # fmt: skip

    def take(self, moment: Moment) -> None:
        """Live through a moment."""
        if moment.learned is not None:
            learned, at = moment.learned
            self.went_on = True
            self.engine.restore([], None, at, learned)
        # A pace that quickens does not make a gap of the pause before.
        every_s = max(moment.every_s, self.config.check_interval)
        self.engine.interval_s, self._every_s = max(every_s, self._every_s), every_s
        outcome = self.engine.step(moment.inputs, moment.now)
        self.account.stepped(moment.now)
        if outcome.changes or outcome.notices or outcome.actions:
            self.account.take(outcome)
            if self._listen is not None:
                for change in outcome.changes:
                    self._listen(change)
                for notice in outcome.notices:
                    self._listen(notice)

    def close(self) -> None:
        """The run is over."""
        for compiled in self.engine.rules:
            account = self.account.of(compiled.rule.name)
            account.series = sum(compiled.matches(series.key) for series in self.engine.series.values())
        self.account.close()


def run(feed: Feed, contenders: Sequence[Contender], *, told: Callable[[float], None] | None = None) -> None:
    """Play a feed to all contenders alike.

    Args:
        feed: is gone through once.
        contenders: their accounts are filled.
        told: called now and then with the share that is done, and at the end with 1.
    Raises: TocsinError: if what was recorded cannot be read.
    """
    wanted = wanted_by(contenders)
    for number, moment in enumerate(feed.moments(wanted)):
        for contender in contenders:
            contender.take(moment)
        if told is not None and not number % _TELL_EVERY:
            told(feed.share_done())
    for contender in contenders:
        contender.close()
    if told is not None:
        told(1.0)


def wanted_by(contenders: Iterable[Contender]) -> Callable[[SeriesKey], bool]:
    """Whether any rule of any contender looks at a series."""
    books = [RuleBook(rule for rule in contender.rules.values() if rule.enabled) for contender in contenders]
    return lambda key: any(book.for_series(key) for book in books)
