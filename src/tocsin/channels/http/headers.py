"""Headers that a person may add to requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tocsin.model.secret import Secret

EXAMPLE: Final = '{"Authorization": "env:WEBHOOK_TOKEN"}'
_EXPECTED: Final = f"a table of header names and texts, such as {EXAMPLE}"
# What the transport and the signature say is not another header's to say.
_OURS: Final = frozenset({
    "host", "content-length", "content-type", "transfer-encoding", "connection", "accept-encoding", "expect", "te",
    "upgrade", "webhook-id", "webhook-timestamp", "webhook-signature",
})  # fmt: skip


def headers(value: Any) -> dict[str, str | Secret]:
    """A reader of headers. Raises ValueError with what is expected; a value is never shown."""
    if not isinstance(value, Mapping):
        raise ValueError(_EXPECTED)  # noqa: TRY004 - the one error of all readers
    found: dict[str, str | Secret] = {}
    for name, one in value.items():
        plain = one.reveal() if isinstance(one, Secret) else one
        if not isinstance(name, str) or not name.isascii() or not name.replace("-", "").replace("_", "").isalnum():
            raise ValueError(_EXPECTED)
        if name.lower() in _OURS:
            raise ValueError(f"{_EXPECTED}; {name} is not to be set")
        if not isinstance(plain, str) or not plain.isascii() or not plain.isprintable():
            raise ValueError(_EXPECTED)
        found[name] = one
    return found
