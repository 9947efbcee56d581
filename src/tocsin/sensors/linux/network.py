"""Traffic of each network interface from /proc/net/dev."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from tocsin.model.readings import SeriesKey
from tocsin.sensors.linux.lines import DeviceLines
from tocsin.sensors.linux.procfile import ProcFile
from tocsin.sensors.protocol import Tier

if TYPE_CHECKING:
    from tocsin.clock import Instant
    from tocsin.model.readings import Layout


class NetworkSensor:
    """Counters of each interface: bytes, packets, errors and drops, both ways.

    The loopback is left out, and so are `veth` pairs: they come and go with every container, and what they carry
    passes the machine's own interfaces too.
    """

    name: Final = "host.network"
    tier: Final = Tier.CORE

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self.layout: Layout = ()
        self._file = ProcFile(proc / "net" / "dev")
        self._lines = DeviceLines(_split_name, _is_outward)

    def read(self, now: Instant) -> list[float]:  # noqa: ARG002 - the protocol's shape
        """See `Sensor.read`."""
        rows, changed = self._lines.columns(self._file.read())
        if changed:
            self.layout = tuple(key for name in self._lines.names for key in _keys(name))
        values: list[float] = []
        for row in rows:
            values += row[:4]
            values += row[8:12]
        return values

    def close(self) -> None:
        """See `Sensor.close`."""
        self._file.close()
        self._lines.forget()


def _split_name(line: bytes) -> tuple[bytes, str] | None:
    name, colon, _numbers = line.rpartition(b":")
    return (name + colon, name.strip().decode("utf-8", "replace")) if colon else None


def _is_outward(name: str) -> bool:
    return name != "lo" and not name.startswith("veth")


def _keys(interface: str) -> Layout:
    metrics = ("system.network.io", "system.network.packets", "system.network.errors", "system.network.dropped")
    return tuple(
        SeriesKey(metric, (("direction", direction), ("interface", interface)))
        for direction in ("receive", "transmit")
        for metric in metrics
    )
