"""Rules on the container."""

from __future__ import annotations

from tocsin.model.levels import AlertCategory, AlertSeverity
from tocsin.model.rule import AlertRule
from tocsin.rules.defaults.filling import filling

CONTAINER_RULE = "container-memory-high"

_WARNING, _CRITICAL = AlertSeverity.WARNING, AlertSeverity.CRITICAL


def container_rules() -> tuple[AlertRule, ...]:
    """Quiet where there is no container: these series exist only where a group sets a limit."""
    return (
        AlertRule(
            CONTAINER_RULE,
            AlertCategory.MEMORY_THRESHOLD,
            _WARNING,
            "90 %",
            metric="container.memory.utilization",
            clear_threshold="88 %",
            for_s=30.0,
            message="The container's memory is {value} full",
            recommendations=(
                "See which of its processes grew: tocsin status, or ps aux --sort=-rss inside of it",
                "Raise the limit only when the use is wanted",
            ),
        ),
        filling(
            "container-memory-filling",
            "container.memory.utilization",
            "97 %",
            message="The container's memory is {value} full and, at this pace, reaches {forecast}",
            recommendations=(
                "See which of its processes grows: tocsin status, or ps aux --sort=-rss inside of it",
                "Restart that one in an orderly way before the kernel kills in it",
            ),
        ),
        AlertRule(
            "container-memory-critical",
            AlertCategory.MEMORY_THRESHOLD,
            _CRITICAL,
            "97 %",
            metric="container.memory.utilization",
            clear_threshold="95 %",
            for_s=5.0,  # one spike that is given back at once is no reason
            message="The container's memory is {value} full, and the kernel is about to kill in it",
            recommendations=(
                "Shed load, or restart in an orderly way now",
                "Look for what grew since the start, then raise the limit if the use is wanted",
            ),
        ),
        AlertRule(
            "container-oom-kill",
            AlertCategory.MEMORY_THRESHOLD,
            _CRITICAL,
            0.5,
            metric="container.memory.oom_kills",
            aggregate="delta",
            window_s=60.0,
            clear_threshold=0.0,
            message="{value} processes of the container ({labels}) were killed at its memory limit in the last minute",
            recommendations=(
                "See which it was: dmesg, or the events of the pod",
                "Raise the limit, or run fewer workers within it",
            ),
        ),
        AlertRule(
            # A quota that bites now and then is how quotas work; half of the periods for five minutes is too little.
            "container-throttled",
            AlertCategory.CPU_USAGE,
            _WARNING,
            "50 %",
            metric="container.cpu.throttled.utilization",
            aggregate="avg",
            window_s=60.0,
            clear_threshold="25 %",
            for_s=300.0,
            message="The CPU quota stopped the program in {value} of the periods",
            recommendations=(
                "Raise the CPU limit, or run fewer threads and workers than it has cores",
                "Compare container.cpu.limit with the number of workers",
            ),
        ),
    )
