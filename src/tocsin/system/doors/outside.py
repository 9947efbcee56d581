"""Readings that come another way than by the monitor: of direct checks, and of reports that the program hands in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.clock import SystemClock
from tocsin.errors import SampleError
from tocsin.memory_alerts.inline import as_case
from tocsin.model import inputs as given
from tocsin.system.stepping.stepper import ANSWER_WITHIN_S

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tocsin.memory_alerts.finding import Finding
    from tocsin.model.inputs import Input
    from tocsin.model.readings import SeriesKey
    from tocsin.system.core import SystemCore


async def read_sensor(core: SystemCore, name: str) -> dict[SeriesKey, float]:
    """Read one sensor now; empty, if it is absent or fails, or if another one hangs."""
    monitor = core.sensing.monitor
    if not await _may_read(core):
        return {}
    try:
        return monitor.read_sensor(name, core.clock.now())
    except SampleError:
        return {}  # the sensor was set aside, and `tocsin doctor` says why
    finally:
        core.sensing.reading.release()


async def _may_read(core: SystemCore) -> bool:
    """Take the sensors without blocking the caller's event loop. False: somebody reads them for too long."""
    if core.sensing.reading.acquire(blocking=False):
        return True
    import asyncio  # noqa: PLC0415 - whoever awaits has loaded it

    until_s = SystemClock().now().mono_s + ANSWER_WITHIN_S
    while SystemClock().now().mono_s < until_s:
        await asyncio.sleep(0.005)
        if core.sensing.reading.acquire(blocking=False):
            return True
    return False


def sample_of(core: SystemCore, readings: Mapping[SeriesKey, float]) -> tuple[list[Input], list[int]]:
    """The inputs that hand over readings taken aside, and the numbers of their series."""
    new, ids = _numbered(core, readings)
    numbers = list(ids.values())
    return [*new, given.Sample(numbers, list(readings.values()))], numbers


def judge_now(core: SystemCore, findings: Sequence[Finding]) -> list[Input]:
    """The inputs that have findings judged at once."""
    new, ids = _numbered(core, [key for finding in findings for key in finding.readings])
    cases = tuple(as_case(finding, [ids[key] for key in finding.readings]) for finding in findings)
    return [*new, given.JudgeNow(cases)]


def _numbered(core: SystemCore, keys: Iterable[SeriesKey]) -> tuple[list[Input], dict[SeriesKey, int]]:
    ids = core.sensing.numbers_of(keys)
    known = core.engine.series
    return [given.NewSeries(number, key) for key, number in ids.items() if number not in known], ids
