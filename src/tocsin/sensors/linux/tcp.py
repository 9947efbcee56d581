"""Connections, retransmits and errors of TCP and UDP from /proc/net/snmp, netstat and sockstat."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from tocsin.model.readings import SeriesKey
from tocsin.sensors.linux.fields import NamedNumbers, in_two_lines
from tocsin.sensors.linux.procfile import ProcFile
from tocsin.sensors.protocol import Tier

if TYPE_CHECKING:
    from tocsin.clock import Instant
    from tocsin.model.readings import Labels, Layout

_RECEIVE: Final[Labels] = (("direction", "receive"),)
_TRANSMIT: Final[Labels] = (("direction", "transmit"),)
_TCP, _UDP = "system.network.tcp", "system.network.udp"

_SNMP: Final[dict[bytes, SeriesKey]] = {
    b"Tcp:CurrEstab": SeriesKey(f"{_TCP}.connections"),
    b"Tcp:ActiveOpens": SeriesKey(f"{_TCP}.opens", (("direction", "active"),)),
    b"Tcp:PassiveOpens": SeriesKey(f"{_TCP}.opens", (("direction", "passive"),)),
    b"Tcp:AttemptFails": SeriesKey(f"{_TCP}.failed_attempts"),
    b"Tcp:InSegs": SeriesKey(f"{_TCP}.segments", _RECEIVE),
    b"Tcp:OutSegs": SeriesKey(f"{_TCP}.segments", _TRANSMIT),
    b"Tcp:RetransSegs": SeriesKey(f"{_TCP}.retransmits"),
    b"Tcp:InErrs": SeriesKey(f"{_TCP}.errors"),
    b"Tcp:EstabResets": SeriesKey(f"{_TCP}.resets", _RECEIVE),
    b"Tcp:OutRsts": SeriesKey(f"{_TCP}.resets", _TRANSMIT),
    b"Udp:InDatagrams": SeriesKey(f"{_UDP}.datagrams", _RECEIVE),
    b"Udp:OutDatagrams": SeriesKey(f"{_UDP}.datagrams", _TRANSMIT),
    b"Udp:InErrors": SeriesKey(f"{_UDP}.errors"),
    b"Udp:RcvbufErrors": SeriesKey(f"{_UDP}.buffer_errors", _RECEIVE),
    b"Udp:SndbufErrors": SeriesKey(f"{_UDP}.buffer_errors", _TRANSMIT),
}
_NETSTAT: Final[dict[bytes, SeriesKey]] = {
    b"TcpExt:TCPTimeouts": SeriesKey(f"{_TCP}.timeouts"),
    b"TcpExt:TCPSynRetrans": SeriesKey(f"{_TCP}.syn_retransmits"),
    b"TcpExt:ListenOverflows": SeriesKey(f"{_TCP}.listen_overflows"),
    b"TcpExt:ListenDrops": SeriesKey(f"{_TCP}.listen_drops"),
}


class TcpSensor:
    """Counters of the program's network namespace, over IPv4 and (TCP) IPv6.

    They are read each tenth time: the kernel sums them over all cores, and a rule looks at their rate over a minute.
    """

    name: Final = "host.tcp"
    tier: Final = Tier.SLOW

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self.layout: Layout = (*_SNMP.values(), *_NETSTAT.values())
        self._sources = (
            # A line of these files is as long as a page.
            (ProcFile(proc / "net" / "snmp", long_records=True), NamedNumbers(tuple(_SNMP), in_two_lines)),
            (ProcFile(proc / "net" / "netstat", long_records=True), NamedNumbers(tuple(_NETSTAT), in_two_lines)),
        )

    def read(self, now: Instant) -> list[float]:  # noqa: ARG002 - the protocol's shape
        """See `Sensor.read`."""
        return [number for file, numbers in self._sources for number in numbers.of(file.read())]

    def close(self) -> None:
        """See `Sensor.close`."""
        for file, _ in self._sources:
            file.close()
