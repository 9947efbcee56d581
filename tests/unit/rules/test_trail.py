"""The trail of what was expected: bounded, and back to the beginning however long that is ago."""

from __future__ import annotations

from itertools import pairwise

from tocsin.model.anomaly import AnomalyVerdict, Phase, Reason
from tocsin.rules.trail import FIRST_STEP_S, MAX_POINTS, Trail


def verdict(expected: float) -> AnomalyVerdict:
    return AnomalyVerdict(
        score=0.0, expected=expected, low=expected - 1.0, high=expected + 1.0, p_value=1.0, return_period_s=1.0,
        reason=Reason.NONE, phase=Phase.CALIBRATED, alarm=False, abnormal=False,
    )  # fmt: skip


def lived(seconds: int) -> Trail:
    trail = Trail()
    for second in range(seconds):
        if second >= trail.due_s:
            trail.add(float(second), 1000.0 + second, verdict(float(second)))
    return trail


def test_at_first_each_few_seconds_leave_a_point() -> None:
    assert lived(11).points() == [
        (1000.0, 0.0, -1.0, 1.0),
        (1000.0 + FIRST_STEP_S, FIRST_STEP_S, FIRST_STEP_S - 1.0, FIRST_STEP_S + 1.0),
        (1010.0, 10.0, 9.0, 11.0),
    ]


def test_a_day_takes_no_more_room_and_reaches_back_to_its_begin() -> None:
    points = lived(86_400).points()
    assert MAX_POINTS / 2 <= len(points) <= MAX_POINTS
    assert points[0][0] == 1000.0
    gaps = {after[0] - before[0] for before, after in pairwise(points)}
    assert max(gaps) <= 2 * 86_400 / (MAX_POINTS / 2)
    assert all((low, high) == (expected - 1.0, expected + 1.0) for _, expected, low, high in points)
