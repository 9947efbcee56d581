"""Digests of short texts.

By the interpreter's own SHA-256 where it has one: `hashlib` would load OpenSSL for it, which takes half a megabyte. The
standard library's `random` does the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashlib import sha256
else:
    try:
        from _sha256 import sha256  # Python 3.11
    except ImportError:
        try:
            from _sha2 import sha256
        except ImportError:  # built without it
            from hashlib import sha256


def sha256_hex(data: bytes) -> str:
    """The SHA-256 of some bytes, as 64 hexadecimal digits."""
    return sha256(data).hexdigest()
