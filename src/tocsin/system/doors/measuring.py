"""The direct checks, and the metrics and sensors that a program hands in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable, Mapping

    from tocsin.model.notice import CheckResult
    from tocsin.sensors.timing import Timed
    from tocsin.system.core import SystemCore
    from tocsin.system.doors.checks import DirectChecks
    from tocsin.system.once import Once


class Measuring:
    """What `AlertSystem` offers to whoever measures."""

    _core: SystemCore
    _checks: Once[DirectChecks]

    async def check_cpu_usage(self) -> CheckResult:
        """Measure the machine's CPU now and judge it by the rule `cpu-high`, without its `for`. In percent."""
        return await self._checks().cpu()

    async def check_memory_usage(self) -> CheckResult:
        """Measure memory now, the machine's or a tighter container's, and judge it. In percent."""
        return await self._checks().memory()

    async def check_storage_latency(self) -> CheckResult:
        """Time a small synced write to a nameless temporary file, and judge it. In milliseconds."""
        return await self._checks().storage()

    async def check_buffer_usage(self) -> CheckResult:
        """Judge the fullest of the tracked buffers. In percent."""
        return await self._checks().buffers()

    def record(self, metric: str, value: float, labels: Mapping[str, str] | None = None) -> None:
        """Hand over a reading of the program's own, from any thread. Never blocks or raises; bad ones are counted."""
        self._core.sensing.metrics.record(metric, value, labels)

    def timed(self, name: str) -> Timed:
        """Time a function or a block into the metric `name`, in seconds; decorator and context manager."""
        return self._core.sensing.metrics.timed(name)

    def add_sensor(self, read: Callable[[], Any], *, name: str | None = None) -> None:
        """Call `read` at each pass for readings: a mapping from name to number, or (name, value, labels) triples.

        It runs on the watch thread. If it raises it is set aside alone, and tried again later; `tocsin doctor` and
        `sensor_health()` know it by `name`, by default the function's, with a number where that is taken.
        """
        self._core.sensing.install(read, name)

    def watch_loop(self, loop: AbstractEventLoop, name: str | None = None) -> None:
        """Watch an asyncio event loop by name. Running loops are found without this too, within ten seconds."""
        self._core.sensing.loops.watch_loop(loop, name)
