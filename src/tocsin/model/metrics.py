"""What Tocsin can measure: one table of metrics, with the unit and meaning of each.

Names follow the OpenTelemetry semantic conventions where these have one, and stand below `tocsin.` where they do not.
One name never holds a total beside its parts, so a rule on `system.cpu.utilization` rings once and not once a core.
"""

from __future__ import annotations

from typing import Final

import msgspec

from tocsin.model.host_metrics import CONTAINER, HOST
from tocsin.model.levels import AlertCategory
from tocsin.model.memory_metrics import MEMORY
from tocsin.model.metric_info import MetricInfo, MetricKind, counter, gauge, read_from
from tocsin.model.runtime_metrics import DESCRIPTOR_KINDS, RUNTIME

__all__ = ["CATALOGUE", "CATEGORY_DEFAULTS", "SHORT_NAMES", "CategoryDefault", "MetricInfo", "MetricKind", "describe"]

_gauge, _counter = gauge, counter
_CORE, _SLOW = 1, 10

_PROCESS: Final = (
    *read_from("getrusage; of another process /proc/PID/stat", _CORE, (
        gauge("process.cpu.utilization", "1", "CPU time of the program for each second, as a share of one core"),
        counter("process.cpu.time", "s", "CPU time of the program; label mode (user, system)"),
        counter("process.context_switches", "{switch}", "context switches; label type (voluntary, involuntary)"),
        counter("process.paging.faults", "{fault}", "page faults; label type (minor, major)", platform="Linux"),
        gauge("process.memory.peak", "By", "the most memory that was ever resident", platform="Linux"),
    )),
    *read_from("/proc/self/statm", _CORE, (
        gauge("process.memory.usage", "By", "resident memory of the program (RSS)"),
        gauge("process.memory.virtual", "By", "address space of the program"),
        gauge("process.memory.shared", "By", "resident memory that files or other programs share", platform="Linux"),
    )),
    *read_from("/proc/self/statm, and the limits of cgroups", _CORE, (
        gauge("process.memory.utilization", "1",
              "resident memory as a share of the effective limit (container or machine)"),
        gauge("process.memory.limit", "By",
              "the effective memory limit: the smallest of the machine's and the containers'"),
    )),
    *read_from("/proc/self/io", _CORE, (
        counter("process.disk.io", "By", "bytes the program moved to and from storage; label direction (read, write)"),
        counter("process.io.bytes", "By", "bytes the program read and wrote, sockets and cached files included; "
                "label direction", platform="Linux"),
        counter("process.io.calls", "{call}", "calls by which it did so; label direction", platform="Linux"),
    )),
    *read_from("/proc/self/stat", _CORE, (gauge("process.uptime", "s", "time since the program started"),)),
    *read_from("/proc/self/status", _SLOW, (
        gauge("process.memory.resident", "By",
              "resident memory by what it is; label type (anonymous: its own, file, shared)"),
        gauge("process.memory.swap", "By", "memory of the program that is swapped out"),
        gauge("process.memory.page_tables", "By", "tables that map its memory"),
        gauge("process.memory.locked", "By", "memory that it has locked"),
    ), platform="Linux"),
    *read_from("/proc/self/status", _SLOW, (
        gauge("process.thread.count", "{thread}", "threads of the program, Python's and others"),
    )),
    *read_from("/proc/self/fd", _SLOW, (
        gauge("process.open_file_descriptor.count", "{file_descriptor}", "open file descriptors of the program"),
        gauge("process.open_file_descriptor.utilization", "1", "share of the allowed file descriptors that are open"),
    )),
    *DESCRIPTOR_KINDS,
)  # fmt: skip

_TOCSIN: Final = (
    _gauge("tocsin.storage.probe.duration", "s", "time of a small synced write to a temporary file; label path"),
    _gauge("tocsin.storage.probe.read.duration", "s", "time of a read of 4 KiB past the page cache; label path"),
    _gauge(
        "tocsin.storage.probe.age", "s", "how long the present probe of storage has not come back, else 0; label path"
    ),
    _counter("tocsin.storage.probe.written", "By", "bytes that the probe of storage has written; label path"),
    _counter("tocsin.storage.probe.skipped", "{probe}", "writes that the probe of storage left out; label path"),
    _gauge("tocsin.buffer.utilization", "1", "share of a tracked buffer's capacity in use; label buffer"),
    _gauge("tocsin.buffer.high_water", "1", "the highest utilization of a buffer that was seen so far; label buffer"),
    _gauge("tocsin.buffer.leases.usage", "By", "bytes of the budget that are leased"),
    _gauge("tocsin.buffer.leases.open", "{lease}", "leases that are held"),
    _gauge("tocsin.buffer.leases.waiting", "{waiter}", "callers that wait for bytes of the budget"),
    _counter("tocsin.buffer.leases.refused", "{lease}", "leases that were not to be had in time"),
    _gauge(
        "tocsin.buffer.leases.lost",
        "{lease}",
        "leases of the last five minutes that were collected as garbage without being released; label taken_at",
    ),
    _counter("tocsin.buffer.callbacks.failed", "{error}", "functions given to on_pressure that raised"),
    _counter("tocsin.events.offered", "{event}", "events handed to emit"),
    _counter("tocsin.events.dropped", "{event}", "events refused because the queue was full"),
    _counter("tocsin.events.coalesced", "{event}", "events merged with an equal one before they were judged"),
    _counter("tocsin.readings.dropped", "{reading}", "readings refused; label reason"),
    _gauge("tocsin.readings.overflow", "", "the last reading of a metric of the program's own beyond the first 500"),
    _counter(
        "tocsin.notices.dropped", "{notice}", "notices that a full queue or a failing channel lost; label channel"
    ),
    _counter("tocsin.heartbeat.failed", "{heartbeat}", "heartbeats that were not taken, or not sent in time"),
    _counter("tocsin.actions.done", "{action}", "actions of rules that were run"),
    _counter("tocsin.actions.refused", "{action}", "actions of rules that were not run, since a limit said no"),
    _counter("tocsin.actions.failed", "{action}", "actions of rules that failed, or had to be stopped"),
    _counter("tocsin.listeners.failed", "{error}", "listeners of signals that raised or were too slow"),
    _counter("tocsin.steps.failed", "{error}", "passes of the watch thread that failed and were backed off"),
    _gauge("tocsin.sensors.set_aside", "{sensor}", "sensors that failed and wait to be tried again"),
    _gauge("tocsin.self.cpu", "1", "CPU time of the watch thread for each second, as a share of one core"),
)

CATALOGUE: Final[dict[str, MetricInfo]] = {
    info.name: info for info in (*HOST, *CONTAINER, *_PROCESS, *RUNTIME, *MEMORY, *_TOCSIN)
}


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
