"""Traffic of each network interface from /proc/net/dev."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from tocsin.model.readings import SeriesKey
from tocsin.sensors.linux.number_file import RELEARN_EVERY, NumberFile
from tocsin.sensors.linux.plan import Row, plan_for
from tocsin.sensors.linux.quick import FOR_EVER, Base, Quick
from tocsin.sensors.protocol import Tier

if TYPE_CHECKING:
    from tocsin.clock import Instant
    from tocsin.model.readings import Layout
    from tocsin.sensors.linux.plan import Plan

# Of each direction bytes, packets, errors, drops and overruns; received also frame errors and multicast packets,
# transmitted also carrier errors. Left out: compressed packets, and collisions, which no network of today has.
_COLUMNS: Final = (0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12, 14)
_BOTH_WAYS: Final = ("io", "packets", "errors", "dropped", "overruns")
# What these carry passes an interface of the machine's own as well.
_INWARD: Final = ("veth", "ifb")


class NetworkSensor:
    """Counters of each interface: bytes, packets, errors and drops, both ways.

    The loopback is left out, and so are `veth` pairs, which come and go with every container, and `ifb` queues: what
    they carry passes the machine's own interfaces too.
    """

    name: Final = "host.network"
    tier: Final = Tier.CORE

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self.layout: Layout = ()
        self._file = NumberFile(proc / "net" / "dev", self._learn, relearn_every=RELEARN_EVERY)
        self._names: tuple[str, ...] | None = None
        self._base = Base()
        self.quick = Quick("copy", (self._file,), self._base)

    def read(self, now: Instant) -> list[float]:
        """See `Sensor.read`."""
        found = self._file.numbers()
        self._base.keep([], now.mono_s, len(found), FOR_EVER)
        return found

    def close(self) -> None:
        """See `Sensor.close`."""
        self._file.close()
        self._base.forget()

    def _learn(self, data: bytes) -> Plan:
        rows: list[Row] = []
        names: list[str] = []
        for line in data.splitlines():
            prefix, colon, _numbers = line.rpartition(b":")
            name = prefix.strip().decode("utf-8", "replace")
            if colon and _is_outward(name):
                names.append(name)
                rows.append(Row(prefix + colon, _COLUMNS))
        if tuple(names) != self._names:
            self._names = tuple(names)
            self.layout = tuple(key for name in names for key in _keys(name))
        return plan_for(data, rows, whole=True)


def _is_outward(name: str) -> bool:
    return name != "lo" and not name.startswith(_INWARD)


def _keys(interface: str) -> Layout:
    """What the columns of `_COLUMNS` are."""
    one = (("interface", interface),)
    receive, transmit = ((("direction", direction), *one) for direction in ("receive", "transmit"))
    return (
        *(SeriesKey(f"system.network.{metric}", receive) for metric in _BOTH_WAYS),
        SeriesKey("system.network.frame_errors", one),
        SeriesKey("system.network.multicast", one),
        *(SeriesKey(f"system.network.{metric}", transmit) for metric in _BOTH_WAYS),
        SeriesKey("system.network.carrier_errors", one),
    )
