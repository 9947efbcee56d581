"""What a test expects to be open or to have been told, and how it differs from what is found.

An expectation is a line such as `firing memory-high` (state or kind, and the titles), behind which ` to CHANNEL` may
stand for a notice; or a table that names more. What is not named may be anything, but nothing may be left over.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tocsin.config.keys import Key, read_keys
from tocsin.config.mistakes import Mistake, choices, show, wrong
from tocsin.config.values import as_mapping, count, settled, text
from tocsin.model.levels import AlertSeverity, AlertState, Held
from tocsin.model.notice import NoticeKind
from tocsin.model.units import format_value, parse_quantity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tocsin.model.alert import PerformanceAlert
    from tocsin.model.notice import Notice

STATES: Final = (AlertState.PENDING.value, AlertState.FIRING.value)
KINDS: Final = tuple(kind.value for kind in NoticeKind)


class Expected(NamedTuple):
    """One alert or one notice that is expected.

    Attributes:
        words: as it was written, for the screen.
        fields: what is named of it.
    """

    words: str
    fields: Mapping[str, Any]


# -- reading


def _one_of(words: Iterable[str]) -> Callable[[object], str]:
    known = list(words)

    def read(value: object) -> str:
        if not isinstance(value, str) or value not in known:
            raise wrong(value, choices(known, value))
        return value

    return read


def _labels(value: object) -> dict[str, str]:
    return {name: text(one) for name, one in as_mapping(value, "a table of labels").items()}


def _value(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise wrong(value, "a number, or a text with a number and its unit")
    try:
        return parse_quantity(str(value)).value
    except ValueError as error:
        raise wrong(value, f"a number, or a text with a number and its unit; {error}") from None


def _titles(value: object) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(text(one) for one in value) if isinstance(value, list) else ()


_SEVERITY: Final = _one_of(severity.word for severity in AlertSeverity)
_COUNT: Final = count(1, 1_000_000_000)
ALERT_KEYS: Final[dict[str, Key]] = {
    "state": Key("state", _one_of(STATES), '"firing"'),
    "title": Key("title", text, '"memory-high"'),
    "severity": Key("severity", _SEVERITY, '"warning"'),
    "component": Key("component", text, '"orders"'),
    "labels": Key("labels", _labels, '{device = "sda"}'),
    "value": Key("value", _value, '"700 MB"'),
    "count": Key("count", _COUNT, "1"),
    "held": Key("held", _one_of(["nothing", *(held.value for held in Held)]), '"silence"'),
    "acknowledged_by": Key("acknowledged_by", text, '"jo"'),
}
NOTICE_KEYS: Final[dict[str, Key]] = {
    "kind": Key("kind", _one_of(KINDS), '"firing"'),
    "titles": Key("titles", _titles, '["memory-high"]'),
    "channel": Key("channel", text, '"console"'),
    "severity": Key("severity", _SEVERITY, '"warning"'),
    "held_back": Key("held_back", _COUNT, "3"),
}


def read_alert(value: object) -> Expected:
    """Read `firing memory-high` or a table. Raises Wrong."""
    if isinstance(value, str):
        state, _, title = value.strip().partition(" ")
        if state not in STATES or not title.strip():
            raise wrong(value, f"a state ({', '.join(STATES)}) and a title, such as 'firing memory-high'")
        return Expected(value.strip(), {"state": state, "title": title.strip()})
    return _of_table(value, ALERT_KEYS, "an expected alert")


def read_notice(value: object) -> Expected:
    """Read `firing memory-high to slack`, `digest` or a table. Raises Wrong."""
    if not isinstance(value, str):
        return _of_table(value, NOTICE_KEYS, "an expected notice")
    kind, _, rest = value.strip().partition(" ")
    titles, to, channel = rest.rpartition(" to ") if " to " in f" {rest}" else (rest, "", "")
    if rest.startswith("to ") and not to:
        titles, to, channel = "", "to", rest.removeprefix("to ")
    names = tuple(one.strip() for one in titles.split(",") if one.strip())
    if kind not in KINDS or (kind != NoticeKind.DIGEST and not names):
        raise wrong(value, f"a kind ({', '.join(KINDS)}) and titles, such as 'firing memory-high'")
    return Expected(value.strip(), {"kind": kind, "titles": names} | ({"channel": channel.strip()} if to else {}))


def _of_table(value: object, keys: Mapping[str, Key], what: str) -> Expected:
    table = as_mapping(value, f"{what}: a text or a table")
    fields, mistakes = read_keys(table, keys, what)
    if not table:
        mistakes.append(Mistake((), "an empty table", "at least one key", remark=True))
    settled(None, mistakes)
    return Expected(", ".join(f"{name} {show(found).strip(chr(39))}" for name, found in table.items()), fields)


# -- comparing


class Difference(NamedTuple):
    """What is missing, and what is there and was not expected."""

    missing: list[str]
    unexpected: list[str]

    def __bool__(self) -> bool:
        return bool(self.missing or self.unexpected)


def compare_alerts(expected: Sequence[Expected], found: Sequence[PerformanceAlert]) -> Difference:
    """How the open alerts differ from those expected."""
    return _compare(expected, [(_facts_of_alert(alert), words_of_alert(alert)) for alert in found])


def compare_notices(expected: Sequence[Expected], found: Sequence[Notice]) -> Difference:
    """How the notices differ from those expected."""
    return _compare(expected, [(_facts_of_notice(notice), words_of_notice(notice)) for notice in found])


def _compare(expected: Sequence[Expected], found: Sequence[tuple[dict[str, Any], str]]) -> Difference:
    left = list(found)
    missing = []
    # Who names the most chooses first, so that a modest expectation does not take what another one needs.
    for one in sorted(expected, key=lambda one: -len(one.fields)):
        match = next((place for place, (facts, _) in enumerate(left) if _fits(one.fields, facts)), None)
        if match is None:
            missing.append(one.words)
        else:
            del left[match]
    return Difference(missing, [words for _, words in left])


def _fits(fields: Mapping[str, Any], facts: Mapping[str, Any]) -> bool:
    return all(_same(name, wanted, facts[name]) for name, wanted in fields.items())


def _same(name: str, wanted: Any, found: Any) -> bool:
    if name == "value":
        return found is not None and math.isclose(wanted, found, rel_tol=1e-6, abs_tol=1e-12)
    if name == "labels":
        return bool(wanted.items() <= found.items())
    if name == "titles":
        return sorted(wanted) == sorted(found)
    return bool(wanted == found)


def _facts_of_alert(alert: PerformanceAlert) -> dict[str, Any]:
    mark = alert.acknowledgement
    return {
        "state": alert.state.value, "title": alert.title, "severity": alert.severity.word,
        "component": alert.component, "labels": alert.labels, "value": alert.value, "count": alert.count,
        "held": alert.held.value if alert.held else "nothing", "acknowledged_by": "" if mark is None else mark.by,
    }  # fmt: skip


def _facts_of_notice(notice: Notice) -> dict[str, Any]:
    return {
        "kind": notice.kind.value, "titles": tuple(alert.title for alert in notice.alerts), "channel": notice.channel,
        "severity": notice.severity.word, "held_back": sum(line.count for line in notice.digest),
    }  # fmt: skip


def words_of_alert(alert: PerformanceAlert) -> str:
    """An alert in the words of an expectation, with what one might want to know beside them."""
    labels = [f"{name}={value}" for name, value in alert.labels.items()]
    held = [f"held back: {alert.held.value}"] if alert.held else []
    value = [] if alert.value is None else [format_value(alert.value, alert.unit)]
    mark = [] if alert.acknowledgement is None else [f"acknowledged by {alert.acknowledgement.by}"]
    return f"{alert.state.value} {alert.title} ({', '.join([alert.severity.word, *value, *labels, *held, *mark])})"


def words_of_notice(notice: Notice) -> str:
    """A notice in the words of an expectation."""
    titles = ", ".join(alert.title for alert in notice.alerts)
    held = sum(line.count for line in notice.digest)
    counted = f"{held} held back" if held else ""
    about = ", ".join(filter(None, [notice.severity.word, counted, notice.reason]))
    return f"{' '.join(filter(None, [notice.kind.value, titles]))} to {notice.channel} ({about})"
