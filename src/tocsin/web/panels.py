"""The charts of the first view: what is looked at first, each with a sentence on what it means."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from tocsin.model.metrics import describe


class Panel(NamedTuple):
    """One chart.

    Attributes:
        title: what is shown.
        text: what it means, and what to make of it.
        metrics: the lines; of a metric with labels, each of its series.
        group: where it stands: the program, the machine, Tocsin itself.
    """

    title: str
    text: str
    metrics: tuple[str, ...]
    group: str


PANELS: Final = (
    Panel("CPU of the program", "Share of one core. Steadily near 100 % means that one thread computes all the time.",
          ("process.cpu.utilization",), "program"),
    Panel("Memory of the program", "Resident memory. What only rises, and never falls back after work, is worth a look "
          "at Memory.", ("process.memory.usage",), "program"),
    Panel("Event loop", "How late each asyncio loop answers a ping. While it is late, every request waits.",
          ("tocsin.eventloop.lag",), "program"),
    Panel("Garbage collection", "The longest pause since the reading before. Nothing of the program runs meanwhile.",
          ("tocsin.gc.pause",), "program"),
    Panel("Waiting for the interpreter", "How long a thread that is ready waits for the GIL. Much of it means that "
          "threads compete: move computations to processes.", ("tocsin.gil.wait",), "program"),
    Panel("Live Python memory by component", "Bytes that are alive, by the part of the program that asked for them.",
          ("tocsin.memory.component.live",), "program"),
    Panel("Threads", "A number that only rises is a thread that nobody ends.", ("process.thread.count",), "program"),
    Panel("Open files", "Files and sockets. At the limit, opening another one fails.",
          ("process.open_file_descriptor.count",), "program"),
    Panel("Buffers", "Share of each tracked buffer in use. Near 100 % its producer waits, or work is turned away.",
          ("tocsin.buffer.utilization",), "program"),
    Panel("CPU of the machine", "Share of all cores that is busy. Beyond 85 % work begins to queue.",
          ("system.cpu.utilization",), "machine"),
    Panel("Memory of the machine", "In use and not to be reclaimed. Near 100 % the kernel chooses a victim.",
          ("system.memory.utilization",), "machine"),
    Panel("Load", "Threads that run or wait for a core or a disk, as a mean of a minute. Compare it with the cores.",
          ("system.cpu.load_average.1m",), "machine"),
    Panel("Pressure", "Share of the last 10 s in which threads waited for CPU, memory or storage.",
          ("system.pressure.avg10",), "machine"),
    Panel("Disks", "Share of the time each device was busy.", ("tocsin.disk.utilization",), "machine"),
    Panel("File systems", "Share of the space in use.", ("system.filesystem.utilization",), "machine"),
    Panel("What Tocsin costs", "CPU of the watching thread, as a share of one core.", ("tocsin.self.cpu",), "tocsin"),
)  # fmt: skip

CHARTED: Final = frozenset(metric for panel in PANELS for metric in panel.metrics)


def as_plain() -> dict[str, Any]:
    """The panels, and the units of their metrics, for JSON."""
    return {
        "panels": [panel._asdict() for panel in PANELS],
        "units": {metric: describe(metric).unit for metric in sorted(CHARTED)},
    }
