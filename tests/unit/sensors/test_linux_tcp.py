from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING

from tocsin.sensors.linux.tcp import TcpSensor

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tocsin.clock import Instant
    from tocsin.sensors.protocol import Sensor

    Proc = Callable[[str, str], Path]
    Values = Callable[[Sensor, Instant], dict[str, float]]

SNMP = """\
Ip: Forwarding InErrors
Ip: 1 999
Tcp: MaxConn ActiveOpens PassiveOpens AttemptFails EstabResets CurrEstab InSegs OutSegs RetransSegs InErrs OutRsts
Tcp: -1 11 12 13 14 15 16 17 18 19 20
Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors
Udp: 1 2 3 4 5 6
"""
NETSTAT = """\
TcpExt: SyncookiesSent ListenOverflows ListenDrops TCPTimeouts TCPSynRetrans
TcpExt: 0 31 32 33 34
IpExt: InNoRoutes
IpExt: 7
"""


def test_retransmits_and_errors_are_read(proc: Proc, values: Values, now: Instant) -> None:
    proc("net/netstat", NETSTAT)
    found = values(TcpSensor(proc("net/snmp", SNMP)), now)
    assert found["system.network.tcp.retransmits"] == 18
    assert found["system.network.tcp.errors"] == 19
    assert found["system.network.tcp.resets{direction='transmit'}"] == 20
    assert found["system.network.tcp.connections"] == 15
    assert found["system.network.udp.errors"] == 3
    assert found["system.network.tcp.listen_overflows"] == 31
    assert found["system.network.tcp.syn_retransmits"] == 34


def test_a_column_that_the_kernel_lacks_is_absent(proc: Proc, values: Values, now: Instant) -> None:
    proc("net/netstat", NETSTAT.replace("TCPTimeouts", "Something"))
    found = values(TcpSensor(proc("net/snmp", SNMP)), now)
    assert math.isnan(found["system.network.tcp.timeouts"])
    assert found["system.network.tcp.listen_drops"] == 32


def test_sockets_are_counted_where_the_kernel_tells_of_them(proc: Proc, values: Values, now: Instant) -> None:
    proc("net/netstat", NETSTAT)
    root = proc("net/snmp", SNMP)
    assert "system.network.sockets" not in values(TcpSensor(root), now)
    proc("net/sockstat", "sockets: used 9\nTCP: inuse 1 orphan 2 tw 3 alloc 4 mem 5\nUDP: inuse 6 mem 7\n")
    found = values(TcpSensor(root), now)
    assert found["system.network.sockets"] == 9
    assert found["system.network.tcp.time_wait"] == 3
    assert found["system.network.tcp.memory"] == 5 * os.sysconf("SC_PAGE_SIZE")
    assert found["system.network.udp.sockets"] == 6
