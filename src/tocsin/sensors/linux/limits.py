"""Tables of the kernel that can run full: open files of the whole machine, tracked connections."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tocsin.model.readings import SeriesKey
from tocsin.sensors.linux.number_file import NumberFile
from tocsin.sensors.linux.plan import Row, plan_for
from tocsin.sensors.protocol import NAN, Tier

if TYPE_CHECKING:
    from tocsin.clock import Instant
    from tocsin.model.readings import Layout

_FILES: Final[Layout] = (SeriesKey("system.file_handle.count"), SeriesKey("system.file_handle.utilization"))
_TRACKED: Final[Layout] = (
    SeriesKey("system.network.connection_tracking.count"),
    SeriesKey("system.network.connection_tracking.utilization"),
)


class LimitsSensor:
    """How many there are, and which share of the kernel's limit that is. Beyond it nobody gets a file or a connection.

    Connections are tracked where a firewall does so; else there is no such table.
    """

    name: Final = "host.limits"
    tier: Final = Tier.SLOW

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._files = _numbers(proc / "sys" / "fs" / "file-nr", (0, 2))
        tracking = proc / "sys" / "net" / "netfilter"
        self._tracked: tuple[NumberFile, ...] = ()
        if (tracking / "nf_conntrack_count").exists():
            self._tracked = tuple(_numbers(tracking / f"nf_conntrack_{what}", (0,)) for what in ("count", "max"))
        self.layout: Layout = (*_FILES, *(_TRACKED if self._tracked else ()))

    def read(self, now: Instant) -> list[float]:  # noqa: ARG002 - the protocol's shape
        """See `Sensor.read`."""
        values = _with_share(*self._files.numbers())
        if self._tracked:
            count, most = self._tracked
            values += _with_share(*count.numbers(), *most.numbers())
        return values

    def close(self) -> None:
        """See `Sensor.close`."""
        for file in (self._files, *self._tracked):
            file.close()


def _numbers(path: Path, columns: tuple[int, ...]) -> NumberFile:
    return NumberFile(path, partial(plan_for, rows=(Row(b"", columns),)))


def _with_share(count: float, most: float) -> list[float]:
    return [count, count / most if most > 0 else NAN]
