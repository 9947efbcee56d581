"""From a host's name to a connected socket: resolved once, checked, and connected to the address that was checked.

A name may resolve to a public address for the check and to an inner one for the connection; here the address that was
looked at is the address that is connected to, while the name stays what the certificate is checked against.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from typing import TYPE_CHECKING, Final

from tocsin.channels.deadline import Deadline, DeadlineSocket, Late, TooMuch, within
from tocsin.errors import DeliveryError

if TYPE_CHECKING:
    from collections.abc import Callable

    Resolver = Callable[[str, int], list[str]]
    Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# The well-known prefix under which an IPv6 network reaches IPv4 addresses (RFC 6052).
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
# All that is handed out of IPv6; the rest is reserved, local or long given up.
_UNICAST: Final = ipaddress.ip_network("2000::/3")


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host, in the order of the system's preference. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def is_public(text: str) -> bool:
    """Whether an address belongs to the public Internet, and not to this machine, its network or a cloud's inside."""
    try:
        address: Address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or _nat64(address) or address.sixtofour or (address.teredo or (None,))[-1]
        if inner is not None:
            return inner.is_global and not inner.is_multicast
        return address in _UNICAST and address.is_global
    return address.is_global and not address.is_multicast


def open_socket(
    host: str, port: int, deadline: Deadline, *, allow_private: bool, resolver: Resolver = resolve
) -> DeadlineSocket:
    """Connect to a host.

    Args:
        host: a name or an address.
        port: 1 to 65535.
        deadline: for all of it; the socket goes on to obey it.
        allow_private: whether addresses that are not public may be connected to.
        resolver: gives the addresses of a name; may be slow.
    Raises: DeliveryError: permanent where the address is refused.
    """
    addresses = _addresses(host, port, deadline, resolver)
    if not allow_private:
        for address in addresses:
            if not is_public(address):
                raise DeliveryError(
                    f"{host} is {address}, which is not a public address; if it is meant, allow it with "
                    "allow_private = true",
                    permanent=True,
                )
    last: Exception | None = None
    for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
        try:
            # Each gets its share of the time: one that swallows what is sent to it must leave some for the next.
            return _connect(address, port, deadline, limit_s=deadline.left_s() / left)
        except OSError as error:
            last = error
    raise DeliveryError(f"{host}:{port} cannot be reached: {words(last)}") from None


def words(error: object) -> str:
    """What went wrong, without what the peer or the address would add to it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is refused: {error.verify_message}"
    if isinstance(error, (Late, TooMuch)):
        return str(error)
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__


def _addresses(host: str, port: int, deadline: Deadline, resolver: Resolver) -> list[str]:
    try:
        return [str(ipaddress.ip_address(host))]
    except ValueError:
        pass
    try:
        found = within(deadline, lambda: resolver(host, port), name="tocsin-resolve")
    except (OSError, UnicodeError) as error:
        raise DeliveryError(f"{host} cannot be resolved: {words(error)}") from None
    if not found:
        raise DeliveryError(f"{host} has no address")
    return found


def _connect(address: str, port: int, deadline: Deadline, *, limit_s: float) -> DeadlineSocket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = DeadlineSocket(family, socket.SOCK_STREAM)
    try:
        sock.deadline = deadline
        sock.settimeout(limit_s)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.connect((address, port))
    except BaseException:
        sock.close()
        raise
    return sock


def _nat64(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else None
