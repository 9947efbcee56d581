"""An address of the web, read once: what is checked is what is connected to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import quote, urlsplit

from tocsin.channels.options import secret

if TYPE_CHECKING:
    from tocsin.model.secret import Secret

_PORTS: Final = {"http": 80, "https": 443}
_HOST: Final = re.compile(r"[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45}(%25[A-Za-z0-9]+)?")
_SAFE: Final = "/?:@!$&'()*+,;=-._~%[]"


class Target(NamedTuple):
    """Where a request goes. The path is part of the secret: it is neither shown nor in a representation.

    Attributes:
        scheme: http or https.
        host: name or address, without brackets.
        port: 1 to 65535.
        path: with the query; begins with a slash.
    """

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """As the header `Host` names it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def below(self, path: str) -> Target:
        """The same place, further down: `path` added to its own."""
        return self._replace(path=f"{self.path.rstrip('/')}{path}")

    def __repr__(self) -> str:
        return f"Target({self.scheme}://{self.authority}/…)"


def url(value: Any) -> Secret:
    """A reader of http and https URLs, as secrets. Raises ValueError with what is expected."""
    found = secret(value)
    parse(found.reveal(), "an http or https URL", _PORTS)
    return found


def https_url(value: Any) -> Secret:
    """A reader of https URLs, as secrets. Raises ValueError with what is expected."""
    found = secret(value)
    parse(found.reveal(), "an https URL", ("https",))
    return found


def target_of(address: Secret) -> Target:
    """The parts of a URL that was read before."""
    return parse(address.reveal(), "an http or https URL", _PORTS)


def parse(text: str, expected: str, schemes: Any) -> Target:
    """Take a URL apart. Raises ValueError, which never shows it."""
    text = text.strip()
    if not text.isprintable() or " " in text:
        raise ValueError(f"{expected} without spaces")
    try:
        parts = urlsplit(text)
        host = (parts.hostname or "").encode("idna").decode("ascii") if parts.hostname else ""
        port = parts.port
    except (ValueError, UnicodeError):
        raise ValueError(expected) from None
    if parts.scheme not in schemes or not _HOST.fullmatch(host) or port == 0:
        raise ValueError(expected)
    if parts.username is not None or parts.password is not None:
        raise ValueError(f"{expected} without user and password in it")
    path = quote(parts.path or "/", safe=_SAFE) + (f"?{quote(parts.query, safe=_SAFE)}" if parts.query else "")
    return Target(parts.scheme, host, port or _PORTS[parts.scheme], path)
