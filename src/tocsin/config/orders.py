"""`[[maintenance]]` and `[[inhibition]]`: what is ordered beforehand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tocsin.config.keys import (
    RECURRENCE_KEYS,
    Key,
    matchers,
    missing,
    moment,
    names,
    read_keys,
)
from tocsin.config.mistakes import Mistake, Wrong, show
from tocsin.config.values import as_mapping, as_sequence, settled, text
from tocsin.model.orders import Inhibition, Maintenance
from tocsin.model.schedule import Recurrence

if TYPE_CHECKING:
    from collections.abc import Mapping

_WINDOWS: Final = "a list of maintenance windows, in a file [[maintenance]]"
_EFFECTS: Final = "a list of inhibitions, in a file [[inhibition]]"
_ONCE: Final = ("starts", "ends")

MAINTENANCE_KEYS: Final[dict[str, Key]] = {
    "name": Key("name", text, '"backup"'),
    "matchers": Key("matchers", matchers, '["component=db"]'),
    "starts": Key("starts_at", moment, '"2026-01-31T22:00:00Z"'),
    "ends": Key("ends_at", moment, '"2026-02-01T02:00:00Z"'),
    **RECURRENCE_KEYS,
    "comment": Key("comment", text, '"the weekly backup"'),
}
INHIBITION_KEYS: Final[dict[str, Key]] = {
    "source": Key("source", matchers, '["rule=database-down"]'),
    "target": Key("target", matchers, '["component=orders"]'),
    "equal": Key("equal", names, '["label.host"]'),
}


def maintenance(value: object) -> tuple[Maintenance, ...]:
    """Maintenance windows with names that differ; each a `Maintenance` or a table."""
    mistakes: list[Mistake] = []
    found: list[Maintenance] = []
    for index, item in enumerate(as_sequence(value, _WINDOWS)):
        try:
            window = item if isinstance(item, Maintenance) else _window(_table(item, "a maintenance window"))
        except Wrong as error:
            mistakes += [mistake._replace(path=(index, *mistake.path)) for mistake in error.mistakes]
            continue
        if window.name in {other.name for other in found}:
            second = f"a second window named {window.name!r}"
            mistakes.append(Mistake((index, "name"), second, "names that differ", remark=True))
        found.append(window)
    return settled(tuple(found), mistakes)


def inhibitions(value: object) -> tuple[Inhibition, ...]:
    """Which alerts are only effects of which; each an `Inhibition` or a table."""
    mistakes: list[Mistake] = []
    found: list[Inhibition] = []
    for index, item in enumerate(as_sequence(value, _EFFECTS)):
        try:
            found.append(item if isinstance(item, Inhibition) else _inhibition(_table(item, "an inhibition")))
        except Wrong as error:
            mistakes += [mistake._replace(path=(index, *mistake.path)) for mistake in error.mistakes]
    return settled(tuple(found), mistakes)


def _table(item: object, what: str) -> Mapping[str, object]:
    return as_mapping(item, f"{what}: a table")


def _window(table: Mapping[str, object]) -> Maintenance:
    fields, mistakes = read_keys(table, MAINTENANCE_KEYS, "a maintenance window")
    if not fields.get("name") and not any(mistake.path[:1] == ("name",) for mistake in mistakes):
        mistakes.append(missing("name", MAINTENANCE_KEYS, "a name"))
    mistakes += _mismatches(table, fields)
    settled(None, mistakes)
    again = {key.field: fields.pop(key.field) for key in RECURRENCE_KEYS.values() if key.field in fields}
    return Maintenance(**fields, recurrence=Recurrence(**again) if again else None)


def _mismatches(table: Mapping[str, object], fields: Mapping[str, Any]) -> list[Mistake]:
    """What is wrong with a window as a whole: it comes once, or again and again."""
    once = [name for name in _ONCE if name in table]
    again = [name for name in RECURRENCE_KEYS if name in table]
    if once and again:
        words = "either starts and ends, or cron and duration"
        return [Mistake((again[0],), f"{once[0]} and {again[0]}", words, remark=True)]
    if not once and not again:
        words = "starts and ends, or cron and duration"
        return [Mistake((), "a window without a time", words, 'cron="0 22 * * sun"', remark=True)]
    wanted = _ONCE if once else ("cron", "duration")
    lacking = [missing(name, MAINTENANCE_KEYS, "a value") for name in wanted if name not in table]
    starts, ends = fields.get("starts_at"), fields.get("ends_at")
    if starts is not None and ends is not None and ends <= starts:
        return [Mistake(("ends",), show(str(table["ends"])), "a time behind starts", 'ends="2026-02-01T02:00:00Z"')]
    return lacking


def _inhibition(table: Mapping[str, object]) -> Inhibition:
    fields, mistakes = read_keys(table, INHIBITION_KEYS, "an inhibition")
    already = {mistake.path[0] for mistake in mistakes}
    mistakes += [
        missing(name, INHIBITION_KEYS, "at least one matcher")
        for name in ("source", "target")
        if name not in already and not fields.get(name)
    ]
    return Inhibition(**settled(fields, mistakes))
