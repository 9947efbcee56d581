"""The metrics of the interpreter: event loops, garbage collection, the GIL, threads, kinds of descriptors."""

from __future__ import annotations

from typing import Final

from tocsin.model.metric_info import MetricInfo, counter, gauge, read_from

_LINUX: Final = "Linux"
_CORE, _SLOW, _SLOWEST = 1, 10, 60

DESCRIPTOR_KINDS: Final = read_from("/proc/self/fd/*", _SLOWEST, (
    gauge("process.open_file_descriptor.kinds", "{file_descriptor}",
          "open file descriptors by what they are (socket, pipe, file, anon, other); label kind", platform=_LINUX),
))  # fmt: skip

RUNTIME: Final[tuple[MetricInfo, ...]] = (
    *read_from("a ping of each asyncio event loop", _CORE, (
        gauge("tocsin.eventloop.lag", "s", "how late an asyncio event loop answers a ping; label loop"),
    )),
    *read_from("asyncio.all_tasks", _SLOW, (
        gauge("tocsin.asyncio.tasks", "{task}", "asyncio tasks that are not done; label loop"),
        gauge("tocsin.asyncio.oldest_task", "s",
              "time since the oldest task that is not done was first seen; label loop"),
    )),
    *read_from("gc.callbacks", _CORE, (
        gauge("tocsin.gc.pause", "s", "the longest garbage collection since the reading before"),
        counter("tocsin.gc.time", "s", "time that garbage collections took, in sum"),
    )),
    *read_from("gc.get_stats", _CORE, (
        counter("cpython.gc.collections", "{collection}", "garbage collections; label generation"),
        counter("cpython.gc.collected_objects", "{object}", "objects that they freed; label generation"),
        counter("cpython.gc.uncollectable_objects", "{object}",
                "objects that they found and could not free; label generation"),
    )),
    *read_from("the watch thread's own sleep; /proc/self/task/TID/schedstat", _CORE, (
        gauge("tocsin.gil.wait", "s", "how long the watch thread, ready to run, waited for the interpreter",
              platform=_LINUX),
        gauge("tocsin.sched.delay", "s", "how long the watch thread, ready to run, waited for a core", platform=_LINUX),
        gauge("tocsin.wakeup.delay", "s", "how much later than asked the watch thread woke, for either reason"),
    )),
    *read_from("threading.enumerate", _SLOW, (
        gauge("tocsin.thread.count", "{thread}", "threads that Python knows, those of Tocsin included"),
        gauge("tocsin.thread.daemon.count", "{thread}", "those of them that the program does not wait for at its end"),
    )),
)  # fmt: skip
