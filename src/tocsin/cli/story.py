"""The way of an alert in lines for the terminal: what was decided when and why, and in the end who was told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from tocsin.cli.alert_list import alert_lines
from tocsin.cli.alert_text import moment_of
from tocsin.cli.layout import fit
from tocsin.model.units import format_value
from tocsin.system.answers.verdicts import verdicts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime


class _Step(NamedTuple):
    """One line of the story."""

    at: datetime
    what: str
    why: str


def lines_of(answer: Mapping[str, Any], utc: datetime, width: int) -> Iterator[str]:
    """The whole story, line by line.

    Args:
        answer: as `explanation` gives it.
        utc: the moment.
        width: columns of the terminal.
    """
    alert = answer["alert"]
    yield from alert_lines(alert, utc, width)
    origin = f"{alert['rule']}: {answer['rule']}" if answer.get("rule") else alert["rule"]
    by = ("rule", origin) if alert["rule"] else ("raised by", f"{alert['source']} (emit)")
    yield from fit(by[1], width, first=f"{by[0]:<10}")
    if runbook := _runbook(answer):
        yield from fit(runbook, width, first=f"{'runbook':<10}")
    yield ""
    day = ""
    for step in sorted(_steps(answer), key=lambda step: step.at):
        if day != (day := f"{step.at:%Y-%m-%d}"):
            yield f"{day} (UTC)"
        yield from fit(step.why, width, first=f"{step.at:%H:%M:%S} {step.what:<12} ")
    yield ""
    for line in verdicts(answer):
        yield from fit(line, width, rest="  ")


def _runbook(answer: Mapping[str, Any]) -> str:
    """Where the longer answer stands; a program of an older version names none of ours."""
    name = answer.get("runbook")
    return f"tocsin runbook {name}" if name else str(answer["alert"].get("runbook_url") or "")


def _steps(answer: Mapping[str, Any]) -> Iterator[_Step]:
    for step in answer["trace"]:
        at = moment_of(step["at"])
        if at is not None:
            yield _Step(at, step["what"], step["why"])
    for notice in answer["notices"]:
        at = moment_of(notice["created_at"])
        if at is not None:
            reason = f": {notice['reason']}" if notice["reason"] else ""
            yield _Step(at, "notice", f"{notice['kind']} to {notice['channel']}{reason} [{notice['id']}]")
        for delivery in notice["deliveries"]:
            at = moment_of(delivery["at"])
            if at is not None:
                took = f" in {format_value(delivery['took_s'], 's')}" if delivery["outcome"] == "delivered" else ""
                error = f": {delivery['error']}" if delivery["error"] else ""
                yield _Step(at, delivery["outcome"], f"{notice['channel']}{took}{error}")
