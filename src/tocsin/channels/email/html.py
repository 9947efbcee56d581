"""The HTML part of a mail: no script, no picture, nothing loaded from anywhere, and no text that is not quoted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tocsin.channels.text import html
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
from tocsin.model.levels import AlertSeverity
from tocsin.model.notice import Notice, NoticeKind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from tocsin.model.alert import PerformanceAlert

_COLOURS: Final = {AlertSeverity.INFO: "#1a6fb4", AlertSeverity.WARNING: "#b26a00", AlertSeverity.CRITICAL: "#b3261e"}
_OVER: Final = "#2e7d32"
_PAGE: Final = """\
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>
<body style="font-family:sans-serif;color:#222;max-width:44em">
{content}
</body></html>
"""
_PRE: Final = "background:#f4f4f4;padding:.6em;white-space:pre-wrap;overflow-wrap:anywhere"


def html_body(notice: Notice, now: datetime | None = None) -> str:
    """All that is told, as a document; told at `now`, which shows whether it is late."""
    return _PAGE.format(title=html(headline(notice)), content="\n".join(_parts(notice, now)))


def _parts(notice: Notice, now: datetime | None) -> Iterator[str]:
    if late(notice, now):
        yield f"<p><strong>{late(notice, now)}</strong></p>"
    if notice.kind is NoticeKind.DIGEST:
        yield f"<h2>{html(headline(notice))}</h2>"
        yield from _list([digest_line(found) for found in notice.digest])
    for alert in notice.alerts[:MAX_ALERTS]:
        yield from _alert(alert)
    if left_out(notice):
        yield f"<p>{html(left_out(notice))}</p>"
    because = f"{html(told_because(notice))} " if told_because(notice) else ""
    told = f"Told by Tocsin at {stamp(notice.created_at)}; notice {html(notice.id, 200)}."
    yield f'<hr><p style="color:#666;font-size:85%">{because}{told}</p>'


def _alert(alert: PerformanceAlert) -> Iterator[str]:
    over = alert.resolved_at is not None
    colour, word = (_OVER, "resolved") if over else (_COLOURS[alert.severity], alert.severity.word)
    yield f'<h2 style="color:{colour}">{html(alert.title, 300)} ({word})</h2>'
    yield f'<p style="white-space:pre-wrap">{html(alert.message)}</p>'
    yield "<table>"
    for name, text in [*facts(alert), *times(alert), ("id", alert.id)]:
        yield f'<tr><td style="color:#666;padding-right:1em">{html(name, 100)}</td><td>{html(text, 300)}</td></tr>'
    yield "</table>"
    if over:
        return
    for proof in alert.evidence:
        lines = "\n".join(html(one, 300) for one in proof.lines)
        yield f'<h3>{html(proof.title, 300)}</h3><pre style="{_PRE}">{lines}</pre>'
    if alert.recommendations:
        yield "<h3>What to do</h3>"
        yield from _list(alert.recommendations[:MAX_ADVICE])
    if alert.runbook_url:
        yield f"<p>Runbook: {_link(alert.runbook_url)}</p>"


def _list(items: list[str] | tuple[str, ...]) -> Iterator[str]:
    yield "<ul>"
    yield from (f"<li>{html(item, 500)}</li>" for item in items)
    yield "</ul>"


def _link(address: str) -> str:
    shown = html(address, 1000)
    if not address.startswith(("https://", "http://")):
        return shown  # `javascript:` and its kind stay text
    return f'<a href="{shown}">{shown}</a>'
