"""`[web]`: where the page is served, and to whom."""

from __future__ import annotations

import ipaddress
import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from tocsin.config.mistakes import Mistake, Wrong, wrong
from tocsin.config.parts import table_of
from tocsin.config.values import as_sequence, count, flag, folder
from tocsin.model.secret import MASK, Secret, read_secret

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tocsin.config.values import Reader

WEB_DEFAULTS: Final[Mapping[str, Any]] = MappingProxyType({"host": "127.0.0.1", "port": 8787, "plain_http": False})
MIN_TOKEN: Final = 16
_FORM: Final = 'web={{"{key}": {example}}}'
_AUTHORITY: Final = re.compile(r"(?:[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?")


def web(value: object) -> Mapping[str, Any]:
    """Settings of the page, each in its one form; what is not given has its default."""
    found = table_of(value, WEB_DEFAULTS, _READERS, _FORM)
    if ("certificate" in found) != ("private_key" in found):
        lacking = "private_key" if "certificate" in found else "certificate"
        raise Wrong(Mistake((lacking,), "nothing", "certificate and private_key together", _TLS, remark=True))
    if not is_loopback(found["host"]) and "certificate" not in found and not found["plain_http"]:
        expected = (
            "a loopback address such as 127.0.0.1; to let others in, give certificate and private_key, or say "
            "plain_http = true: then whoever is on the way can read the page and its token"
        )
        raise Wrong(Mistake(("host",), repr(found["host"]), expected, _TLS))
    return found


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine alone."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _host(value: object) -> str:
    try:
        return str(value) if value == "localhost" else str(ipaddress.ip_address(str(value)))
    except ValueError:
        raise wrong(value, "the address to listen on, such as 127.0.0.1 or 0.0.0.0") from None


def _hosts(value: object) -> tuple[str, ...]:
    """The names under which the page is called, as browsers write them."""
    what = "a list of names as the browser shows them, such as ['status.example:8787']"
    listed = [value] if isinstance(value, str) else as_sequence(value, what)
    for one in listed:
        if not isinstance(one, str) or not _AUTHORITY.fullmatch(one):
            raise wrong(one, "a name with its port, without http://, such as 'status.example:8787'")
    return tuple(one.lower() for one in listed)


def _token(value: object) -> Secret:
    """A secret; it is never shown."""
    if isinstance(value, Secret):
        return value
    if not isinstance(value, str):
        raise Wrong(Mistake((), MASK, "a secret, as env:NAME or file:PATH", _EXAMPLE, remark=True))
    try:
        found = read_secret(value)
    except ValueError as error:
        raise Wrong(Mistake((), MASK, str(error), _EXAMPLE, remark=True)) from None
    if len(found.reveal()) < MIN_TOKEN or not re.fullmatch(r"[A-Za-z0-9._~+/=-]+", found.reveal()):
        expected = f"{MIN_TOKEN} or more letters, digits or any of . _ ~ + / = -"
        raise Wrong(Mistake((), MASK, expected, _EXAMPLE, remark=True))
    return found


def _file(value: object) -> Path:
    found = folder(value)
    if found is None:
        raise wrong(value, "the path of a file in PEM form")
    return found


_TLS: Final = 'web={"host": "0.0.0.0", "certificate": "page.pem", "private_key": "page.key"}'
_EXAMPLE: Final = 'web={"token": "env:TOCSIN_TOKEN"}'
_READERS: Final[Mapping[str, Reader]] = {
    "host": _host,
    "port": count(0, 65535),
    "plain_http": flag,
    "token": _token,
    "hosts": _hosts,
    "certificate": _file,
    "private_key": _file,
}
