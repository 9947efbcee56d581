r"""A series as people write it: `system.cpu.utilization`, `system.disk.io{device="sda", direction="read"}`."""

from __future__ import annotations

import re
from typing import Final

from tocsin.model.readings import SeriesKey, canonical_labels

_SERIES: Final = re.compile(r"\s*([^\s{}\"',]+)\s*(?:\{(.*)\})?\s*", re.DOTALL)
_LABEL: Final = re.compile(r"""\s*([^\s{}"',=]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^\s{}"',=]*))\s*""")


def write_series(key: SeriesKey) -> str:
    """The series as `parse_series` reads it."""
    if not key.labels:
        return key.metric
    return key.metric + "{" + ", ".join(f"{name}={_quoted(value)}" for name, value in key.labels) + "}"


def parse_series(text: str) -> SeriesKey:
    """Read a metric with its labels, if it has some.

    Raises: ValueError: saying what was found and what was expected.
    """
    found = _SERIES.fullmatch(text)
    labels = None if found is None else _parse_labels(found[2] or "")
    if found is None or labels is None:
        raise ValueError(f'found {text!r}, expected a metric, or one with labels such as disk.usage{{device="sda"}}')
    return SeriesKey(found[1], canonical_labels(labels))


def _parse_labels(text: str) -> dict[str, str] | None:
    """The labels between the braces; None if they are none."""
    labels: dict[str, str] = {}
    at = 0
    while at < len(text):
        found = _LABEL.match(text, at)
        if found is None or found[1] in labels:
            return None
        quoted = found[2] if found[2] is not None else found[3]
        labels[found[1]] = found[4] if quoted is None else re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL)
        at = found.end()
        if at < len(text):
            if text[at] != ",":
                return None
            at += 1
    return labels


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
