"""The metrics of the program's heap, and those as which hand-made reports on memory are judged."""

from __future__ import annotations

from typing import Final

from tocsin.model.metric_info import MetricInfo, gauge, read_from

_CORE: Final = 1

LEAK_COUNT: Final = "tocsin.memory.leak.count"
LEAK_RATE: Final = "tocsin.memory.leak.rate"
LEAK_SITE_RATE: Final = "tocsin.memory.leak.site.rate"
GROWTH_RATE: Final = "tocsin.memory.growth.rate"
EFFICIENCY: Final = "tocsin.memory.efficiency"
LIVE: Final = "tocsin.memory.live"
COMPONENT_LIVE: Final = "tocsin.memory.component.live"

REPORTED_USAGE: Final = "tocsin.report.memory.usage"
REPORTED_GROWTH: Final = "tocsin.report.memory.growth.rate"
REPORTED_EFFICIENCY: Final = "tocsin.report.memory.efficiency"
REPORTED_LEAK_COUNT: Final = "tocsin.report.memory.leak.count"
REPORTED_LEAK_RATE: Final = "tocsin.report.memory.leak.rate"

MEMORY: Final[tuple[MetricInfo, ...]] = (
    *read_from("the heap profiler, every `memory.snapshot`", _CORE, (
        gauge(LIVE, "By", "estimated bytes alive that Python's allocators gave since the start"),
        gauge(COMPONENT_LIVE, "By", "those of them that one part of the program holds; label component"),
        gauge(GROWTH_RATE, "By/s", "robust growth of resident memory"),
        gauge(EFFICIENCY, "{score}", "live Python bytes for each byte held from the system"),
        gauge(LEAK_COUNT, "{leak}", "confirmed leaks; label component"),
        gauge(LEAK_RATE, "By/s", "growth of memory that confirmed leaks hold; label component"),
        gauge(LEAK_SITE_RATE, "By/s", "growth of what one suspected or confirmed leak holds; labels component, site"),
    )),
    *read_from("a report handed to MemoryAlertManager", 0, (
        gauge(REPORTED_USAGE, "By", "resident memory as a report says; label component"),
        gauge(REPORTED_GROWTH, "By/s", "its growth as a report says; label component"),
        gauge(REPORTED_EFFICIENCY, "{score}", "live bytes for each byte held, as a report says; label component"),
        gauge(REPORTED_LEAK_COUNT, "{leak}", "leaks as an analysis says; label component"),
        gauge(REPORTED_LEAK_RATE, "By/s", "growth of what leaks hold as an analysis says; label component"),
    )),
)  # fmt: skip
