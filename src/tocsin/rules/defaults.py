"""The rules that everybody has: useful at once on an idle laptop and in a container, and quiet on both.

The four thresholds come from the configuration; each figure here has its reason beside it.
"""

from __future__ import annotations

from tocsin.model.levels import AlertCategory, AlertCondition, AlertSeverity
from tocsin.model.rule import AlertRule

CPU_RULE = "cpu-high"
MEMORY_RULE = "memory-high"
CONTAINER_RULE = "container-memory-high"
PROCESS_MEMORY_RULE = "process-memory-high"
STORAGE_RULE = "storage-latency-high"
BUFFER_RULE = "buffer-high"

_WARNING, _CRITICAL = AlertSeverity.WARNING, AlertSeverity.CRITICAL


def default_rules(
    *, cpu: float | str, memory: float | str, storage_latency: float | str, buffer: float | str
) -> tuple[AlertRule, ...]:
    """The default pack; at least one rule a category, each with recommendations.

    Args:
        cpu: share of the machine's CPU, bare numbers in percent.
        memory: share of the machine's memory, bare numbers in percent.
        storage_latency: bare numbers in milliseconds.
        buffer: share of a buffer's capacity, bare numbers in percent.
    Raises: ConfigError: if a threshold cannot be read.
    """
    return (
        *_machine(cpu, memory),
        *_want_of_memory(),
        *_container(),
        *_storage(storage_latency),
        *_program_memory(),
        *_program(buffer),
    )


def _machine(cpu: float | str, memory: float | str) -> tuple[AlertRule, ...]:
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


def _container() -> tuple[AlertRule, ...]:
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


def _storage(storage_latency: float | str) -> tuple[AlertRule, ...]:
    return (
        AlertRule(
            STORAGE_RULE,
            AlertCategory.DISK_IO,
            _WARNING,
            storage_latency,
            message="A small synced write took {value}, longer than {threshold}",
            recommendations=(
                "See who writes: iotop, or pidstat -d 1",
                "On a network or shared disk, ask for its quota of operations",
            ),
        ),
        AlertRule(
            # A read of 4 KiB takes milliseconds; half a minute is a device, or a network mount, that does not answer.
            "storage-stuck",
            AlertCategory.DISK_IO,
            _WARNING,
            "30 s",
            metric="tocsin.storage.probe.age",
            # One more look, since a program that was stopped meets its old probe again when it goes on.
            for_s=3.0,
            message="A read of 4 KiB has not come back for {value}",
            recommendations=(
                "Look for errors of the device or the mount: dmesg, and cat /proc/mounts",
                "See who else waits for it: ps -eo pid,stat,wchan:20,cmd, state D",
            ),
        ),
        AlertRule(
            "filesystem-full",
            AlertCategory.DISK_IO,
            _WARNING,
            "90 %",
            metric="system.filesystem.utilization",
            clear_threshold="88 %",
            for_s=60.0,
            message="File system {labels} is {value} full",
            recommendations=(
                "Find what grew: du -xh --max-depth=2 on it, sorted",
                "Look at logs and at deleted files that are still open",
            ),
        ),
        AlertRule(
            "filesystem-full-critical",
            AlertCategory.DISK_IO,
            _CRITICAL,
            "97 %",
            metric="system.filesystem.utilization",
            clear_threshold="95 %",
            for_s=60.0,
            message="File system {labels} is {value} full",
            recommendations=(
                "Free space now: writes are about to fail",
                "Look at logs and at deleted files that are still open",
            ),
        ),
    )


def _program_memory() -> tuple[AlertRule, ...]:
    return (
        AlertRule(
            PROCESS_MEMORY_RULE,
            AlertCategory.MEMORY_THRESHOLD,
            _WARNING,
            "85 %",
            metric="process.memory.utilization",
            for_s=30.0,
            message="The program uses {value} of the memory it may have",
            recommendations=("Look for what grew since the start", "Raise the container's limit only after that"),
        ),
        AlertRule(
            "process-memory-critical",
            AlertCategory.MEMORY_THRESHOLD,
            _CRITICAL,
            "95 %",
            metric="process.memory.utilization",
            message="The program uses {value} of the memory it may have and is about to be killed",
            recommendations=("Shed load or restart it in an orderly way now", "Look for what grew since the start"),
        ),
        AlertRule(
            # A window of 30 s and `for` 60 s: one step (a model loaded, a cache filled) is over before it counts.
            "memory-growth",
            AlertCategory.MEMORY_GROWTH,
            _WARNING,
            "1 MB/s",
            for_s=60.0,
            message="High memory growth rate: {value}",
            recommendations=(
                "Look for a list, dict or cache that only gains entries",
                "Compare two heap snapshots a minute apart",
            ),
        ),
        AlertRule(
            "memory-growth-critical",
            AlertCategory.MEMORY_GROWTH,
            _CRITICAL,
            "5 MB/s",
            for_s=60.0,
            message="High memory growth rate: {value}",
            recommendations=(
                "Stop the input that feeds it, or restart in an orderly way",
                "Look for a list, dict or cache that only gains entries",
            ),
        ),
        AlertRule(
            "memory-leak",
            AlertCategory.MEMORY_LEAK,
            _CRITICAL,
            "50 MB/hour",
            message="Memory leak detected: {value} held by confirmed leaks",
            recommendations=(
                "Bound the container that keeps the objects, or drop its entries when they are done with",
            ),
        ),
        AlertRule(
            "memory-efficiency",
            AlertCategory.MEMORY_EFFICIENCY,
            _WARNING,
            0.5,
            for_s=300.0,
            condition=AlertCondition.LESS_THAN,
            message="Low allocation efficiency: {value}",
            recommendations=(
                "Free large temporary objects earlier; consider a restart after a peak",
                "Try another allocator, such as jemalloc",
            ),
        ),
    )


def _program(buffer: float | str) -> tuple[AlertRule, ...]:
    return (
        AlertRule(
            BUFFER_RULE,
            AlertCategory.GENERAL,
            _WARNING,
            buffer,
            metric="tocsin.buffer.utilization",
            for_s=10.0,
            message="Buffer {labels} is {value} full",
            recommendations=(
                "See why its consumer is slow or gone",
                "Slow the producer down, or add consumers, before enlarging it",
            ),
        ),
        AlertRule(
            # A refusal now and then is what a bound is for; one every few seconds means that work is turned away.
            "buffer-leases-refused",
            AlertCategory.GENERAL,
            _WARNING,
            20.0,
            metric="tocsin.buffer.leases.refused",
            window_s=60.0,
            aggregate="delta",
            message="{value} leases of the byte budget were not to be had in time within a minute",
            recommendations=(
                "See who holds leases for long, or loses them: tocsin.buffer.leases.lost",
                "Slow the producer down before raising buffer_budget",
            ),
        ),
        AlertRule(
            "buffer-lease-lost",
            AlertCategory.MEMORY_LEAK,
            _WARNING,
            0.0,
            metric="tocsin.buffer.leases.lost",
            message="{value} leases were never released; they were {labels}",
            recommendations=("Take the lease in a with block at that line, so that it is given back whatever happens",),
        ),
        AlertRule(
            "file-descriptors-high",
            AlertCategory.GENERAL,
            _WARNING,
            "80 %",
            metric="process.open_file_descriptor.utilization",
            for_s=30.0,
            message="{value} of the allowed file descriptors are open",
            recommendations=(
                "Look for files and sockets that are not closed: ls -l /proc/PID/fd",
                "Raise the limit (ulimit -n) if the number is wanted",
            ),
        ),
        AlertRule(
            # People notice half a second, and two pings a second see a block while it lasts, within about one.
            "event-loop-blocked",
            AlertCategory.APPLICATION_LATENCY,
            _WARNING,
            "400 ms",
            metric="tocsin.eventloop.lag",
            message="The event loop {labels} has not answered for {value}",
            recommendations=(
                "Move the blocking call to a thread: await asyncio.to_thread(...)",
                "Split long computations, or run them in a process",
            ),
        ),
        *_interpreter(),
    )


def _interpreter() -> tuple[AlertRule, ...]:
    return (
        AlertRule(
            # As long as a block of the event loop that is told. One is enough; it stays for a while to be seen.
            "gc-pause-long",
            AlertCategory.APPLICATION_LATENCY,
            _WARNING,
            "500 ms",
            metric="tocsin.gc.pause",
            keep_firing_for_s=60.0,
            message="A garbage collection stopped the program for {value}",
            recommendations=(
                "Call gc.freeze() after start-up: what lives for ever need not be looked through again",
                "Collect less often (gc.set_threshold), or at quiet moments (gc.collect)",
                "Make fewer objects that live long; avoid cycles, so that fewer need collecting",
            ),
        ),
        AlertRule(
            # One computing thread makes others wait for 5 ms, four for 23 ms; the load of other programs is left out.
            # Beyond 100 ms something holds the interpreter, or very many threads compete for it.
            "gil-wait-high",
            AlertCategory.APPLICATION_LATENCY,
            _WARNING,
            "100 ms",
            metric="tocsin.gil.wait",
            window_s=60.0,
            aggregate="p95",
            for_s=60.0,
            message="Threads that are ready wait {value} for the interpreter",
            recommendations=(
                "Move computations to processes: concurrent.futures.ProcessPoolExecutor",
                "Look for an extension that does not release the GIL: py-spy dump --native",
            ),
        ),
    )
