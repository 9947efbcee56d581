"""Rules on the machine."""

from __future__ import annotations

from tocsin.model.levels import AlertCategory, AlertSeverity
from tocsin.model.rule import AlertRule
from tocsin.rules.defaults.filling import filling

CPU_RULE = "cpu-high"
MEMORY_RULE = "memory-high"

_WARNING, _CRITICAL = AlertSeverity.WARNING, AlertSeverity.CRITICAL


def machine_rules(cpu: float | str, memory: float | str) -> tuple[AlertRule, ...]:
    """CPU, memory and network of the machine, and want of memory."""
    return (
        AlertRule(
            CPU_RULE,
            AlertCategory.CPU_USAGE,
            _WARNING,
            cpu,
            # A minute of a full machine is a build or a start; it is told when it goes on.
            for_s=60.0,
            window_s=10.0,
            aggregate="avg",
            message="CPU usage {value} exceeds {threshold}",
            recommendations=(
                "See which process is busy: tocsin watch, or top",
                "If it is this program, look for a loop without a pause or an input that grew",
                "If the load is wanted, raise cpu_threshold or give the machine more cores",
            ),
        ),
        AlertRule(
            MEMORY_RULE,
            AlertCategory.MEMORY_THRESHOLD,
            _WARNING,
            memory,
            metric="system.memory.utilization",
            for_s=30.0,
            message="Memory of the machine is {value} full, beyond {threshold}",
            recommendations=(
                "See which process holds the memory: ps aux --sort=-rss",
                "Stop what is not needed before the kernel chooses a victim",
            ),
        ),
        filling(
            "memory-filling",
            "system.memory.utilization",
            "97 %",
            message="Memory of the machine is {value} full and, at this pace, reaches {forecast}",
            recommendations=(
                "See which process grows: ps aux --sort=-rss, twice some minutes apart",
                "Stop what is not needed before the kernel chooses a victim",
            ),
        ),
        AlertRule(
            "network-errors",
            AlertCategory.NETWORK_IO,
            _WARNING,
            10.0,
            # Single errors are everyday on radio links; ten a second for a minute are not.
            for_s=60.0,
            window_s=60.0,
            message="Interface {labels} has {value} packets in error",
            recommendations=("Look at cable, driver and duplex of the interface: ip -s link",),
        ),
        *_want_of_memory(),
    )


def _want_of_memory() -> tuple[AlertRule, ...]:
    return (
        AlertRule(
            # All that had something to do waited for memory a fifth of the time: a swap storm. An idle machine has 0.
            "memory-pressure",
            AlertCategory.MEMORY_THRESHOLD,
            _WARNING,
            "20 %",
            metric="system.pressure.avg10",
            labels={"resource": "memory", "kind": "full"},
            clear_threshold="10 %",
            for_s=60.0,
            message="The machine stands still for want of memory {value} of the time",
            recommendations=(
                "See which process holds the memory: ps aux --sort=-rss",
                "Stop what is not needed before the kernel chooses a victim",
            ),
        ),
        AlertRule(
            # The counter is read in ten intervals; half a minute always holds two readings.
            "oom-kill",
            AlertCategory.MEMORY_THRESHOLD,
            _CRITICAL,
            0.5,
            metric="system.memory.oom_kills",
            aggregate="delta",
            window_s=60.0,
            clear_threshold=0.0,
            message="The kernel killed {value} processes for want of memory in the last minute",
            recommendations=(
                "See which it was, and why: journalctl -k --grep 'Killed process'",
                "Give the machine more memory, or that program a limit of its own",
            ),
        ),
    )
