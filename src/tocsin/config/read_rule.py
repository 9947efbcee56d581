"""One table `[[rule]]` of a TOML file, as an `AlertRule`."""

from __future__ import annotations

from typing import Any, Final

from tocsin.config import values
from tocsin.config.mistakes import Mistake, Wrong, choices, nearest, show, wrong
from tocsin.errors import ConfigError
from tocsin.model.levels import AlertCategory, AlertCondition, AlertSeverity
from tocsin.model.metrics import CATEGORY_DEFAULTS
from tocsin.model.rule import AlertRule


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise wrong(value, "a text")
    return value


def _severity(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise wrong(value, "info, warning or critical")
    return value


def _bound(value: object) -> float | str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise wrong(value, "a number, or a text with a number and its unit")
    return value


def _texts(value: object) -> tuple[str, ...]:
    texts = (value,) if isinstance(value, str) else value
    if not isinstance(texts, (list, tuple)) or not all(isinstance(one, str) for one in texts):
        raise wrong(value, "a list of texts")
    return tuple(texts)


def _labels(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise wrong(value, "a table of texts")
    mistakes = [
        Mistake((name,), show(label), "a text", 'labels={"device": "sda"}')
        for name, label in value.items()
        if not isinstance(label, str)
    ]
    if mistakes:
        raise Wrong(*mistakes)
    return value


_duration = values.seconds(0.0, 366 * 86_400.0, words="from 0 s to 366 d")

# Each key: the field of AlertRule, how it is read, and a right value.
KEYS: Final[dict[str, tuple[str, values.Reader, str]]] = {
    "name": ("name", _text, '"memory-high"'),
    "metric": ("metric", _text, '"process.memory.usage"'),
    "condition": ("condition", _text, '"greater_than"'),
    "threshold": ("threshold", _bound, '"650 MB"'),
    "clear": ("clear_threshold", _bound, '"600 MB"'),
    "for": ("for_s", _duration, '"30s"'),
    "keep_firing_for": ("keep_firing_for_s", _duration, '"30s"'),
    "window": ("window_s", _duration, '"10s"'),
    "aggregate": ("aggregate", _text, '"avg"'),
    "adjust": ("adjust", _text, '"dynamic"'),
    "sensitivity": ("sensitivity", values.positive, "1"),
    "min_change": ("min_change", _bound, '"10 %"'),
    "early": ("early", values.flag, "false"),
    "horizon": ("horizon_s", _duration, '"4h"'),
    "severity": ("severity", _severity, '"warning"'),
    "category": ("category", _text, '"memory_threshold"'),
    "component": ("component", _text, '"orders"'),
    "labels": ("labels", _labels, '{"device": "sda"}'),
    "recommendations": ("recommendations", _texts, '["Look at what grew"]'),
    "message": ("message", _text, '"Memory is {value}, beyond {threshold}"'),
    "runbook_url": ("runbook_url", _text, '"https://wiki.example/memory"'),
    "owner": ("owner", _text, '"team-orders"'),
    "enabled": ("enabled", values.flag, "true"),
    "no_data": ("no_data", _text, '"alert"'),
    "on_error": ("on_error", _text, '"alert"'),
    "actions": ("actions", _texts, '["heap_snapshot", "stacks:10s"]'),
}
_KEY_OF_FIELD: Final = {field: key for key, (field, _, _) in KEYS.items()}
# Words that people bring from the Python fields or from other systems, where the spelling alone would mislead.
_OTHER_WORDS: Final = {
    **{field: key for field, key in _KEY_OF_FIELD.items() if field != key},
    "level": "severity", "operator": "condition", "op": "condition", "value": "threshold", "duration": "for",
    "description": "message", "summary": "message", "runbook": "runbook_url", "alert": "name", "title": "name",
}  # fmt: skip


def read_rule(table: dict[str, Any]) -> AlertRule:
    """Make a rule of a table.

    Args:
        table: as tomllib gives it.
    Returns: the rule; severity is warning, and the category the metric's own, where the table does not say.
    Raises: Wrong: with every mistake, the paths beginning at the table's keys.
    """
    mistakes: list[Mistake] = []
    fields: dict[str, Any] = {}
    for key, value in table.items():
        if key not in KEYS:
            mistakes.append(Mistake((key,), "an unknown key", f"a key of a rule{_meant(key)}", remark=True))
            continue
        field, read, example = KEYS[key]
        try:
            fields[field] = read(value)
        except Wrong as error:
            mistakes += [
                one._replace(path=(key, *one.path), example=one.example or f"{key} = {example}")
                for one in error.mistakes
            ]
    for key in ("name",) if _is_anomalous(table) else ("name", "threshold"):
        if key not in table:
            mistakes.append(Mistake((key,), "nothing", f"a {key}", f"{key} = {KEYS[key][2]}", remark=True))
    fields.setdefault("severity", AlertSeverity.WARNING)
    fields.setdefault("category", _category_of(fields.get("metric", ""), fields.get("aggregate", "")))
    mistakes += _rule_mistakes(fields, already={mistake.path[0] for mistake in mistakes})
    if mistakes:
        raise Wrong(*mistakes)
    return AlertRule(**fields)


def _is_anomalous(found: dict[str, Any]) -> bool:
    """Whether a rule is of the kind that needs no threshold."""
    return str(found.get("condition", "")).strip().lower() == AlertCondition.ANOMALOUS


def _rule_mistakes(fields: dict[str, Any], *, already: set[str | int]) -> list[Mistake]:
    """What the rule itself says of its fields; a stand-in takes the place of a field that could not be read at all."""
    stand_ins = {"name": "?", "threshold": "" if _is_anomalous(fields) else "1 %"}
    try:
        AlertRule(**{**stand_ins, **fields})
    except ConfigError as error:
        found = [(_KEY_OF_FIELD.get(problem.key, problem.key), problem) for problem in error.problems]
        return [
            Mistake((key,), problem.found, problem.expected, _example(key), remark=key not in KEYS)
            for key, problem in found
            if key not in already
        ]
    return []


def _example(key: str) -> str:
    return f"{key} = {KEYS[key][2]}" if key in KEYS else ""


def _category_of(metric: str, aggregate: str) -> AlertCategory:
    """The category whose own metric this is; where two share it, the one that looks at it in the same way."""
    owners = {category: own for category, own in CATEGORY_DEFAULTS.items() if own.metric == metric and metric}
    alike = [category for category, own in owners.items() if own.aggregate == aggregate]
    plain = [category for category, own in owners.items() if not own.aggregate]
    return (*alike, *plain, *owners, AlertCategory.GENERAL)[0]


def _meant(key: str) -> str:
    if key in _OTHER_WORDS:
        return f" (did you mean {_OTHER_WORDS[key]!r}?)"
    return nearest(key, KEYS) or f": {choices(KEYS, None)}"
