"""Alerts, silences and notices in lines for the terminal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from tocsin.channels.text import visible
from tocsin.cli.alert_text import age, moment_of
from tocsin.cli.layout import fit
from tocsin.model.units import format_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

_INDENT = " " * 9


def alert_lines(alert: Mapping[str, Any], utc: datetime, width: int) -> Iterator[str]:
    """How bad, what, since when and what else there is to know; then its message."""
    severity = str(alert.get("severity", "")).upper()
    yield from fit(str(alert.get("title", "")), width, first=f"{severity:<8} ")
    yield from fit(", ".join([*_state(alert, utc), f"id {alert.get('id', '')}"]), width, first=_INDENT)
    if alert.get("message"):
        yield from fit(str(alert["message"]), width, first=_INDENT)


def _state(alert: Mapping[str, Any], utc: datetime) -> Iterator[str]:
    began, ended = moment_of(alert.get("started_at")), moment_of(alert.get("resolved_at"))
    if began is not None and ended is not None:
        yield f"over for {age((utc - ended).total_seconds())}, lasted {age((ended - began).total_seconds())}"
        if isinstance(alert.get("value"), int | float):
            yield f"{format_value(alert['value'], str(alert.get('unit', '')))} at the end"
    elif began is not None:
        yield f"{alert.get('state', '')} for {age((utc - began).total_seconds())}"
    count = alert.get("count")
    if isinstance(count, int) and count > 1:
        yield f"{count} times"
    if alert.get("component"):
        yield f"in {alert['component']}"
    mark = alert.get("acknowledgement")
    if mark:
        comment = f" ({mark['comment']})" if mark.get("comment") else ""
        void = "" if mark.get("holds", True) else ", which is void by now"
        yield f"acknowledged by {mark.get('by') or 'somebody'}{comment}{void}"
    if alert.get("suppressed") and alert.get("held"):
        yield f"not told: {alert['held']}"


def silence_lines(silence: Mapping[str, Any], utc: datetime, width: int) -> Iterator[str]:
    """A silence: its id, what it holds back, how long yet, by whom and why."""
    ends = moment_of(silence.get("ends_at"))
    left = "?" if ends is None else age(_in_full_minutes((ends - utc).total_seconds()))
    head = f"{visible(str(silence.get('id', ''))):<8} "
    yield from fit(", ".join(silence.get("matchers") or ()), width, first=head)
    by = f", by {silence['author']}" if silence.get("author") else ""
    comment = f": {silence['comment']}" if silence.get("comment") else ""
    yield from fit(f"for another {left}, until {stamp(ends)}{by}{comment}", width, first=_INDENT)


def _in_full_minutes(seconds: float) -> float:
    """Upwards, so that what was ordered for two hours is not shown as one."""
    return seconds if seconds <= 60 else math.ceil(seconds / 60) * 60.0


def notice_lines(notice: Mapping[str, Any], width: int) -> Iterator[str]:
    """A notice: what became of it, to whom, what it said and what went wrong."""
    attempts = notice.get("attempts") or 0
    tried = f", {attempts} {'attempt' if attempts == 1 else 'attempts'}"
    head = f"{notice.get('kind')} to {notice.get('channel')} at {stamp(moment_of(notice.get('created_at')))}{tried}"
    yield from fit(head, width, first=f"{str(notice.get('state')).upper():<10} ")
    indent = " " * 11
    titles = [str(alert.get("title", "")) for alert in notice.get("alerts") or ()]
    if notice.get("alerts_left_out"):
        titles.append(f"and {notice['alerts_left_out']} more")
    yield from fit("; ".join(titles) or str(notice.get("reason", "")), width, first=indent)
    if notice.get("error"):
        yield from fit(str(notice["error"]), width, first=indent)
    if notice.get("next_at") and notice.get("state") == "waiting":
        yield f"{indent}to be tried again at {stamp(moment_of(notice['next_at']))}"
    yield f"{indent}id {visible(str(notice.get('id', '')))}"


def stamp(at: datetime | None) -> str:
    """A moment in UTC, to the second."""
    return "?" if at is None else f"{at:%Y-%m-%dT%H:%M:%SZ}"
