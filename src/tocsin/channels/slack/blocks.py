"""The blocks of a message.

Slack refuses a message of which one part is too long, so each part is cut to its bound. Text of an alert is escaped,
and `verbatim` keeps Slack from making links of what looks like a name or an address.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from tocsin.channels.text import line, paragraph, slack, token
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
    from datetime import datetime

    from tocsin.model.alert import PerformanceAlert

_SECTION_CHARS: Final = 2900  # of 3000
_MAX_BLOCKS: Final = 48  # of 50
_MESSAGE_CHARS: Final = 1500
_URL: Final = re.compile(r"https?://[A-Za-z0-9./?&=#_~:@!$,;%+-]{1,500}")
_MARKS: Final = {
    AlertSeverity.INFO: ":information_source:",
    AlertSeverity.WARNING: ":warning:",
    AlertSeverity.CRITICAL: ":rotating_light:",
}
_OVER: Final = ":white_check_mark:"


def message(notice: Notice, now: datetime | None = None) -> dict[str, Any]:
    """A message with its blocks, and the one line that notifications show; told at `now`, which shows if it is late."""
    blocks = _digest(notice) if notice.kind is NoticeKind.DIGEST else _alerts(notice)
    if late(notice, now):
        blocks.insert(0, _section(f":hourglass: *{late(notice, now)}*"))
    return {"text": slack(headline(notice)), "blocks": blocks, "unfurl_links": False, "unfurl_media": False}


def _alerts(notice: Notice) -> list[dict[str, Any]]:
    shown = notice.alerts[:MAX_ALERTS]
    footer = [f"id {line(alert.id, 60)}" for alert in shown[:3]]
    closing = [_mark(notice, footer)]
    because = told_because(notice)
    if because:
        closing.insert(0, _context(slack(because, 400)))
    if left_out(notice):
        closing.insert(0, _context(left_out(notice)))
    blocks: list[dict[str, Any]] = []
    for alert in shown:
        # Of a large group each alert gets its first lines; alone it gets all.
        own = _alert(alert, brief=len(shown) > 3)
        if len(blocks) + len(own) + len(closing) > _MAX_BLOCKS:
            break
        blocks += own
    return [*blocks, *closing]


def _alert(alert: PerformanceAlert, *, brief: bool) -> list[dict[str, Any]]:
    over = alert.resolved_at is not None
    mark, word = (_OVER, "resolved") if over else (_MARKS[alert.severity], alert.severity.word)
    head = f"{mark} *{slack(line(alert.title), 400)}* ({word})\n{slack(paragraph(alert.message), _MESSAGE_CHARS)}"
    blocks = [_section(head)]
    if brief:
        return blocks
    known = [f"*{slack(name, 80)}:* {slack(text, 300)}" for name, text in [*facts(alert), *times(alert)]]
    blocks.append(_section(_joined(known)))
    if over:
        return blocks
    blocks += [_proof(proof.title, proof.lines) for proof in alert.evidence]
    if alert.recommendations:
        advice = [f"• {slack(line(one), 400)}" for one in alert.recommendations[:MAX_ADVICE]]
        blocks.append(_section(_joined(["*What to do*", *advice])))
    if alert.runbook_url:
        blocks.append(_section(f"*Runbook:* {_link(alert.runbook_url)}"))
    return blocks


def _link(address: str) -> str:
    """A link where it is plainly one, else text: a `|` would give it another face."""
    return f"<{slack(address)}>" if _URL.fullmatch(address) else slack(line(address), 1000)


def _proof(title: str, lines: tuple[str, ...]) -> dict[str, Any]:
    shown = _joined([slack(line(one), 200) for one in lines], _SECTION_CHARS - 500)
    return _section(f"*{slack(line(title), 300)}*\n```{shown or ' '}```")


def _digest(notice: Notice) -> list[dict[str, Any]]:
    lines = [slack(digest_line(found), 200) for found in notice.digest]
    return [
        _section(f":package: *{slack(notice.reason or 'Alerts were held back', 400)}*"),
        _section(_joined(lines) or " "),
        _mark(notice, []),
    ]


def _mark(notice: Notice, words: list[str]) -> dict[str, Any]:
    """When it was told; and the notice's id, which nobody sees: the same in each attempt."""
    shown = " · ".join([*words, f"told {stamp(notice.created_at)}"])
    return {**_context(shown), "block_id": token(notice.id)}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def _context(text: str) -> dict[str, Any]:
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": text, "verbatim": True}]}


def _joined(lines: list[str], limit: int = _SECTION_CHARS) -> str:
    """As many whole lines as fit; an escape cut in half would be shown as dirt."""
    kept: list[str] = []
    left = limit - 20
    for number, one in enumerate(lines):
        left -= len(one) + 1
        if left < 0:
            return "\n".join([*kept, f"… and {len(lines) - number} more"])
        kept.append(one)
    return "\n".join(kept)
