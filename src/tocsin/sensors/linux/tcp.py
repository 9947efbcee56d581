"""Connections, retransmits and errors of TCP and UDP from /proc/net/snmp, netstat and sockstat."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tocsin.model.readings import SeriesKey
from tocsin.sensors.linux.number_file import NumberFile
from tocsin.sensors.linux.plan import Row, plan_for, plan_for_two_lines
from tocsin.sensors.protocol import Tier

if TYPE_CHECKING:
    from tocsin.clock import Instant
    from tocsin.model.readings import Labels, Layout

_RECEIVE: Final[Labels] = (("direction", "receive"),)
_TRANSMIT: Final[Labels] = (("direction", "transmit"),)
_IP, _TCP, _UDP = "system.network.ip", "system.network.tcp", "system.network.udp"

_SNMP: Final[dict[bytes, SeriesKey]] = {
    b"Ip:InDiscards": SeriesKey(f"{_IP}.discards", _RECEIVE),
    b"Ip:OutDiscards": SeriesKey(f"{_IP}.discards", _TRANSMIT),
    b"Ip:OutNoRoutes": SeriesKey(f"{_IP}.no_routes"),
    b"Ip:ReasmFails": SeriesKey(f"{_IP}.reassembly_failures"),
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
    b"Udp:NoPorts": SeriesKey(f"{_UDP}.no_ports"),
    b"Udp:InCsumErrors": SeriesKey(f"{_UDP}.checksum_errors"),
    b"Udp:RcvbufErrors": SeriesKey(f"{_UDP}.buffer_errors", _RECEIVE),
    b"Udp:SndbufErrors": SeriesKey(f"{_UDP}.buffer_errors", _TRANSMIT),
}
_NETSTAT: Final[dict[bytes, SeriesKey]] = {
    b"TcpExt:TCPTimeouts": SeriesKey(f"{_TCP}.timeouts"),
    b"TcpExt:TCPSynRetrans": SeriesKey(f"{_TCP}.syn_retransmits"),
    b"TcpExt:ListenOverflows": SeriesKey(f"{_TCP}.listen_overflows"),
    b"TcpExt:ListenDrops": SeriesKey(f"{_TCP}.listen_drops"),
    b"TcpExt:SyncookiesSent": SeriesKey(f"{_TCP}.syn_cookies"),
    b"TcpExt:TCPLostRetransmit": SeriesKey(f"{_TCP}.lost_retransmits"),
    b"TcpExt:TCPBacklogDrop": SeriesKey(f"{_TCP}.backlog_drops"),
    b"TcpExt:TCPRcvQDrop": SeriesKey(f"{_TCP}.receive_queue_drops"),
    b"TcpExt:PruneCalled": SeriesKey(f"{_TCP}.prunes"),
    b"TcpExt:TCPMemoryPressures": SeriesKey(f"{_TCP}.memory_pressures"),
    b"TcpExt:TCPAbortOnMemory": SeriesKey(f"{_TCP}.aborts", (("cause", "memory"),)),
    b"TcpExt:TCPAbortOnTimeout": SeriesKey(f"{_TCP}.aborts", (("cause", "timeout"),)),
}
_PAGE: Final = float(os.sysconf("SC_PAGE_SIZE"))
# `sockets: used 9`, `TCP: inuse 1 orphan 2 tw 3 alloc 4 mem 5`, `UDP: inuse 1 mem 2`
_SOCKETS: Final[dict[Row, Layout]] = {
    Row(b"sockets: used "): (SeriesKey("system.network.sockets"),),
    Row(b"TCP:", (1, 3, 5, 9), (1.0, 1.0, 1.0, _PAGE)): (
        SeriesKey(f"{_TCP}.sockets"), SeriesKey(f"{_TCP}.orphans"), SeriesKey(f"{_TCP}.time_wait"),
        SeriesKey(f"{_TCP}.memory"),
    ),
    Row(b"UDP:", (1, 3), (1.0, _PAGE)): (SeriesKey(f"{_UDP}.sockets"), SeriesKey(f"{_UDP}.memory")),
}  # fmt: skip


class TcpSensor:
    """Counters of the program's network namespace, over IPv4 and (TCP) IPv6.

    They are read each tenth time: the kernel sums them over all cores, and a rule looks at their rate over a minute.
    """

    name: Final = "host.tcp"
    tier: Final = Tier.SLOW

    def __init__(self, proc: Path = Path("/proc")) -> None:
        net = proc / "net"
        self.layout: Layout = (*_SNMP.values(), *_NETSTAT.values())
        self._files = [
            # A line of these two is as long as a page.
            NumberFile(net / "snmp", partial(plan_for_two_lines, names=tuple(_SNMP)), long_records=True),
            NumberFile(net / "netstat", partial(plan_for_two_lines, names=tuple(_NETSTAT)), long_records=True),
        ]
        if (net / "sockstat").exists():
            self.layout += tuple(key for keys in _SOCKETS.values() for key in keys)
            self._files.append(NumberFile(net / "sockstat", partial(plan_for, rows=tuple(_SOCKETS))))

    def read(self, now: Instant) -> list[float]:  # noqa: ARG002 - the protocol's shape
        """See `Sensor.read`."""
        return [number for file in self._files for number in file.numbers()]

    def close(self) -> None:
        """See `Sensor.close`."""
        for file in self._files:
            file.close()
