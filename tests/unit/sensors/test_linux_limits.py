from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tocsin.sensors.linux.limits import LimitsSensor

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tocsin.clock import Instant
    from tocsin.sensors.protocol import Sensor

    Proc = Callable[[str, str], Path]
    Values = Callable[[Sensor, Instant], dict[str, float]]

TRACKED = "system.network.connection_tracking"


def test_open_files_are_a_share_of_what_the_kernel_allows(proc: Proc, values: Values, now: Instant) -> None:
    found = values(LimitsSensor(proc("sys/fs/file-nr", "730\t0\t7300\n")), now)
    assert found == {"system.file_handle.count": 730, "system.file_handle.utilization": 0.1}


def test_tracked_connections_are_read_where_a_firewall_tracks_them(proc: Proc, values: Values, now: Instant) -> None:
    proc("sys/fs/file-nr", "1\t0\t2\n")
    proc("sys/net/netfilter/nf_conntrack_count", "50\n")
    found = values(LimitsSensor(proc("sys/net/netfilter/nf_conntrack_max", "200\n")), now)
    assert (found[f"{TRACKED}.count"], found[f"{TRACKED}.utilization"]) == (50, 0.25)


def test_without_a_limit_there_is_no_share(proc: Proc, values: Values, now: Instant) -> None:
    found = values(LimitsSensor(proc("sys/fs/file-nr", "730\t0\t0\n")), now)
    assert math.isnan(found["system.file_handle.utilization"])
