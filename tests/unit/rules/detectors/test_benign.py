"""A small part of `python -m benchmarks benign`: one seed of each kind, and faults in three of them."""

from __future__ import annotations

import pytest
from benchmarks.benign import FAST, Suite, false_alarms, find_faults
from benchmarks.benign_series import DAY_S, KINDS

FIVE_DAYS = Suite(60.0, 5 * DAY_S, DAY_S)


def test_clean_series_ring_no_more_often_than_the_budget_allows() -> None:
    alarms = {kind: false_alarms((kind, 100, FIVE_DAYS)) for kind in KINDS}
    assert sum(alarms.values()) <= 12, alarms  # 6.9 weeks
    assert max(alarms.values()) <= 5, alarms


def test_a_reading_a_second_does_not_ring_more() -> None:
    assert sum(false_alarms((kind, 100, FAST)) for kind in ("gaussian", "daily", "lognormal")) <= 1


@pytest.mark.parametrize("kind", ["daily", "integers"])
def test_faults_among_clean_readings_are_found_and_named(kind: str) -> None:
    found = find_faults((kind, 100))
    assert len(found) >= 5
    assert all(one.found for one in found), found
    assert sum(one.named for one in found) >= len(found) - 1, found
