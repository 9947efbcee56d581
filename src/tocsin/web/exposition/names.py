"""What our metrics are called in Prometheus.

Where node_exporter, or the process metrics that every client library has, mean the same, their name is taken, so that
dashboards and rules that are there already work. All others follow the rules by which OpenTelemetry's names become
Prometheus': dots become underscores, the unit and, for counters, `total` come behind.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

from tocsin.model.metrics import describe

_UNITS: Final = {"By": "bytes", "s": "seconds", "By/s": "bytes_per_second", "1/s": "per_second"}


class Exposed(NamedTuple):
    """How a metric is called.

    Attributes:
        name: in Prometheus.
        kind: `gauge` or `counter`.
        text: what it means.
        labels: our labels by their new names; one that is missing here keeps its own.
    """

    name: str
    kind: str
    text: str
    labels: tuple[tuple[str, str], ...] = ()


# (metric, labels that are left out since the name says them) to the name. The meaning is the same.
KNOWN: Final[dict[tuple[str, tuple[tuple[str, str], ...]], tuple[str, tuple[tuple[str, str], ...]]]] = {
    ("process.memory.usage", ()): ("process_resident_memory_bytes", ()),
    ("process.memory.virtual", ()): ("process_virtual_memory_bytes", ()),
    ("process.open_file_descriptor.count", ()): ("process_open_fds", ()),
    ("system.cpu.load_average.1m", ()): ("node_load1", ()),
    ("system.cpu.load_average.5m", ()): ("node_load5", ()),
    ("system.cpu.load_average.15m", ()): ("node_load15", ()),
    ("system.memory.limit", ()): ("node_memory_MemTotal_bytes", ()),
    ("system.memory.free", ()): ("node_memory_MemFree_bytes", ()),
    ("system.memory.buffers", ()): ("node_memory_Buffers_bytes", ()),
    ("system.memory.cached", ()): ("node_memory_Cached_bytes", ()),
    ("system.memory.dirty", ()): ("node_memory_Dirty_bytes", ()),
    ("system.paging.limit", ()): ("node_memory_SwapTotal_bytes", ()),
    ("system.context_switches", ()): ("node_context_switches_total", ()),
    ("system.process.created", ()): ("node_forks_total", ()),
    ("system.thread.runnable", ()): ("node_procs_running", ()),
    ("system.thread.blocked", ()): ("node_procs_blocked", ()),
    ("system.network.tcp.connections", ()): ("node_netstat_Tcp_CurrEstab", ()),
    ("system.disk.io", (("direction", "read"),)): ("node_disk_read_bytes_total", ()),
    ("system.disk.io", (("direction", "write"),)): ("node_disk_written_bytes_total", ()),
    ("system.disk.io_time", ()): ("node_disk_io_time_seconds_total", ()),
    ("system.disk.weighted_io_time", ()): ("node_disk_io_time_weighted_seconds_total", ()),
    ("system.disk.pending_operations", ()): ("node_disk_io_now", ()),
    ("system.network.io", (("direction", "receive"),)): (
        "node_network_receive_bytes_total", (("interface", "device"),),
    ),
    ("system.network.io", (("direction", "transmit"),)): (
        "node_network_transmit_bytes_total", (("interface", "device"),),
    ),
    ("system.pressure.stall_time", (("kind", "some"), ("resource", "cpu"))): (
        "node_pressure_cpu_waiting_seconds_total", (),
    ),
    ("system.pressure.stall_time", (("kind", "some"), ("resource", "io"))): (
        "node_pressure_io_waiting_seconds_total", (),
    ),
    ("system.pressure.stall_time", (("kind", "full"), ("resource", "io"))): (
        "node_pressure_io_stalled_seconds_total", (),
    ),
    ("system.pressure.stall_time", (("kind", "some"), ("resource", "memory"))): (
        "node_pressure_memory_waiting_seconds_total", (),
    ),
    ("system.pressure.stall_time", (("kind", "full"), ("resource", "memory"))): (
        "node_pressure_memory_stalled_seconds_total", (),
    ),
}  # fmt: skip
_SAID: Final[dict[str, list[tuple[tuple[str, str], ...]]]] = {}
for _metric, _labels in KNOWN:
    _SAID.setdefault(_metric, []).append(_labels)


def exposed(metric: str, labels: tuple[tuple[str, str], ...]) -> tuple[Exposed, dict[str, str]]:
    """How a series is called, and its labels."""
    for said in _SAID.get(metric, ()):
        if set(said) <= set(labels):
            name, renamed = KNOWN[metric, said]
            info = describe(metric)
            new = dict(renamed)
            left = {new.get(key, key): value for key, value in labels if (key, value) not in said}
            return Exposed(name, info.kind, info.text), _clean(left)
    return _translated(metric), _clean(dict(labels))


@lru_cache(maxsize=4096)
def _translated(metric: str) -> Exposed:
    info = describe(metric)
    base = re.sub(r"[^A-Za-z0-9_]+", "_", metric).strip("_") or "metric"
    base = re.sub(r"__+", "_", base)
    if base[0].isdigit():
        base = f"_{base}"
    unit = info.unit
    if unit.startswith("{") and base.endswith("_count"):
        # A name in `_count` is kept for histograms: `process.thread.count` counts threads, and is called so.
        things = re.sub(r"[^A-Za-z0-9_]+", "_", unit.strip("{}")) + "s"
        head = base.removesuffix("_count")
        base = head.removesuffix(things[:-1]) + things if head.endswith(things[:-1]) else f"{head}_{things}"
    suffix = "ratio" if unit == "1" and info.kind == "gauge" else _UNITS.get(unit, "")
    if suffix and not base.endswith(f"_{suffix}"):
        base = f"{base}_{suffix}"
    if info.kind == "counter":
        base = f"{base.removesuffix('_total')}_total"
    else:
        base = re.sub(r"_(total|count|sum|bucket|info)$", "_now", base)
    return Exposed(base, info.kind, info.text)


def _clean(labels: dict[str, str]) -> dict[str, str]:
    """Names of labels as Prometheus takes them."""
    found: dict[str, str] = {}
    for name, value in labels.items():
        clean = re.sub(r"[^A-Za-z0-9_]+", "_", name) or "label"
        if clean[0].isdigit() or clean.startswith("__"):
            clean = f"label_{clean.lstrip('_')}"
        found[clean] = value
    return found
