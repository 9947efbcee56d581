"""What Tocsin can measure: one table of metrics, with the unit and meaning of each.

Names follow the OpenTelemetry semantic conventions where these have one, and stand below `tocsin.` where they do not.
One name never holds a total beside its parts, so a rule on `system.cpu.utilization` rings once and not once a core.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from tocsin.model.levels import AlertCategory

MetricKind = Literal["gauge", "counter"]


class MetricInfo(msgspec.Struct, frozen=True):
    """What a metric is.

    Attributes:
        name: the OpenTelemetry name, or one below `tocsin.`.
        unit: in UCUM as OpenTelemetry writes it: `1` ratio, `By`, `s`, `By/s`, `{thread}`; empty when unknown.
        kind: a gauge goes up and down, a counter only up (a fall is a reset).
        text: what it means, in a sentence without full stop.
    """

    name: str
    unit: str
    kind: MetricKind
    text: str


def _gauge(name: str, unit: str, text: str) -> MetricInfo:
    return MetricInfo(name, unit, "gauge", text)


def _counter(name: str, unit: str, text: str) -> MetricInfo:
    return MetricInfo(name, unit, "counter", text)


_HOST: Final = (
    _gauge("system.cpu.utilization", "1", "share of all cores that is busy (neither idle nor waiting for I/O)"),
    _gauge("system.cpu.core.utilization", "1", "share of one core that is busy; label cpu"),
    _gauge("system.cpu.mode.utilization", "1", "share of all cores spent in one mode; label mode"),
    _gauge("system.cpu.load_average.1m", "{thread}", "runnable and uninterruptible threads, mean of 1 minute"),
    _gauge("system.cpu.load_average.5m", "{thread}", "runnable and uninterruptible threads, mean of 5 minutes"),
    _gauge("system.cpu.load_average.15m", "{thread}", "runnable and uninterruptible threads, mean of 15 minutes"),
    _gauge("system.memory.limit", "By", "memory of the machine"),
    _gauge("system.memory.usage", "By", "memory in use that cannot be reclaimed (limit minus available)"),
    _gauge("system.memory.available", "By", "memory that programs could still get without swapping"),
    _gauge("system.memory.utilization", "1", "share of the machine's memory in use and not reclaimable"),
    _gauge("system.memory.free", "By", "memory that is used for nothing at all"),
    _gauge("system.memory.cached", "By", "memory used as page cache"),
    _gauge("system.memory.buffers", "By", "memory used as block device buffers"),
    _gauge("system.paging.usage", "By", "swap space in use"),
    _gauge("system.paging.limit", "By", "swap space in all"),
    _gauge("system.paging.utilization", "1", "share of the swap space in use"),
    _counter("system.paging.io", "By", "bytes swapped; label direction (in, out)"),
    _counter("system.paging.faults", "{fault}", "page faults that had to wait for a disk"),
    _counter("system.disk.io", "By", "bytes moved; labels device, direction (read, write)"),
    _counter("system.disk.operations", "{operation}", "operations completed; labels device, direction"),
    _counter("system.disk.operation_time", "s", "time that operations took, in sum; labels device, direction"),
    _counter("system.disk.io_time", "s", "time the device was busy; label device"),
    _gauge("system.filesystem.limit", "By", "size of the file system that a program may use; label mountpoint"),
    _gauge("system.filesystem.usage", "By", "space in use; label mountpoint"),
    _gauge("system.filesystem.utilization", "1", "share of the usable space in use, as df counts; label mountpoint"),
    _gauge("system.filesystem.inodes.utilization", "1", "share of the inodes in use; label mountpoint"),
    _counter("system.network.io", "By", "bytes moved; labels interface, direction (receive, transmit)"),
    _counter("system.network.packets", "{packet}", "packets moved; labels interface, direction"),
    _counter("system.network.errors", "{error}", "packets in error; labels interface, direction"),
    _counter("system.network.dropped", "{packet}", "packets dropped; labels interface, direction"),
    _gauge("system.process.count", "{process}", "processes on the machine"),
    _counter("system.context_switches", "{switch}", "context switches of the machine"),
    _gauge("system.uptime", "s", "time since the machine started"),
)

_PROCESS: Final = (
    _gauge("process.cpu.utilization", "1", "CPU time of the program for each second, as a share of one core"),
    _counter("process.cpu.time", "s", "CPU time of the program; label mode (user, system)"),
    _gauge("process.memory.usage", "By", "resident memory of the program (RSS)"),
    _gauge("process.memory.virtual", "By", "address space of the program"),
    _gauge(
        "process.memory.utilization", "1", "resident memory as a share of the effective limit (container or machine)"
    ),
    _gauge(
        "process.memory.limit", "By", "the effective memory limit: the smallest of the machine's and the containers'"
    ),
    _gauge("process.thread.count", "{thread}", "threads of the program, Python's and others"),
    _gauge("process.open_file_descriptor.count", "{file_descriptor}", "open file descriptors of the program"),
    _gauge(
        "process.open_file_descriptor.kinds", "{file_descriptor}", "open file descriptors by what they are; label kind"
    ),
    _gauge("process.open_file_descriptor.utilization", "1", "share of the allowed file descriptors that are open"),
    _counter("process.context_switches", "{switch}", "context switches; label type (voluntary, involuntary)"),
    _counter("process.paging.faults", "{fault}", "page faults; label type (minor, major)"),
    _counter("process.disk.io", "By", "bytes the program moved to and from storage; label direction (read, write)"),
    _gauge("process.uptime", "s", "time since the program started"),
)

_RUNTIME: Final = (
    _gauge("tocsin.eventloop.lag", "s", "how late an asyncio event loop answers a ping; label loop"),
    _gauge("tocsin.asyncio.tasks", "{task}", "asyncio tasks that are not done; label loop"),
    _gauge("tocsin.asyncio.oldest_task", "s", "time since the oldest task that is not done was first seen; label loop"),
    _gauge("tocsin.gc.pause", "s", "the longest garbage collection since the reading before"),
    _counter("tocsin.gc.time", "s", "time that garbage collections took, in sum"),
    _counter("cpython.gc.collections", "{collection}", "garbage collections; label generation"),
    _counter("cpython.gc.collected_objects", "{object}", "objects freed by garbage collections; label generation"),
    _counter(
        "cpython.gc.uncollectable_objects",
        "{object}",
        "objects that garbage collections found and could not free; label generation",
    ),
    _gauge("tocsin.gil.wait", "s", "how long the watch thread, ready to run, waited for the interpreter"),
    _gauge("tocsin.sched.delay", "s", "how long the watch thread, ready to run, waited for a core"),
    _gauge("tocsin.wakeup.delay", "s", "how much later than asked the watch thread woke, for either reason"),
    _gauge("tocsin.thread.count", "{thread}", "threads that Python knows, those of Tocsin included"),
    _gauge("tocsin.thread.daemon.count", "{thread}", "threads that Python knows and does not wait for at the end"),
)

_TOCSIN: Final = (
    _gauge("tocsin.storage.probe.duration", "s", "time of a small synced write to a temporary file; label path"),
    _gauge("tocsin.buffer.utilization", "1", "share of a tracked buffer's capacity in use; label buffer"),
    _gauge("tocsin.memory.leak.rate", "By/s", "growth of memory that confirmed leaks hold"),
    _gauge("tocsin.memory.efficiency", "{score}", "live Python bytes for each byte held from the system"),
    _counter("tocsin.events.offered", "{event}", "events handed to emit"),
    _counter("tocsin.events.dropped", "{event}", "events refused because the queue was full"),
    _counter("tocsin.events.coalesced", "{event}", "events merged with an equal one before they were judged"),
    _counter("tocsin.readings.dropped", "{reading}", "readings refused; label reason"),
    _gauge("tocsin.readings.overflow", "", "the last reading of a metric of the program's own beyond the first 500"),
    _counter(
        "tocsin.notices.dropped", "{notice}", "notices that a full queue or a failing channel lost; label channel"
    ),
    _counter("tocsin.listeners.failed", "{error}", "listeners of signals that raised or were too slow"),
    _counter("tocsin.steps.failed", "{error}", "passes of the watch thread that failed and were backed off"),
    _gauge("tocsin.sensors.set_aside", "{sensor}", "sensors that failed and wait to be tried again"),
    _gauge("tocsin.self.cpu", "1", "CPU time of the watch thread for each second, as a share of one core"),
)

CATALOGUE: Final[dict[str, MetricInfo]] = {info.name: info for info in (*_HOST, *_PROCESS, *_RUNTIME, *_TOCSIN)}


def describe(metric: str) -> MetricInfo:
    """Look a metric up; the program's own metrics are gauges without a unit until they say more."""
    return CATALOGUE.get(metric) or MetricInfo(metric, "", "gauge", "a metric of the program's own")


class CategoryDefault(msgspec.Struct, frozen=True):
    """What a rule of one category watches when it names no metric.

    Attributes:
        metric: the metric; empty where a rule must name one.
        bare_unit: the unit of a threshold without one, as it would be written behind the number.
        aggregate: how the readings of the window become one value.
        window_s: seconds.
    """

    metric: str
    bare_unit: str = ""
    aggregate: str = ""
    window_s: float = 0.0


CATEGORY_DEFAULTS: Final[dict[AlertCategory, CategoryDefault]] = {
    AlertCategory.MEMORY_LEAK: CategoryDefault("tocsin.memory.leak.rate", "MB/hour"),
    AlertCategory.MEMORY_GROWTH: CategoryDefault("process.memory.usage", "MB/s", "rate", 30.0),
    AlertCategory.MEMORY_EFFICIENCY: CategoryDefault("tocsin.memory.efficiency"),
    AlertCategory.MEMORY_THRESHOLD: CategoryDefault("process.memory.usage", "MB"),
    AlertCategory.CPU_USAGE: CategoryDefault("system.cpu.utilization", "%"),
    AlertCategory.DISK_IO: CategoryDefault("tocsin.storage.probe.duration", "ms"),
    AlertCategory.NETWORK_IO: CategoryDefault("system.network.errors", "", "rate", 60.0),
    AlertCategory.APPLICATION_LATENCY: CategoryDefault("tocsin.eventloop.lag", "ms"),
    AlertCategory.GENERAL: CategoryDefault(""),
}

# The short names of the mission's four metrics, as `get_dynamic_threshold` takes them.
SHORT_NAMES: Final[dict[str, str]] = {
    "cpu": "system.cpu.utilization",
    "memory": "system.memory.utilization",
    "storage_latency": "tocsin.storage.probe.duration",
    "buffer": "tocsin.buffer.utilization",
}
