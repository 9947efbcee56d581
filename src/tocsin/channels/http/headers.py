"""Headers that a person may add to requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from tocsin.channels.options import secret

if TYPE_CHECKING:
    from tocsin.model.secret import Secret

EXAMPLE: Final = '{"Authorization": "env:WEBHOOK_TOKEN"}'
_EXPECTED: Final = f"a table of header names and texts, such as {EXAMPLE}"
# What the transport and the signature say is not another header's to say.
_OURS: Final = frozenset({
    "host", "content-length", "content-type", "transfer-encoding", "connection", "accept-encoding", "expect", "te",
    "upgrade", "webhook-id", "webhook-timestamp", "webhook-signature",
})  # fmt: skip


def headers(value: Any) -> dict[str, Secret]:
    """A reader of headers; each value may be env:NAME or file:PATH.

    Raises: ValueError: with what is expected; a value is never shown.
    """
    if not isinstance(value, Mapping):
        raise ValueError(_EXPECTED)  # noqa: TRY004 - the one error of all readers
    found: dict[str, Secret] = {}
    for name, one in value.items():
        if not isinstance(name, str) or not name.isascii() or not name.replace("-", "").replace("_", "").isalnum():
            raise ValueError(_EXPECTED)
        if name.lower() in _OURS:
            raise ValueError(f"{_EXPECTED}; {name} is not to be set")
        found[name] = secret(one)
        plain = found[name].reveal()
        if not plain.isascii() or not plain.isprintable():
            raise ValueError(_EXPECTED)
    return found
