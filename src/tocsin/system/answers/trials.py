"""A changed rule, tried on what the journal has before anybody lives by it: by the very engine that watches."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tocsin.errors import RuleNotFound, StoreError
from tocsin.system.answers.explaining import in_words

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tocsin.config import AlertConfig
    from tocsin.model.rule import AlertRule
    from tocsin.system.core import SystemCore

MAX_SINCE_S: Final = 28 * 86_400.0
MAX_FIRINGS: Final = 50


class Trial(msgspec.Struct):
    """How a rule would be otherwise.

    Attributes:
        name: of the rule.
        threshold: with its unit, as in `85 %`; empty: as it is.
        for_s: seconds a breach must last; None: as it is.
        since_s: how far back.
    """

    name: str
    threshold: str = ""
    for_s: float | None = None
    since_s: float = 86_400.0


def changed_rule(rules: Mapping[str, AlertRule], asked: Trial) -> AlertRule:
    """The rule as it would be. A clear threshold of its own gives way to the built-in one when the threshold moves.

    Args:
        rules: by name.
        asked: how it would be.
    Raises: RuleNotFound: if there is none of this name. ConfigError: if it cannot be so.
    """
    rule = rules.get(asked.name)
    if rule is None:
        raise RuleNotFound(asked.name, rules)
    changes: dict[str, Any] = {}
    if asked.threshold.strip():
        changes |= {"threshold": asked.threshold.strip(), "clear_threshold": None}
    if asked.for_s is not None:
        changes["for_s"] = asked.for_s
    made: AlertRule = msgspec.structs.replace(rule, **changes)
    return made


def backtest(core: SystemCore, asked: Trial) -> dict[str, Any]:
    """What a rule of a running program did in the past as it stands, and would have done otherwise.

    Raises: StoreError: if there is no history to try it on; and as `tried`.
    """
    folder = core.recorder.folder
    if folder is None:
        raise StoreError("there is no history to try a rule on: set state_dir, and wait five minutes")
    return tried(asked, core.rules, core.config, folder)


def tried(asked: Trial, rules: Mapping[str, AlertRule], config: AlertConfig, folder: Path) -> dict[str, Any]:
    """What a rule did in the past as it stands, and would have done otherwise.

    Args:
        asked: how the rule would be.
        rules: by name, as they stand.
        config: the rest of the configuration.
        folder: whose journal has the past.
    Returns: `now` and `changed`, each with `words`, `fired`, `firing_s`, `longest_s`, `short`, `flaps` and the first
        `firings`; `since`, `until`, and `remarks` on how far this can be trusted.
    Raises: RuleNotFound, ConfigError: as `changed_rule`. StoreError: if there is no history to try it on.
    """
    from tocsin.replay.backtest import Contender, run  # noqa: PLC0415 - seldom asked
    from tocsin.replay.history_feed import HistoryFeed  # noqa: PLC0415 - as above

    both = {"now": changed_rule(rules, Trial(asked.name)), "changed": changed_rule(rules, asked)}
    alone = config.replace(channels=[], default_rules=False, state_dir=None, record=None)
    contenders = [
        Contender(name, alone.replace(rules=[msgspec.structs.replace(rule, enabled=True)]))
        for name, rule in both.items()
    ]
    span_s = min(max(asked.since_s, 60.0), MAX_SINCE_S)
    with closing(HistoryFeed(folder, since=lambda ended_unix_s: ended_unix_s - span_s)) as feed:
        run(feed, contenders)
        remarks = feed.remarks()
    account = contenders[0].account
    return {
        "since": account.began_at,
        "until": account.ended_at,
        "remarks": remarks,
        **{one.name: _told(one, both[one.name]) for one in contenders},
    }


def _told(contender: Any, rule: AlertRule) -> dict[str, Any]:
    found = contender.account.of(rule.name)
    return {
        "words": in_words(rule),
        "series": found.series,
        "fired": found.fired,
        "firing_s": found.firing_s,
        "longest_s": found.longest_s,
        "short": found.short,
        "flaps": found.flaps,
        "firings": msgspec.to_builtins(found.firings[:MAX_FIRINGS]),
    }
