"""From a TOML file to rule tests, with every mistake named at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tocsin.config import AlertConfig
from tocsin.config.document import Document
from tocsin.config.keys import Key, matchers, missing, moment, read_keys
from tocsin.config.mistakes import Mistake, Path, Wrong, choices, nearest, show, wrong
from tocsin.config.read import config_in, load_config
from tocsin.config.values import as_mapping, as_sequence, count, seconds, settled, text
from tocsin.errors import ConfigError
from tocsin.model.levels import AlertCategory, AlertSeverity, Verdict
from tocsin.model.series_text import parse_series
from tocsin.replay.notation import parse_readings
from tocsin.replay.rule_tests.expect import Expected, read_alert, read_notice
from tocsin.replay.scene import START

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from datetime import datetime

    from tocsin.model.readings import SeriesKey

VERDICTS: Final = {verdict.name.lower(): verdict for verdict in Verdict}
_YEAR_S: Final = 366 * 86_400.0
_SERIES_EXAMPLE: Final = 'series = {"process.memory.usage" = "600MBx3 700MBx6"}'


class Expectation(NamedTuple):
    """What is to be at one time; None: of this nothing is expected.

    Attributes:
        line: of the file.
        at_s: when.
        verdicts: of rules, by name, or by name and labels.
        alerts: all that are open.
        notices: all that were told since the expectation before.
    """

    line: int
    at_s: float
    verdicts: Mapping[str, Verdict] | None
    alerts: tuple[Expected, ...] | None
    notices: tuple[Expected, ...] | None


class Order(NamedTuple):
    """Something that is ordered or raised.

    Attributes:
        line: of the file.
        at_s: when.
        kind: `silence`, `maintenance`, `ack` or `event`.
        fields: what it takes.
    """

    line: int
    at_s: float
    kind: str
    fields: Mapping[str, Any]


class RuleTest(NamedTuple):
    """One test.

    Attributes:
        path: the file.
        line: where it begins.
        name: in words.
        config: the rules and their surroundings.
        series: the readings of each series, one a step.
        every_s: seconds from one step to the next.
        start: the wall clock at the beginning.
        orders: by time.
        expectations: by time.
    """

    path: str
    line: int
    name: str
    config: AlertConfig
    series: Mapping[SeriesKey, list[float]]
    every_s: float
    start: datetime
    orders: tuple[Order, ...]
    expectations: tuple[Expectation, ...]


_time = seconds(0.0, _YEAR_S, words="from 0 s to 366 d")
_step = seconds(0.001, _YEAR_S, words="from 1 ms to 366 d")


def _series(value: object) -> dict[SeriesKey, list[float]]:
    found: dict[SeriesKey, list[float]] = {}
    mistakes: list[Mistake] = []
    for name, written in as_mapping(value, "a table of readings in compact notation").items():
        try:
            key = parse_series(name)
            if not isinstance(written, str):
                raise ValueError(f"found {show(written)}, expected readings such as 0+10x5 _x3 90x20")  # noqa: TRY301, TRY004
            found[key] = parse_readings(written, key.metric)
        except ValueError as error:
            seen, _, expected = str(error).removeprefix("found ").partition(", expected ")
            mistakes.append(Mistake((name,), seen, expected or str(error), _SERIES_EXAMPLE, remark=True))
    return settled(found, mistakes)


def _verdicts(value: object) -> dict[str, Verdict]:
    mistakes = []
    found: dict[str, Verdict] = {}
    for name, word in as_mapping(value, "a table of verdicts").items():
        if not isinstance(word, str) or word not in VERDICTS:
            mistakes.append(Mistake((name,), show(word), choices(VERDICTS, word)))
        else:
            found[name] = VERDICTS[word]
    return settled(found, mistakes)


def _listed(read: Any) -> Any:
    def read_all(value: object) -> tuple[Expected, ...]:
        mistakes: list[Mistake] = []
        found: list[Expected] = []
        for place, one in enumerate(as_sequence(value, "a list")):
            try:
                found.append(read(one))
            except Wrong as error:
                mistakes += [mistake._replace(path=(place, *mistake.path)) for mistake in error.mistakes]
        return settled(tuple(found), mistakes)

    return read_all


def _level(value: object) -> str:
    known = [severity.word for severity in AlertSeverity]
    if value not in known:
        raise wrong(value, choices(known, value))
    return str(value)


def _category(value: object) -> str:
    known = [category.value for category in AlertCategory]
    if value not in known:
        raise wrong(value, choices(known, value))
    return str(value)


def _labels(value: object) -> dict[str, str]:
    return {name: text(one) for name, one in as_mapping(value, "a table of labels").items()}


def _matcher_texts(value: object) -> tuple[str, ...]:
    return tuple(map(str, matchers(value)))


def _tables(value: object) -> list[Any]:
    return as_sequence(value, "a list of tables")


_AT: Final = Key("at_s", _time, '"40s"')
_ORDERS: Final[dict[str, dict[str, Key]]] = {
    "silence": {
        "at": _AT,
        "for": Key("for_", _time, '"10min"'),
        "matchers": Key("matchers", _matcher_texts, '["component=orders"]'),
        "comment": Key("comment", text, '"moving it"'),
    },
    "maintenance": {
        "at": _AT,
        "for": Key("for_", _time, '"10min"'),
        "matchers": Key("matchers", _matcher_texts, '["component=orders"]'),
        "name": Key("name", text, '"backup"'),
    },
    "ack": {
        "at": _AT,
        "title": Key("title", text, '"memory-high"'),
        "by": Key("by", text, '"jo"'),
        "for": Key("for_", _time, '"10min"'),
    },
    "event": {
        "at": _AT,
        "title": Key("title", text, '"Slow query"'),
        "message": Key("message", text, '"900 ms"'),
        "level": Key("level", _level, '"warning"'),
        "source": Key("source", text, '"db"'),
        "category": Key("category", _category, '"application_latency"'),
        "component": Key("component", text, '"orders"'),
        "labels": Key("labels", _labels, '{table = "items"}'),
        "count": Key("count", count(1, 1_000_000), "3"),
    },
}
_NEEDED: Final = {"silence": ("at", "for", "matchers"), "maintenance": ("at", "for"), "ack": ("at", "title"),
                  "event": ("at", "title")}  # fmt: skip
_EXPECT: Final[dict[str, Key]] = {
    "at": _AT,
    "verdicts": Key("verdicts", _verdicts, '{memory-high = "bad"}'),
    "alerts": Key("alerts", _listed(read_alert), '["firing memory-high"]'),
    "notices": Key("notices", _listed(read_notice), '["firing memory-high"]'),
}
_TEST: Final[dict[str, Key]] = {
    "name": Key("name", text, '"memory rings after half a minute"'),
    "every": Key("every_s", _step, '"10s"'),
    "start": Key("start", moment, '"2026-01-05T08:00:00Z"'),
    "series": Key("series", _series, '{"process.memory.usage" = "600MBx3 700MBx6"}'),
    **{kind: Key(kind, _tables, '[{at = "40s"}]') for kind in (*_ORDERS, "expect")},
}
# What a file holds beside the settings of the rules that stand in it.
_OWN: Final = ("rules", "every", "start", "test")


def read_tests(path: str | os.PathLike[str]) -> list[RuleTest]:
    """Read a file of rule tests.

    Args:
        path: a TOML file. It names its rules (`rules = "tocsin.toml"`, relative to it), or holds them.
    Raises: ConfigError: with every mistake, each with file, line and key, in the order of the file.
    """
    reader = _Reader(Document(path))
    tests = reader.read()
    reader.raise_mistakes()
    return tests


class _Reader:
    """Walks through a document and gathers the mistakes."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._mistakes: list[Mistake] = []

    def read(self) -> list[RuleTest]:
        """The tests, as far as they are right."""
        data = self._document.data
        every_s = self._single("every", _step, 1.0)
        start = self._single("start", moment, START)
        config = self._config()
        tables = data.get("test", [])
        if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
            self._mistakes.append(Mistake(("test",), "no test", "at least one", "[[test]]", remark=True))
            return []
        return [
            test for place, table in enumerate(tables)
            if (test := self._test(("test", place), table, config, every_s=every_s, start=start)) is not None
        ]  # fmt: skip

    def raise_mistakes(self) -> None:
        """Raise what was found, in the order of the file."""
        if self._mistakes:
            ordered = sorted(self._mistakes, key=lambda mistake: self._document.line(mistake.path))
            raise ConfigError(self._document.problem(mistake) for mistake in ordered)

    def _single(self, key: str, read: Any, default: Any) -> Any:
        if key not in self._document.data:
            return default
        try:
            return read(self._document.data[key])
        except Wrong as error:
            self._add((key,), error.mistakes)
            return default

    def _config(self) -> AlertConfig:
        """The rules: of another file, or those that stand here."""
        data = self._document.data
        named = data.get("rules")
        here = {key: value for key, value in data.items() if key not in _OWN}
        if named is None:
            return config_in(self._document, {"default_rules": False, **here}, mute=True)
        if not isinstance(named, str) or not named:
            self._mistakes.append(Mistake(("rules",), show(named), "the path of a file", 'rules = "tocsin.toml"'))
        elif here:
            beside = ", ".join(here)
            words = "either `rules`, or the settings themselves"
            self._mistakes.append(Mistake(("rules",), f"beside {beside}", words, remark=True))
        else:
            return load_config(self._document.folder / named, mute=True)
        return AlertConfig()

    def _test(
        self, path: Path, table: Mapping[str, Any], config: AlertConfig, *, every_s: float, start: datetime
    ) -> RuleTest | None:
        fields, mistakes = read_keys(table, _TEST, "a test")
        mistakes += [missing("name", _TEST, "a name in words")] if not table.get("name") else []
        if "expect" not in table:
            mistakes.append(missing("expect", _TEST, "what is to follow: [[test.expect]]"))
        self._add(path, mistakes)
        orders = [
            order for kind in _ORDERS for order in self._orders(path, kind, fields.get(kind, []))
        ]  # fmt: skip
        expectations = self._expectations(path, fields.get("expect", []), config)
        return RuleTest(
            self._document.where, self._document.line(path), fields.get("name", ""), config, fields.get("series", {}),
            fields.get("every_s", every_s), fields.get("start", start),
            tuple(sorted(orders, key=lambda order: order.at_s)), tuple(expectations),
        )  # fmt: skip

    def _orders(self, path: Path, kind: str, tables: list[Any]) -> list[Order]:
        found = []
        for place, table in enumerate(tables):
            at = (*path, kind, place)
            fields = self._table(at, table, _ORDERS[kind], f"{kind} of a test", needed=_NEEDED[kind])
            if fields is not None:
                at_s = fields.pop("at_s")
                found.append(Order(self._document.line(at), at_s, kind, fields))
        return found

    def _expectations(self, path: Path, tables: list[Any], config: AlertConfig) -> list[Expectation]:
        found: list[Expectation] = []
        for place, table in enumerate(tables):
            at = (*path, "expect", place)
            fields = self._table(at, table, _EXPECT, "an expectation", needed=("at",))
            if fields is None:
                continue
            if len(fields) < 2:
                words = "verdicts, alerts or notices"
                self._mistakes.append(Mistake(at, "nothing", words, "alerts = []", remark=True))
            if found and fields["at_s"] < found[-1].at_s:
                words = "a time not before the expectation above"
                self._mistakes.append(Mistake((*at, "at"), show(table["at"]), words))
            self._check_names(at, fields.get("verdicts") or {}, config)
            found.append(Expectation(self._document.line(at), fields["at_s"], fields.get("verdicts"),
                                     fields.get("alerts"), fields.get("notices")))  # fmt: skip
        return found

    def _check_names(self, path: Path, verdicts: Mapping[str, Verdict], config: AlertConfig) -> None:
        """A verdict of a rule that does not exist would wait in vain for ever."""
        known = {rule.name for rule in config.all_rules()}
        for name in verdicts:
            rule = name.partition("{")[0]
            if rule not in known:
                words = f"the name of a rule{nearest(rule, known)}"
                self._mistakes.append(Mistake((*path, "verdicts", name), "no such rule", words, remark=True))

    def _table(
        self, path: Path, table: Any, keys: Mapping[str, Key], what: str, *, needed: tuple[str, ...]
    ) -> dict[str, Any] | None:
        """The fields of a table; None, and the mistakes noted, if anything is wrong."""
        if not isinstance(table, dict):
            self._mistakes.append(Mistake(path, show(table), "a table"))
            return None
        fields, mistakes = read_keys(table, keys, what)
        mistakes += [missing(name, keys, "a value") for name in needed if name not in table]
        self._add(path, mistakes)
        return None if mistakes else fields

    def _add(self, path: Path, mistakes: Any) -> None:
        self._mistakes += [mistake._replace(path=(*path, *mistake.path)) for mistake in mistakes]
