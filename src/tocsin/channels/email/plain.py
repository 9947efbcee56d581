"""The text part of a mail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.channels.text import line, paragraph
from tocsin.channels.wording import (
    MAX_ADVICE,
    MAX_ALERTS,
    digest_line,
    facts,
    headline,
    late,
    left_out,
    stamp,
    times,
    told_because,
)
from tocsin.model.notice import Notice, NoticeKind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from tocsin.model.alert import PerformanceAlert


def plain_body(notice: Notice, now: datetime | None = None) -> str:
    """All that is told, as text; told at `now`, which shows whether it is late."""
    return "\n".join(_lines(notice, now)) + "\n"


def _lines(notice: Notice, now: datetime | None) -> Iterator[str]:
    yield headline(notice)
    if late(notice, now):
        yield late(notice, now)
    if notice.kind is NoticeKind.DIGEST:
        yield ""
        yield from (f"  {digest_line(found)}" for found in notice.digest)
    for alert in notice.alerts[:MAX_ALERTS]:
        yield ""
        yield from _alert(alert)
    if left_out(notice):
        yield ""
        yield left_out(notice)
    yield ""
    yield "-- "
    if told_because(notice):
        yield told_because(notice)
    yield f"Told by Tocsin at {stamp(notice.created_at)}; notice {line(notice.id)}."


def _alert(alert: PerformanceAlert) -> Iterator[str]:
    yield f"{line(alert.title)} ({'resolved' if alert.resolved_at else alert.severity.word})"
    # Indented, so that a message cannot pass for one of the lines around it.
    yield from (f"  {one}" for one in paragraph(alert.message).split("\n"))
    yield ""
    yield from (f"  {name}: {text}" for name, text in [*facts(alert), *times(alert), ("id", line(alert.id))])
    if alert.resolved_at is not None:
        return
    for proof in alert.evidence:
        yield ""
        yield f"  {line(proof.title)}:"
        yield from (f"    {line(one)}" for one in proof.lines)
    if alert.recommendations:
        yield ""
        yield "  What to do:"
        yield from (f"    - {line(advice)}" for advice in alert.recommendations[:MAX_ADVICE])
    if alert.runbook_url:
        yield ""
        yield f"  Runbook: {line(alert.runbook_url, 1000)}"
