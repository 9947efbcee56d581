"""Above the ceilings nothing is begun, and below them nothing is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tocsin.model.action import parse_action
from tocsin.model.readings import SeriesKey
from tocsin.system.acting.ceilings import Ceilings, Limits

if TYPE_CHECKING:
    from pathlib import Path

ACTIONS = ["heap_snapshot", "stacks:1s", "call:app.f", "run:true"]
LIMITS = Limits(max_cpu=0.9, max_memory=0.8, min_free_bytes=1000)


def ceilings(folder: Path | None = None, free: float = 1e12, **readings: float) -> Ceilings:
    latest = {SeriesKey(name.replace("_", ".")): value for name, value in readings.items()}
    return Ceilings(LIMITS, lambda: latest, folder, free_bytes=lambda _: int(free))


@pytest.mark.parametrize("text", ACTIONS)
def test_where_all_is_well_or_nothing_is_known_nothing_is_refused(text: str, tmp_path: Path) -> None:
    assert ceilings().why_not(parse_action(text)) == ""
    well = ceilings(tmp_path, free=1000, system_cpu_utilization=0.9, system_memory_utilization=0.8)
    assert well.why_not(parse_action(text)) == ""
    assert ceilings(system_memory_utilization=float("nan")).why_not(parse_action(text)) == ""


@pytest.mark.parametrize("text", ACTIONS)
@pytest.mark.parametrize(
    "metric", ["system_memory_utilization", "container_memory_utilization", "process_memory_utilization"]
)
def test_where_memory_is_short_nothing_is_begun(text: str, metric: str) -> None:
    why = ceilings(None, 1e12, **{metric: 0.81}).why_not(parse_action(text))
    assert why == f"memory is at 81 % ({metric.replace('_', '.')}), and above 80 % nothing is done"


@pytest.mark.parametrize("metric", ["system_cpu_utilization", "container_cpu_utilization"])
def test_where_the_cpu_is_busy_only_stacks_are_taken(metric: str) -> None:
    busy = ceilings(None, 1e12, **{metric: 0.95})
    refused = [text for text in ACTIONS if busy.why_not(parse_action(text))]
    assert refused == ["heap_snapshot", "call:app.f", "run:true"]


@pytest.mark.parametrize("text", ACTIONS)
def test_where_the_disk_is_full_nothing_is_begun(text: str, tmp_path: Path) -> None:
    full = ceilings(tmp_path / "not" / "yet" / "made", free=999)
    assert full.why_not(parse_action(text)) == "only 999 B are free on the disk, and 1 kB are to stay free"


def test_a_disk_that_does_not_answer_is_a_reason(tmp_path: Path) -> None:
    def broken(_: str) -> int:
        raise OSError(5, "Input/output error")

    found = Ceilings(LIMITS, dict, tmp_path, free_bytes=broken).why_not(parse_action("stacks"))
    assert "the free space of" in found
    assert "Input/output error" in found
