"""Readings that come another way than by the monitor: of direct checks, and of reports that the program hands in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.memory_alerts.inline import as_case
from tocsin.model import inputs as given

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tocsin.memory_alerts.finding import Finding
    from tocsin.model.inputs import Input
    from tocsin.model.readings import SeriesKey
    from tocsin.system.core import SystemCore


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
    ids = core.numbers_of(keys)
    known = core.engine.series
    return [given.NewSeries(number, key) for key, number in ids.items() if number not in known], ids
