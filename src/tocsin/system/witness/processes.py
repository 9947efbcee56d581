"""The first processes of the machine, as the lines of an alert's evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.model.units import format_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tocsin.clock import Clock
    from tocsin.sensors.processes import ProcessRow
    from tocsin.sensors.protocol import Sensor


def lines_of_processes(sensors: Iterable[Sensor], clock: Clock) -> Callable[[int, str], tuple[str, ...]] | None:
    """A function that asks the process table for its first rows; None where no sensor keeps one.

    The function takes how many, and by what: `cpu` or `rss`; of anything else the table knows nothing.
    """
    table = next((sensor for sensor in sensors if hasattr(sensor, "top_processes")), None)
    if table is None:
        return None

    def lines(count: int, by: str) -> tuple[str, ...]:
        if by not in {"cpu", "rss"}:
            return ()
        rows: list[ProcessRow] = table.top_processes(count, by, now=clock.now())
        return tuple(_line(row) for row in rows)

    return lines


def _line(row: ProcessRow) -> str:
    cpu = "" if row.cpu is None else f", {format_value(row.cpu, '1')} of a core"
    return f"{row.name} (pid {row.pid}): {format_value(float(row.rss_bytes), 'By')}{cpu}"
