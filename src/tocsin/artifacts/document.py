"""The form of an artifact: one JSON object, a head that all have, and a body by its kind.

`docs/guide/artifacts.md` describes it. Keys may be added; anything else makes it version 2.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tocsin.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT: Final = "tocsin-artifact/1"
HEAP: Final = "heap"
STACKS: Final = "stacks"


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What every artifact says of itself.

    Attributes:
        id: its name, unique in its folder.
        kind: `heap` or `stacks`.
        at: when it was taken, UTC.
        program: whose it is.
        pid: the process.
        alert_id: of the alert that asked for it.
        alert_title: the alert in a few words.
        rule: that rang.
        action: as the rule has it.
        format: the form and its version.
    """

    id: str
    kind: str
    at: datetime
    program: str = ""
    pid: int = 0
    alert_id: str = ""
    alert_title: str = ""
    rule: str = ""
    action: str = ""
    format: str = FORMAT


_HEAD: Final = msgspec.json.Decoder(Head)


def encode(head: Head, body: Mapping[str, Any]) -> bytes:
    """The whole artifact, as UTF-8 JSON; the head stands first."""
    return msgspec.json.encode({**msgspec.to_builtins(head), **body})


def head_of(content: bytes) -> Head:
    """The head of an artifact.

    Raises: StoreError: if it is none, or is cut off; says why.
    """
    try:
        head = _HEAD.decode(content)
    except msgspec.MsgspecError as error:
        raise StoreError(f"no artifact, or only a part of one: {error}") from None
    if head.format != FORMAT:
        raise StoreError(f"its format is {head.format[:40]!r}, and this version of Tocsin reads {FORMAT!r}")
    return head


def decode(content: bytes) -> dict[str, Any]:
    """The whole artifact as plain values.

    Raises: StoreError: as `head_of`.
    """
    head_of(content)
    found: dict[str, Any] = msgspec.json.decode(content)
    return found
