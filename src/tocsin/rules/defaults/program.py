"""Rules on what the program does, its memory apart."""

from __future__ import annotations

from tocsin.model.levels import AlertCategory, AlertSeverity
from tocsin.model.rule import AlertRule
from tocsin.rules.defaults.filling import filling

BUFFER_RULE = "buffer-high"

_WARNING = AlertSeverity.WARNING


def program_rules(buffer: float | str) -> tuple[AlertRule, ...]:
    """Buffers, descriptors, event loops and the interpreter."""
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
        filling(
            "file-descriptors-filling",
            "process.open_file_descriptor.utilization",
            "95 %",
            message="{value} of the allowed file descriptors are open and, at this pace, they reach {forecast}",
            recommendations=(
                "Look for files and sockets that are not closed: ls -l /proc/PID/fd",
                "Restart in an orderly way before then: opening anything fails at the limit",
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
