"""A notice as an email.

The id is the notice's, so that a second copy of a retry is known for what it is. All mails of an alert refer to one id
made of the alert's, so they stand in one thread, also after a restart; no mail bears that id itself.
"""

from __future__ import annotations

from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import TYPE_CHECKING, Final

from tocsin.channels.email.html import html_body
from tocsin.channels.email.plain import plain_body
from tocsin.channels.text import line, token
from tocsin.channels.wording import headline
from tocsin.model.notice import Notice, NoticeKind

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

_MAX_REFERENCES: Final = 10


def email_of(notice: Notice, *, from_: str, to: Sequence[str], now: datetime | None = None) -> EmailMessage:
    """Write the mail.

    Args:
        notice: what is told.
        from_: an address that was checked.
        to: addresses that were checked.
        now: UTC; shows whether it is late.
    Returns: headers without line breaks, a text part and an HTML part; the same for each attempt.
    """
    domain = from_.rpartition("@")[2]
    mail = EmailMessage(policy=SMTP)
    mail["Subject"] = headline(notice)
    mail["From"] = Address("Tocsin", addr_spec=from_)
    mail["To"] = [Address(addr_spec=one) for one in to]
    mail["Date"] = format_datetime(notice.created_at)
    mail["Message-ID"] = f"<{token(notice.id)}@{domain}>"
    threads = [f"<{_thread(alert_id)}@{domain}>" for alert_id in _thread_ids(notice)]
    if threads:
        mail["In-Reply-To"] = threads[0]
        mail["References"] = " ".join(threads)
    # No out-of-office answers, please (RFC 3834).
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Tocsin-Notice"] = line(notice.id, 60).encode("ascii", "backslashreplace").decode("ascii")
    mail["X-Tocsin-Severity"] = notice.severity.word
    mail.set_content(plain_body(notice, now), cte="quoted-printable")
    mail.add_alternative(html_body(notice, now), subtype="html", cte="quoted-printable")
    # By default it is made by chance. Quoted-printable text never has `=_` in it.
    mail.set_boundary(f"=_tocsin_{token(notice.id)}")
    return mail


def _thread_ids(notice: Notice) -> list[str]:
    if notice.kind is NoticeKind.DIGEST:
        return []
    return list(dict.fromkeys(alert.id for alert in notice.alerts[:_MAX_REFERENCES]))


def _thread(alert_id: str) -> str:
    return f"alert.{token(alert_id)}"
