"""The direct checks: read one thing now, judge it without `for`, and answer."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from tocsin.errors import SampleError
from tocsin.model.inputs import Answer, Check
from tocsin.model.notice import CheckResult
from tocsin.model.readings import SeriesKey, is_reading
from tocsin.rules.defaults import BUFFER_RULE, CONTAINER_RULE, CPU_RULE, MEMORY_RULE, PROCESS_MEMORY_RULE, STORAGE_RULE
from tocsin.sensors.storage import ProbeResult, probe_storage
from tocsin.system.doors.outside import read_sensor, sample_of

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping

    from tocsin.clock import Instant
    from tocsin.model.inputs import Input
    from tocsin.system.core import SystemCore

MIN_INTERVAL_S: Final = 0.1
CPU_BASELINE_S: Final = 0.1
PROBE_DEADLINE_S: Final = 10.0
_DISABLED: Final = "TOCSIN_DISABLED is set"

Readings = "Mapping[SeriesKey, float]"


class _Kind(NamedTuple):
    """How one check speaks: its rule, and the unit of its figures."""

    rule: str
    metric: str
    unit: str
    scale: float


_CPU = _Kind(CPU_RULE, "system.cpu.utilization", "%", 100.0)
_MEMORY = _Kind(MEMORY_RULE, "system.memory.utilization", "%", 100.0)
_OWN_MEMORY = _Kind(PROCESS_MEMORY_RULE, "process.memory.utilization", "%", 100.0)
_CONTAINER = _Kind(CONTAINER_RULE, "container.memory.utilization", "%", 100.0)
_STORAGE = _Kind(STORAGE_RULE, "tocsin.storage.probe.duration", "ms", 1000.0)
_BUFFER = _Kind(BUFFER_RULE, "tocsin.buffer.utilization", "%", 100.0)


class DirectChecks:
    """The four checks of a system.

    Args:
        core: whose sensors, engine and clock they use.
    """

    def __init__(self, core: SystemCore) -> None:
        self._core = core
        self._last: dict[str, tuple[float, CheckResult]] = {}
        self._probe = _StorageProbe()

    async def cpu(self) -> CheckResult:
        """CPU of the machine; without a reading to compare with it takes one and waits 100 ms."""
        if self._core.disabled:
            return self._nothing(_CPU, _DISABLED)
        if (repeated := self._repeated(_CPU)) is not None:
            return repeated
        readings = await self._read("host.cpu", _CPU.metric)
        if not readings:
            await self._core.clock.sleep(CPU_BASELINE_S)
            readings = await self._read("host.cpu", _CPU.metric)
        return await self._judge(_CPU, readings, "the CPU could not be measured")

    async def memory(self) -> CheckResult:
        """Memory of the machine, and of the container where one limits the program more tightly."""
        if self._core.disabled:
            return self._nothing(_MEMORY, _DISABLED)
        if (repeated := self._repeated(_MEMORY)) is not None:
            return repeated
        host = await self._judge(
            _MEMORY, await self._read("host.memory", _MEMORY.metric), "memory could not be measured"
        )
        if not host.triggered and (container := await self._read("container", _CONTAINER.metric)):
            return await self._judge(_CONTAINER, container, "memory could not be measured", remember_as=_MEMORY)
        own = await self._read("process", "process.memory.utilization", "process.memory.limit")
        limit = own.pop(SeriesKey("process.memory.limit"), None)
        whole = (await self._read("host.memory", "system.memory.limit")).get(SeriesKey("system.memory.limit"))
        if host.triggered or limit is None or whole is None or limit >= whole:
            return host
        return await self._judge(_OWN_MEMORY, own, "memory could not be measured", remember_as=_MEMORY)

    async def storage(self) -> CheckResult:
        """A small synced write through a temporary file without a name."""
        if self._core.disabled:
            return self._nothing(_STORAGE, _DISABLED)
        if (repeated := self._repeated(_STORAGE)) is not None:
            return repeated
        result = await self._probe.run(PROBE_DEADLINE_S)
        readings = {}
        if result.duration_s is not None:
            readings = {SeriesKey(_STORAGE.metric, (("path", result.path),)): result.duration_s}
        return await self._judge(_STORAGE, readings, result.reason)

    async def buffers(self) -> CheckResult:
        """The fullest of the tracked buffers."""
        if self._core.disabled:
            return self._nothing(_BUFFER, _DISABLED)
        if (repeated := self._repeated(_BUFFER)) is not None:
            return repeated
        readings = {
            SeriesKey(_BUFFER.metric, (("buffer", name),)): usage.utilization
            for name, usage in self._core.sensing.buffers.manager.usage.items()
        }
        return await self._judge(_BUFFER, readings, "no buffers are tracked; see BufferManager.track")

    def _repeated(self, kind: _Kind) -> CheckResult | None:
        """The last answer again, when it is younger than the minimum interval."""
        at_s, result = self._last.get(kind.rule, (float("-inf"), None))
        if result is None or self._core.clock.now().mono_s - at_s >= MIN_INTERVAL_S:
            return None
        return msgspec.structs.replace(result, suppressed=True, reason="interval")

    async def _read(self, sensor: str, *metrics: str) -> dict[SeriesKey, float]:
        readings = await read_sensor(self._core, sensor)
        return {key: value for key, value in readings.items() if key.metric in metrics and is_reading(value)}

    async def _judge(
        self, kind: _Kind, readings: Mapping[SeriesKey, float], nothing: str, *, remember_as: _Kind | None = None
    ) -> CheckResult:
        if not readings:
            result = self._nothing(kind, nothing)
        else:
            answer = await self._core.ask(lambda _: self._inputs(kind, readings))
            result = self._result(kind, answer)
        self._last[(remember_as or kind).rule] = (self._core.clock.now().mono_s, result)
        return result

    def _inputs(self, kind: _Kind, readings: Mapping[SeriesKey, float]) -> list[Input]:
        inputs, ids = sample_of(self._core, readings)
        return [*inputs, Check(kind.rule, ids)]

    def _nothing(self, kind: _Kind, reason: str) -> CheckResult:
        return CheckResult(
            triggered=False, suppressed=False, value=None, threshold=self._static(kind), unit=kind.unit, reason=reason
        )

    def _result(self, kind: _Kind, answer: Answer | None) -> CheckResult:
        if answer is None:
            return self._nothing(kind, "no answer from the watch thread in time")
        if not answer.found:
            return self._nothing(kind, answer.reason)
        threshold = answer.threshold if answer.threshold is not None else 0.0
        return CheckResult(
            triggered=answer.triggered, suppressed=answer.suppressed,
            threshold=_scaled(threshold, kind), unit=kind.unit,
            value=None if answer.value is None else _scaled(answer.value, kind),
            reason=answer.held.value if answer.held is not None else "", alert=answer.alert,
        )  # fmt: skip

    def _static(self, kind: _Kind) -> float:
        rule = next((rule for rule in self._core.rules.values() if rule.name == kind.rule), None)
        return 0.0 if rule is None else _scaled(float(rule.limit), kind)


def _scaled(value: float, kind: _Kind) -> float:
    # 0.29 * 100 is 28.999999999999996; nobody wrote that.
    return round(value * kind.scale, 9)


class _StorageProbe:
    """Runs the probe on a daemon thread, since a disk that hangs must not hang the caller, nor the exit."""

    def __init__(self) -> None:
        self._began: Instant | None = None
        self._thread: threading.Thread | None = None

    async def run(self, deadline_s: float) -> ProbeResult:
        """Probe; after `deadline_s` the age of the outstanding probe is the answer. There is never a second one."""
        import asyncio  # noqa: PLC0415 - whoever awaits has loaded it

        loop = asyncio.get_running_loop()
        if self._thread is not None and self._thread.is_alive():
            return ProbeResult(duration_s=deadline_s, path="", reason="an earlier probe has not come back")
        done: asyncio.Future[ProbeResult] = loop.create_future()

        def probe() -> None:
            result = _probe_or_reason()
            _hand_back(loop, done, result)

        self._thread = threading.Thread(target=probe, name="tocsin-probe", daemon=True)
        self._thread.start()
        try:
            return await asyncio.wait_for(done, deadline_s)
        except TimeoutError:
            return ProbeResult(duration_s=deadline_s, path="", reason="the probe has not come back")


def _probe_or_reason() -> ProbeResult:
    try:
        return probe_storage(None)
    except SampleError as error:
        return ProbeResult(duration_s=None, path="", reason=str(error))


def _hand_back(loop: asyncio.AbstractEventLoop, done: asyncio.Future[ProbeResult], result: ProbeResult) -> None:
    def settle() -> None:
        if not done.done():
            done.set_result(result)

    call: Callable[..., object] = loop.call_soon_threadsafe
    try:
        call(settle)
    except RuntimeError:
        return  # the caller's loop is closed; nobody waits any more
