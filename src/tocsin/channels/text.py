"""Text in the forms that channels need, each inert: what stands in an alert is shown, and never obeyed.

Titles, messages, labels and stacks come from anywhere. Control characters, escape sequences and marks that turn text
around are shown as escapes, markup is quoted, and what is too long ends in a mark. One function for each form.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

from tocsin.model.digest import sha256_hex
from tocsin.model.readings import TRUNCATED, inert

if TYPE_CHECKING:
    from collections.abc import Iterable

LINE_CHARS: Final = 300
PARAGRAPH_CHARS: Final = 4000

# Control, format (bidi marks and the like), surrogate, private, line and paragraph separators.
_NOT_TEXT: Final = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
_HTML: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"}
# All that Slack gives a meaning to begins with one of these, and these are all that it asks to be escaped.
# A backtick would begin or end a block of code.
_SLACK: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "`": "'"}
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NOT_LABEL: Final = re.compile(r"[^a-zA-Z0-9_]")


def visible(text: str) -> str:
    """The text with everything that is not text shown as an escape, on one line."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape(char) if unicodedata.category(char) in _NOT_TEXT else char for char in text)


def line(text: object, limit: int = LINE_CHARS) -> str:
    """One line of at most `limit` characters."""
    # Cut first as well, so that a megabyte is not gone through character by character.
    return _cut(visible(_head(text, limit)), limit)


def paragraph(text: object, limit: int = PARAGRAPH_CHARS) -> str:
    """Lines as they were broken, at most `limit` characters in all; tabs become spaces."""
    plain = _head(text, limit).replace("\r\n", "\n").replace("\t", "    ")
    return _cut("\n".join(visible(part) for part in plain.split("\n")), limit)


def html(text: object, limit: int = PARAGRAPH_CHARS) -> str:
    """Text for an HTML document, within an element or a quoted attribute; line breaks stay line breaks."""
    return "".join(_HTML.get(char, char) for char in paragraph(text, limit))


def slack(text: object, limit: int = PARAGRAPH_CHARS) -> str:
    """Text for Slack's `mrkdwn`: `<!channel>`, links and mentions are shown as they are written.

    Returns: at most `limit` characters, escapes included, since Slack refuses what is longer.
    """
    return _fit([_SLACK.get(char, char) for char in paragraph(text, limit)], limit)


def token(text: str) -> str:
    """An identifier for headers and addresses: the text itself where it is harmless, else a digest of it."""
    if _TOKEN.fullmatch(text):
        return text
    return sha256_hex(text.encode("utf-8", "backslashreplace"))[:32]


def label_name(text: object) -> str:
    """The name of a label as Prometheus allows it: letters, digits and underscores, no digit first."""
    name = _NOT_LABEL.sub("_", inert(text, LINE_CHARS)) or "_"
    return f"_{name}" if name[0].isdigit() else name


def _head(text: object, limit: int) -> str:
    """A text of the type `str` itself, of little more than `limit` characters."""
    plain = text if type(text) is str else inert(text, limit + 1)
    return plain[: limit + 1]


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: max(limit - len(TRUNCATED), 0)] + TRUNCATED


def _fit(pieces: Iterable[str], limit: int) -> str:
    """As many whole pieces as fit, with the mark where some are left out."""
    pieces = list(pieces)
    if sum(map(len, pieces)) <= limit:
        return "".join(pieces)
    left = limit - len(TRUNCATED)
    kept = []
    for piece in pieces:
        left -= len(piece)
        if left < 0:
            break
        kept.append(piece)
    return "".join(kept) + TRUNCATED


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
