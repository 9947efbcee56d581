"""What an answer means: delivered, try again (when?), or never try again."""

from __future__ import annotations

import math
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from tocsin.errors import DeliveryError

if TYPE_CHECKING:
    from datetime import datetime

# Whoever asks for more is taken at this, and asked again.
MAX_RETRY_AFTER_S: Final = 3600.0
# Beside 5xx: the request took too long, came too early, or was one too many. All else of 4xx says that the request is
# wrong, and it will be as wrong the next time.
_TEMPORARY: Final = frozenset({408, 425, 429})


def failure(
    status: int, peer: str, *, retry_after: str | None, now: datetime, remark: str = ""
) -> DeliveryError | None:
    """What a status means for the delivery.

    Args:
        status: of HTTP.
        peer: who answered, as the error names it.
        retry_after: the header, where there is one.
        now: UTC; a date in that header is counted from it.
        remark: what the peer said, inert and short.
    Returns: None if the notice was taken.
    """
    if 200 <= status < 300:
        return None
    if 300 <= status < 400:
        return DeliveryError(
            f"{peer} answers {status}, a redirect; redirects are not followed: write the address it leads to",
            permanent=True,
        )
    said = f": {remark}" if remark else ""
    temporary = status >= 500 or status in _TEMPORARY
    return DeliveryError(
        f"{peer} answers {status}{said}",
        permanent=not temporary,
        retry_after_s=read_retry_after(retry_after, now) if temporary else None,
    )


def read_retry_after(header: str | None, now: datetime) -> float | None:
    """The seconds a receiver asks to wait: a number, or a date.

    Returns: more than 0 and at most an hour; None where it asks for nothing that could be waited for, so that our own
        pauses hold.
    """
    if header is None:
        return None
    try:
        asked_s = float(header)
    except ValueError:
        asked_s = _until(header, now)
    if math.isnan(asked_s) or asked_s <= 0:
        return None
    return min(asked_s, MAX_RETRY_AFTER_S)


def _until(date: str, now: datetime) -> float:
    try:
        at = parsedate_to_datetime(date)
    except (ValueError, TypeError, IndexError, OverflowError):
        return math.nan
    # A date without a zone is in GMT: HTTP knows no other.
    return (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds()
