"""Tables with keys of their own: each key is read by itself, and every mistake is gathered."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tocsin.config.mistakes import Mistake, Wrong, choices, nearest, wrong
from tocsin.config.values import Reader, as_mapping, as_sequence, seconds, settled
from tocsin.model.levels import AlertCategory, AlertSeverity
from tocsin.model.matching import Matcher, parse_matcher
from tocsin.model.schedule import MAX_DURATION_S, Recurrence, parse_cron

if TYPE_CHECKING:
    from collections.abc import Mapping

_A_MATCHER: Final = "a matcher such as 'component=orders' or 'rule=~memory.*'"
_A_MOMENT: Final = "a time with its zone, such as 2026-01-31T22:00:00Z"
# What these facts can be is known, so a slip of the pen is found before an alert is missed.
_WORDS: Final = {
    "category": [category.value for category in AlertCategory],
    "severity": [severity.word for severity in AlertSeverity],
}


class Key(NamedTuple):
    """One key of a table.

    Attributes:
        field: what it is called in Python.
        read: brings a value into its one form, or raises `Wrong`.
        example: a right value, as it is written in Python.
    """

    field: str
    read: Reader
    example: str


def read_keys(table: Mapping[str, object], keys: Mapping[str, Key], what: str) -> tuple[dict[str, Any], list[Mistake]]:
    """Read what a table holds.

    Args:
        table: as given.
        keys: what there is.
        what: the kind of table, in words: "a maintenance window".
    Returns: the fields that were right, and every mistake, whose paths begin at the table's keys.
    """
    fields: dict[str, Any] = {}
    mistakes: list[Mistake] = []
    for name, value in table.items():
        key = keys.get(name)
        if key is None:
            near = nearest(name, keys) or f": {choices(keys, None)}"
            mistakes.append(Mistake((name,), "an unknown key", f"a key of {what}{near}", remark=True))
            continue
        try:
            fields[key.field] = key.read(value)
        except Wrong as error:
            mistakes += [
                one._replace(path=(name, *one.path), example=one.example or f"{name}={key.example}")
                for one in error.mistakes
            ]
    return fields, mistakes


def missing(name: str, keys: Mapping[str, Key], what: str) -> Mistake:
    """The mistake that a key is not there."""
    return Mistake((name,), "nothing", what, f"{name}={keys[name].example}", remark=True)


# -- readers


def matchers(value: object) -> tuple[Matcher, ...]:
    """Matchers, given as texts; one text is one matcher."""
    mistakes: list[Mistake] = []
    found: list[Matcher] = []
    listed = [value] if isinstance(value, (str, Matcher)) else as_sequence(value, "a list of matchers")
    for index, one in enumerate(listed):
        try:
            found.append(_matcher(one))
        except Wrong as error:
            path = () if isinstance(value, str) else (index,)
            mistakes += [mistake._replace(path=path) for mistake in error.mistakes]
    return settled(tuple(found), mistakes)


def _matcher(value: object) -> Matcher:
    if isinstance(value, Matcher):
        return value
    if not isinstance(value, str):
        raise wrong(value, _A_MATCHER)
    try:
        found = parse_matcher(value)
    except ValueError as error:
        raise wrong(value, f"{_A_MATCHER}: {_expectation(error)}") from None
    known = _WORDS.get(found.name)
    if known and found.operator in {"=", "!="} and found.value not in known:
        raise wrong(value, f"{found.name} to be {choices(known, found.value)}")
    return found


def names(value: object) -> tuple[str, ...]:
    """Names of facts or labels, none twice."""
    listed = [value] if isinstance(value, str) else as_sequence(value, "a list of names such as ['rule']")
    if not all(isinstance(one, str) and one.strip() for one in listed):
        raise wrong(value, "a list of names such as ['rule']")
    return tuple(dict.fromkeys(listed))


def names_or_none(value: object) -> tuple[str, ...] | None:
    """Names, or None for none at all."""
    return None if value is None else names(value)


def recurrence(value: object) -> Recurrence:
    """A window that comes again: a table with `cron`, `duration` and `zone`."""
    if isinstance(value, Recurrence):
        return value
    what = "a window that comes again"
    table = as_mapping(value, "a table with cron, duration and zone")
    fields, mistakes = read_keys(table, RECURRENCE_KEYS, what)
    mistakes += [
        missing(name, RECURRENCE_KEYS, words)
        for name, words in (("cron", "when it begins"), ("duration", "how long it lasts"))
        if name not in table
    ]
    return Recurrence(**settled(fields, mistakes))


def cron(value: object) -> str:
    """A cron expression of five fields."""
    if not isinstance(value, str):
        raise wrong(value, "a cron expression: minute hour day month weekday")
    try:
        parse_cron(value)
    except ValueError as error:
        raise wrong(value, f"a cron expression: {_expectation(error)}") from None
    return value


def zone(value: object) -> str:
    """The name of a time zone."""
    expected = "the name of a time zone, such as Europe/Berlin"
    if not isinstance(value, str) or not value:
        raise wrong(value, expected)
    try:
        Recurrence(cron="@daily", duration_s=1.0, zone=value)
    except ValueError:
        from zoneinfo import available_timezones  # noqa: PLC0415 - reads many files, and only for a mistake

        raise wrong(value, f"{expected}{_nearest_zone(value, available_timezones())}") from None
    return value


def moment(value: object) -> datetime:
    """A moment: RFC 3339 with its zone, or a `datetime` that has one."""
    found = value
    if isinstance(value, str):
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            raise wrong(value, _A_MOMENT) from None
    if not isinstance(found, datetime) or found.tzinfo is None:
        raise wrong(value, _A_MOMENT)
    return found


def _nearest_zone(word: str, known: set[str]) -> str:
    lowered = {name.lower(): name for name in known}
    near = nearest(word, lowered)
    return "".join([near.replace(low, name) for low, name in lowered.items() if f"'{low}'" in near][:1])


def _expectation(error: ValueError) -> str:
    """What a message expects, without what it found, which is shown already."""
    text = str(error)
    return text.partition(", expected ")[2] or text if text.startswith("found ") else text


RECURRENCE_KEYS: Final[dict[str, Key]] = {
    "cron": Key("cron", cron, '"0 22 * * mon-fri"'),
    "duration": Key("duration_s", seconds(1.0, MAX_DURATION_S, words="from 1 s to 7 d"), '"2h"'),
    "zone": Key("zone", zone, '"Europe/Berlin"'),
}
