"""What rules would have done, in lines for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tocsin.channels.text import visible
from tocsin.cli.layout import fit
from tocsin.model.levels import AlertCondition, ThresholdKind
from tocsin.model.units import format_value

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator, Mapping, Sequence

    from tocsin.replay.account import Acted, RuleAccount
    from tocsin.replay.backtest import Contender

_DAY_S: Final = 86_400.0
_HEAD: Final = ("RULE", "FIRED", "FOR", "LONGEST", "SHORT", "FLAPS", "NOTICES", "HELD BACK", "ACTIONS")
_ACTIONS: Final = _HEAD.index("ACTIONS")
_LEGEND: Final = (
    "SHORT: breaches that were over before `for` had passed. FLAPS: how often it came back within ten minutes. "
    "NOTICES: those that spoke of it, its end and repeats included."
)
_LEGEND_OF_ACTIONS: Final = " ACTIONS: what would have been done besides; nothing was."


def lines_of(contenders: Sequence[Contender], remarks: Sequence[str], width: int, *, times: bool) -> Iterator[str]:
    """The whole result, line by line.

    Args:
        contenders: one rule file, or two that are compared.
        remarks: on where the readings come from.
        width: columns of the terminal.
        times: whether to list each firing.
    """
    first = contenders[0]
    account = first.account
    if account.began_at is None or account.ended_at is None:
        yield "nothing was measured in this time"
        return
    span_s = (account.ended_at - account.began_at).total_seconds()
    yield (
        f"{account.began_at:%Y-%m-%d %H:%M:%S} to {account.ended_at:%Y-%m-%d %H:%M:%S} UTC "
        f"({format_value(span_s, 's')}, {account.steps:,} steps)"
    )
    for remark in remarks:
        yield from fit(remark, width, first="! ")
    if len(contenders) > 1:
        yield from _compared(contenders, width)
    else:
        yield ""
        yield from _of_one(first, width)
    if times:
        for contender in contenders:
            yield from _times(contender, named=len(contenders) > 1)


def _of_one(contender: Contender, width: int) -> Iterator[str]:
    watched = [one for one in _accounts(contender) if one.series or not one.rule]
    if watched:
        yield from _of_rows([_HEAD, *map(_row, watched)], width)
        yield from fit(_told(contender), width)
    yield from _unwatched(contender, width)
    yield from _unlearned(contender, width)


def _of_rows(rows: Sequence[tuple[str, ...]], width: int, *, named: int = 0) -> Iterator[str]:
    """The table with its legend; the column of actions only where there are any. `named` columns stand before it."""
    acted = any(row[_ACTIONS + named] != "-" for row in rows[1:])
    yield from _table([row if acted else row[:-1] for row in rows], left=1 + named, texts=1 + acted)
    yield ""
    yield from fit(_LEGEND + (_LEGEND_OF_ACTIONS if acted else ""), width)


def _accounts(contender: Contender) -> list[RuleAccount]:
    """Those that fired the most first."""
    return sorted(contender.account.rules.values(), key=lambda one: (-one.fired, one.rule))


def _row(account: RuleAccount) -> tuple[str, ...]:
    going_on = f" ({account.open} on)" if account.open else ""
    return (
        visible(account.rule) or "(events)",
        f"{account.fired}{going_on}",
        _seconds(account.firing_s),
        _seconds(account.longest_s),
        str(account.short),
        str(account.flaps),
        str(account.notices.total()),
        _counts(account.held),
        ", ".join(_acted(action, acted) for action, acted in account.actions.items()) or "-",
    )


def _acted(action: str, acted: Acted) -> str:
    refused = f" ({acted.refused} refused)" if acted.refused else ""
    return f"{acted.due} {visible(action)}{refused}"


def _seconds(seconds: float) -> str:
    return format_value(seconds, "s") if seconds else "-"


def _counts(counted: Counter[str]) -> str:
    return ", ".join(f"{count} {word}" for word, count in counted.most_common()) or "-"


def _told(contender: Contender) -> str:
    told = contender.account.told
    if not told:
        return "Nobody would have been told anything."
    parts = [f"{channel} {kinds.total()} ({_counts(kinds)})" for channel, kinds in told.items()]
    return f"Notices that would have gone out: {'; '.join(parts)}."


def _unwatched(contender: Contender, width: int) -> Iterator[str]:
    """Rules that had nothing to look at: of one's own they may be slips, of the default ones they are only counted."""
    own = {rule.name for rule in contender.config.rules}
    idle = [one.rule for one in contender.account.rules.values() if one.rule and not one.series]
    for name in [name for name in idle if name in own]:
        rule = contender.rules[name]
        why = f"of {rule.metric}{_labels(rule.labels)} there is nothing here" if rule.enabled else "it is disabled"
        yield from fit(f"{name!r} watched nothing: {why}", width, first="! ")
    others = sum(name not in own for name in idle)
    if others:
        yield f"{others} default rule{'s' if others > 1 else ''} had nothing to look at here."


def _unlearned(contender: Contender, width: int) -> Iterator[str]:
    """Rules of one's own that learn, where there was too little to learn from."""
    account = contender.account
    if contender.went_on or account.began_at is None or account.ended_at is None:
        return
    if (account.ended_at - account.began_at).total_seconds() >= _DAY_S:
        return
    learning = (rule for rule in contender.config.rules if rule.learns and rule.adjust is not ThresholdKind.SIGMA)
    learn = [rule.name for rule in learning if account.of(rule.name).series]
    if learn:
        who = f"{learn[0]!r} learns" if len(learn) == 1 else f"{len(learn)} rules learn"
        words = "a series is known after a day; sooner only extremes ring, and nothing in its first 100 readings"
        yield from fit(f"{who}: {words}", width, first="! ")


def _labels(labels: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{name}={value}" for name, value in labels.items()) + "}" if labels else ""


def _compared(contenders: Sequence[Contender], width: int) -> Iterator[str]:
    """The rules that differ in anything, a line for each file; and how many do not."""
    before, after = contenders
    names = list(dict.fromkeys([*before.account.rules, *after.account.rules]))
    pairs = [(name, before.account.rules.get(name), after.account.rules.get(name)) for name in names]
    differing = [pair for pair in pairs if _differ(pair[1], pair[2])]
    yield ""
    yield f"A: {before.name}"
    yield f"B: {after.name}"
    yield ""
    if differing:
        rows: list[tuple[str, ...]] = [("", *_HEAD)]
        for _, one, other in differing:
            rows += [("A", *_row(one))] if one is not None else []
            rows += [("B", *_row(other))] if other is not None else []
        yield from _of_rows(rows, width, named=1)
    alike = sum(1 for _, one, other in pairs if one is not None and one.series and not _differ(one, other))
    one_differs = len(differing) == 1
    yield f"{len(differing)} rule{' differs' if one_differs else 's differ'}, {alike} would have done the same."
    for letter, contender in zip("AB", contenders, strict=True):
        yield from fit(_told(contender), width, first=f"{letter}: ")
        yield from _unwatched(contender, width)
        yield from _unlearned(contender, width)


def _differ(one: RuleAccount | None, other: RuleAccount | None) -> bool:
    if one is None or other is None:
        return bool((one or other) and (one or other).series)  # type: ignore[union-attr]  # one of them is there
    return _figures(one) != _figures(other)


def _figures(account: RuleAccount) -> tuple[object, ...]:
    spans = [(firing.began_at, firing.ended_at) for firing in account.firings]
    return (account.series, account.fired, account.firing_s, account.short, account.flaps, account.notices,
            account.held, account.actions, spans)  # fmt: skip


def _times(contender: Contender, *, named: bool) -> Iterator[str]:
    """Each firing, rule by rule."""
    telling = {AlertCondition.ANOMALOUS, AlertCondition.WILL_EXCEED}
    plain = {name for name, rule in contender.rules.items() if not rule.learns and rule.condition not in telling}
    for account in _accounts(contender):
        if not account.firings:
            continue
        yield ""
        yield f"{visible(account.rule) or '(events)'}" + (f" in {contender.name}" if named else "")
        for firing in account.firings:
            until = f"{firing.ended_at:%Y-%m-%d %H:%M:%S}" if firing.ended_at else "still firing"
            figure = "" if firing.value is None else f"  {format_value(firing.value, firing.unit)}"
            if account.rule not in plain:  # of an event, of what was learned and of a forecast the figure says little
                figure = f"  {visible(firing.message)}"
            held = f"  held back: {visible(firing.held)}" if firing.held else ""
            labels = f"  {visible(_labels(firing.labels))}" if firing.labels else ""
            acted = f"  acting: {visible(', '.join(firing.actions))}" if firing.actions else ""
            yield f"  {firing.began_at:%Y-%m-%d %H:%M:%S} to {until:<19}{figure}{labels}{held}{acted}"
        left_out = account.fired - len(account.firings)
        if left_out:
            yield f"  … and {left_out} more"


def _table(rows: Sequence[tuple[str, ...]], *, left: int, texts: int) -> Iterator[str]:
    """Columns as wide as they must be; the first and the last ones, texts, to the left, figures to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [
            cell.ljust(width) if place < left or place >= len(row) - texts else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
