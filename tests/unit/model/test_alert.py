"""The alert as a value that people make by hand."""

from __future__ import annotations

from datetime import UTC

import msgspec
import pytest

from tocsin import AlertCategory, AlertSeverity, AlertState, PerformanceAlert
from tocsin.model.alert import Evidence
from tocsin.model.levels import read_level


def test_title_message_and_severity_suffice() -> None:
    alert = PerformanceAlert("Leak", "grows", AlertSeverity.CRITICAL)
    assert (alert.title, alert.message, alert.severity, alert.level) == ("Leak", "grows", 3, 3)
    assert alert.category is AlertCategory.GENERAL
    assert alert.id
    assert alert.triggered
    assert not alert.suppressed
    assert alert.started_at.tzinfo is UTC


def test_two_alerts_made_by_hand_have_different_ids() -> None:
    assert PerformanceAlert("a", "m", AlertSeverity.INFO).id != PerformanceAlert("a", "m", AlertSeverity.INFO).id


def test_an_alert_is_frozen_and_its_changes_are_new_values() -> None:
    alert = PerformanceAlert("a", "m", AlertSeverity.INFO, AlertCategory.CPU_USAGE)
    other = alert.with_component("orders").with_recommendations("look", "think").with_recommendations(["act"])  # type: ignore[arg-type]
    assert alert.component == ""
    assert (other.component, other.recommendations) == ("orders", ("look", "think", "act"))
    assert other.category is AlertCategory.CPU_USAGE
    with pytest.raises(AttributeError):
        alert.title = "b"  # type: ignore[misc]


def test_severity_and_category_may_be_given_by_number_and_name() -> None:
    alert = PerformanceAlert("a", "m", 3, "memory_leak")  # type: ignore[arg-type]
    assert alert.severity is AlertSeverity.CRITICAL
    assert alert.category is AlertCategory.MEMORY_LEAK


def test_a_pending_alert_is_not_triggered() -> None:
    assert not PerformanceAlert("a", "m", AlertSeverity.INFO, state=AlertState.PENDING).triggered


def test_evidence_is_bounded_however_it_is_made() -> None:
    long = Evidence("stack", "t" * 500, ("x" * 500, *map(str, range(40))))
    assert len(long.lines) == 20
    assert long.lines[-1] == "… and 22 more"
    assert [len(long.title), len(long.lines[0])] == [200, 200]
    assert long.lines[0].endswith("…[cut]")
    decoded = msgspec.json.decode(msgspec.json.encode({"kind": "k", "title": "t", "lines": ["y"] * 30}), type=Evidence)
    assert len(decoded.lines) == 20
    assert decoded.lines[-1] == "… and 11 more"


def test_evidence_within_its_bounds_is_kept_as_it_is() -> None:
    lines = tuple(map(str, range(20)))
    assert Evidence("stack", "title", lines).lines == lines


@pytest.mark.parametrize(
    ("level", "severity", "understood"),
    [
        (1, 1, True), (2, 2, True), (3, 3, True), (AlertSeverity.INFO, 1, True), ("critical", 3, True),
        (" Info ", 1, True), (2.0, 2, True), (0, 2, False), (4, 2, False), ("fatal", 2, False), (None, 2, False),
        (True, 2, False), (float("nan"), 2, False), ([], 2, False),
    ],
    ids=repr,
)  # fmt: skip
def test_a_level_is_a_severity_its_number_or_its_name_and_anything_else_a_warning(
    level: object, severity: int, understood: bool
) -> None:
    assert read_level(level) == (severity, understood)
