"""Which alerts are meant: matchers on the facts and labels of an alert."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

FACTS: Final = ("title", "rule", "source", "category", "severity", "component", "id", "fingerprint")
"""Names that speak of the alert itself. Any other is a label's; `label.NAME` is one even where NAME stands here."""

MAX_PATTERN_CHARS: Final = 200
MAX_OPEN_REPEATS: Final = 3
_OPERATORS: Final = ("=~", "!~", "!=", "=")
_TEXT: Final = re.compile(r"\s*([A-Za-z_][\w.\-]*)\s*(=~|!~|!=|=)\s*(.*?)\s*", re.DOTALL)
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)


class Matcher(msgspec.Struct, frozen=True):
    """One condition on an alert.

    Attributes:
        name: a fact (title, rule, source, category, severity, component, id, fingerprint) or the name of a label.
        operator: `=`, `!=`, `=~` or `!~`; a pattern must match the whole value.
        value: a text or a regular expression; a label that an alert lacks is the empty text.
    Raises: ValueError: if there is no such operator, or the pattern is none, is too long, or could take for ever.
    """

    name: str
    operator: str
    value: str

    def __post_init__(self) -> None:
        if self.operator not in _OPERATORS:
            raise ValueError(f"{self}: expected one of {', '.join(_OPERATORS)}, found {self.operator!r}")
        if self.operator.endswith("~"):
            check_pattern(self.value)

    def __str__(self) -> str:
        quoted = self.value.replace("\\", "\\\\").replace('"', '\\"')
        return f'{self.name}{self.operator}"{quoted}"'

    def matches(self, facts: Mapping[str, str]) -> bool:
        """Whether an alert with these facts (see `facts_of`) is meant."""
        return _test(self.operator, self.value)(facts.get(self.name, ""))


def parse_matcher(text: str) -> Matcher:
    """Read `component=orders`, `severity!=info`, `path=~"/var/.*"`.

    Raises: ValueError: saying what was found and what was expected.
    """
    found = _TEXT.fullmatch(text)
    if found is None:
        raise ValueError(f"found {text!r}, expected NAME=VALUE, NAME!=VALUE, NAME=~PATTERN or NAME!~PATTERN")
    name, operator, value = found.groups()
    quoted = _QUOTED.fullmatch(value)
    if quoted is not None:
        value = re.sub(r"\\(.)", r"\1", quoted[1], flags=re.DOTALL)
    return Matcher(name, operator, value)


def all_match(matchers: Iterable[Matcher], facts: Mapping[str, str]) -> bool:
    """Whether every matcher agrees; none at all mean every alert."""
    return all(matcher.matches(facts) for matcher in matchers)


def facts_of(alert: Any) -> dict[str, str]:
    """What matchers look at: the facts of an alert and its labels.

    Args:
        alert: anything with the attributes of a `PerformanceAlert` that are named in `FACTS`, and `labels`.
    """
    labels = dict(alert.labels)
    facts = {f"label.{name}": value for name, value in labels.items()} | labels
    severity = alert.severity
    return facts | {
        "title": alert.title, "rule": alert.rule, "source": alert.source, "category": alert.category.value,
        "severity": severity.word, "component": alert.component, "id": alert.id, "fingerprint": alert.fingerprint,
    }  # fmt: skip


def check_pattern(pattern: str) -> None:
    """Refuse what is no regular expression, and what could take exponential time on a short text.

    A step must never hang, and Python's matcher cannot be stopped. What makes it explode is a repetition whose body can
    itself match in several ways: a repetition or an alternative within it. Of repetitions side by side, each multiplies
    the time by the length of the text.

    Raises: ValueError: saying why.
    """
    if len(pattern) > MAX_PATTERN_CHARS:
        raise ValueError(f"a pattern of {len(pattern)} characters; {MAX_PATTERN_CHARS} are the most")
    try:
        parsed = re._parser.parse(pattern)  # type: ignore[attr-defined]  # noqa: SLF001 - no public way to look into one
    except re.error as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from error
    if _explodes(parsed, within=False):
        raise ValueError(
            f"{pattern!r} repeats what itself repeats or has alternatives, which can take for ever; write it without"
        )
    if _open_repeats(parsed) > MAX_OPEN_REPEATS:
        raise ValueError(f"{pattern!r} can take for ever: more than {MAX_OPEN_REPEATS} of * and + and the like")


def _open_repeats(parsed: Any) -> int:
    """How many repetitions have no fixed length."""
    count = 0
    for operation, argument in parsed:
        if str(operation).endswith("_REPEAT"):
            low, high, body = argument
            count += (int(high) != int(low)) + _open_repeats(body)
        elif str(operation) == "BRANCH":
            count += max(map(_open_repeats, argument[1]))
        else:
            count += sum(map(_open_repeats, _inside(argument)))
    return count


def _explodes(parsed: Any, *, within: bool) -> bool:
    for operation, argument in parsed:
        word = str(operation)
        if word.endswith("_REPEAT"):
            low, high, body = argument
            many = int(high) > 1 and int(high) != int(low)
            if (within and many) or _explodes(body, within=within or many):
                return True
        elif word == "BRANCH":
            if within or any(_explodes(branch, within=within) for branch in argument[1]):
                return True
        elif (word == "GROUPREF" and within) or any(_explodes(inner, within=within) for inner in _inside(argument)):
            return True
    return False


def _inside(argument: Any) -> list[Any]:
    """The parts of a group or an assertion that are expressions themselves."""
    parts = argument if isinstance(argument, tuple) else (argument,)
    return [part for part in parts if hasattr(part, "getwidth")]


@lru_cache(maxsize=1000)
def _test(operator: str, value: str) -> Callable[[str], bool]:
    if operator == "=":
        return lambda found: found == value
    if operator == "!=":
        return lambda found: found != value
    matches = re.compile(value).fullmatch
    if operator == "=~":
        return lambda found: matches(found) is not None
    return lambda found: matches(found) is None
