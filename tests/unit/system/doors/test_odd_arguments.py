"""Whatever a program hands over, nothing of it comes back as an exception, and what was not taken is counted."""

from __future__ import annotations

import itertools
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin import AlertCategory, AlertRule, AlertSeverity, AlertSystem, PerformanceAlert, Receipt
from tocsin.testing import RecordingChannel, system_for_tests

if TYPE_CHECKING:
    from collections.abc import Iterator

NAN, INF = float("nan"), float("inf")


class BrokenText:
    """Cannot be shown."""

    def __str__(self) -> str:
        raise ValueError("no text")


class BrokenInAllWays:
    """Raises at whatever is asked of it, but for what a test report needs."""

    def __repr__(self) -> str:
        return "BrokenInAllWays()"

    def _raise(self, *_: object) -> NoReturn:
        raise ZeroDivisionError("hands off")

    __str__ = __len__ = __bool__ = __iter__ = __float__ = __int__ = __index__ = _raise
    __eq__ = __ne__ = __lt__ = __hash__ = __getitem__ = __contains__ = _raise


class LiesAboutItsClass:
    @property  # type: ignore[misc]
    def __class__(self) -> NoReturn:  # type: ignore[override]
        raise ZeroDivisionError("hands off")


class HasNoHash(str):
    __slots__ = ()

    def __hash__(self) -> NoReturn:
        raise ZeroDivisionError("hands off")

    def __eq__(self, other: object) -> NoReturn:
        raise ZeroDivisionError("hands off")


def raising() -> Iterator[str]:
    """The first advice, and then an error."""
    yield "first"
    raise OSError("gone")


ODD: list[Any] = [
    None, True, 0, -1, 7, 10**400, NAN, INF, -INF, 1e308, 0.5, 2 + 3j, Decimal(2), Fraction(1, 3), "", "fatal", "\0",
    "\ud800", "x" * 1_000_000, b"bytes", bytearray(b"more"), [], ["unhashable"], {}, {"un": "hashable"}, {1}, (),
    object, object(), BrokenText(), BrokenInAllWays(), HasNoHash("odd"), raising(), itertools.count(),
    AlertCategory.GENERAL, AlertSeverity.CRITICAL, ..., print,
]  # fmt: skip
ODD_IDS = [f"{number}-{type(odd).__name__}" for number, odd in enumerate(ODD)]
EMIT = ["title", "message", "level", "source", "category", "component", "labels", "recommendations"]


def emit(system: AlertSystem, **arguments: Any) -> Receipt:
    return system.emit(**{"title": "Odd", **arguments})


@pytest.fixture(params=["never started", "started"])
def system(request: pytest.FixtureRequest) -> Iterator[AlertSystem]:
    system, _ = system_for_tests()
    if request.param == "started":
        system.start()
    yield system
    assert system.flush(10.0)
    counts = system._core.intake.counts()
    assert counts["waiting"] == 0
    assert counts["offered"] == counts["accepted"] + counts["coalesced"] + counts["dropped"]
    assert system.counters()["passes_failed"] == 0
    assert system.stop(10.0)


# -- emit


@pytest.mark.parametrize("argument", EMIT)
@pytest.mark.parametrize("odd", ODD, ids=ODD_IDS)
def test_an_odd_argument_of_emit_is_taken_or_counted(system: AlertSystem, argument: str, odd: Any) -> None:
    receipts = [emit(system, **{argument: odd}) for _ in range(2)]
    receipts.append(emit(system))  # a plain one in the same batch is not harmed
    assert system.flush(10.0)

    assert receipts[2].accepted
    counts = system._core.intake.counts()
    assert counts["offered"] == 3
    assert counts["dropped"] == sum(not receipt.accepted for receipt in receipts)


@pytest.mark.parametrize("argument", EMIT)
def test_an_object_that_cannot_even_be_asked_for_its_class_is_refused_or_taken(
    system: AlertSystem, argument: str
) -> None:
    receipt = emit(system, **{argument: LiesAboutItsClass()})
    assert system.flush(10.0)
    assert system._core.intake.counts()["dropped"] == (not receipt.accepted)


@pytest.mark.parametrize("odd", ODD, ids=ODD_IDS)
def test_an_odd_argument_of_those_who_wait_for_the_judgement_is_survived(system: AlertSystem, odd: Any) -> None:
    system.emit(odd, odd, odd, odd, durable=True)
    alert = system._emit_alert("Odd", "m", odd, "s")
    assert alert is None or isinstance(alert.severity, AlertSeverity)


@pytest.mark.parametrize(
    "level", ["fatal", "", 7, 0, -1, None, NAN, INF, [], object(), BrokenText(), BrokenInAllWays(), True, 1.5]
)
def test_a_level_that_is_none_is_a_warning_and_counted(system: AlertSystem, level: Any) -> None:
    emit(system, level=level)
    assert system.flush(10.0)
    [alert] = system.open_alerts()
    assert alert.severity is AlertSeverity.WARNING
    assert system.counters()["levels_not_understood"] == 1


@pytest.mark.parametrize(
    ("level", "severity"),
    [("critical", 3), (" Info ", 1), ("WARNING", 2), (3, 3), (1.0, 1)],
)
def test_a_level_is_a_severity_its_number_or_its_name(system: AlertSystem, level: Any, severity: int) -> None:
    emit(system, level=level)
    assert system.flush(10.0)
    [alert] = system.open_alerts()
    assert alert.severity == severity
    assert system.counters()["levels_not_understood"] == 0


@pytest.mark.parametrize("category", ["weather", "", 3, None, BrokenText()])
def test_a_category_that_is_none_is_the_general_one_and_counted(system: AlertSystem, category: Any) -> None:
    emit(system, category=category)
    emit(system, title="right", category="cpu_usage")
    assert system.flush(10.0)
    assert {alert.title: alert.category for alert in system.open_alerts()} == {
        "Odd": AlertCategory.GENERAL, "right": AlertCategory.CPU_USAGE,
    }  # fmt: skip
    assert system.counters()["categories_not_understood"] == 1


def test_a_text_that_is_too_long_is_cut_and_says_so(system: AlertSystem) -> None:
    emit(system, title="t" * 1_000_000, message="m" * 1_000_000, source="s" * 1_000_000, component="c" * 1_000_000)
    assert system.flush(10.0)
    [alert] = system.open_alerts()
    for text in (alert.title, alert.message, alert.source, alert.component):
        assert len(text) <= 2000
        assert text.endswith("…[cut]")


def test_labels_are_bounded_and_advice_too(system: AlertSystem) -> None:
    emit(system, labels={f"{n:03}": "x" * 1000 for n in range(100)}, recommendations=itertools.repeat("Look"))
    assert system.flush(10.0)
    [alert] = system.open_alerts()
    assert len(alert.labels) == 16
    assert max(map(len, alert.labels.values())) <= 200
    assert alert.recommendations == ("Look",) * 20


def test_a_single_text_is_one_advice(system: AlertSystem) -> None:
    emit(system, recommendations="Look at it")
    assert system.flush(10.0)
    assert system.open_alerts()[0].recommendations == ("Look at it",)


def test_what_cannot_be_encoded_reaches_the_channel_in_a_form_that_can(system: AlertSystem) -> None:
    emit(system, title="lone \ud800 surrogate", message="nul \0 and bell \a")
    assert system.flush(10.0)
    [alert] = system.open_alerts()
    assert alert.title.encode() == b"lone ? surrogate"
    assert alert.message == "nul \0 and bell \a"  # how it is shown is for each channel to decide


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.complex_numbers() | st.text() | st.binary()
    | st.builds(BrokenText) | st.builds(BrokenInAllWays) | st.builds(object),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3) | st.tuples(inner, inner),
    max_leaves=6,
)  # fmt: skip


@settings(deadline=None, max_examples=200)
@given(arguments=st.dictionaries(st.sampled_from(EMIT), ANYTHING), again=st.booleans())
def test_whatever_emit_is_given_it_returns_a_receipt_and_all_is_accounted_for(
    arguments: dict[str, Any], again: bool
) -> None:
    channel = RecordingChannel()
    system, _ = system_for_tests(channel)
    receipts = [emit(system, **arguments) for _ in range(2 if again else 1)]
    assert all(isinstance(receipt, Receipt) for receipt in receipts)
    assert system.flush(10.0)
    counts = system._core.intake.counts()
    assert counts["offered"] == len(receipts)
    assert counts["dropped"] == sum(not receipt.accepted for receipt in receipts)
    assert system.counters()["passes_failed"] == 0
    for alert in channel.alerts:
        assert all(type(text) is str for text in (alert.title, alert.message, alert.source, alert.component))
        repr(alert).encode()


# -- record


NO_NUMBERS: list[Any] = [NAN, INF, -INF, None, "5", b"6", 10**400, 1j, [], {}, object(), BrokenInAllWays()]


@pytest.mark.parametrize("value", NO_NUMBERS, ids=[str(n) for n in range(len(NO_NUMBERS))])
def test_a_value_that_is_no_number_is_counted(system: AlertSystem, value: Any) -> None:
    system.record("orders", value)
    assert system.counters()["readings_dropped_not_a_number"] == 1


@pytest.mark.parametrize("value", [0, 1.5, True, Decimal("2.5"), Fraction(1, 2), 1e308])
def test_every_kind_of_number_is_a_reading(value: Any) -> None:
    system, _ = system_for_tests()
    system.record("orders", value)
    system._core.one_pass()
    assert list(system.recent("orders")) == [float(value)]


@settings(deadline=None, max_examples=200)
@given(metric=ANYTHING, value=ANYTHING, labels=st.dictionaries(st.text(), ANYTHING) | ANYTHING)
def test_whatever_record_is_given_a_pass_goes_on(metric: Any, value: Any, labels: Any) -> None:
    system, _ = system_for_tests()
    system.record(metric, value, labels)
    system.record("plain", 1.0)
    system._core.one_pass()
    assert system.recent("plain") == [1.0]


def test_a_hundred_thousand_label_values_are_bounded_and_counted() -> None:
    system, _ = system_for_tests()
    for batch in range(10):
        for number in range(10_000):
            system.record("orders", 1.0, {"customer": f"{batch}-{number}"})
        system._core.one_pass()
    series = [key for key in system.latest() if key.metric == "orders"]
    assert len(series) <= 201
    assert sum(system._core.sensing.metrics.overflowed.values()) == 100_000 - 200
    assert system.counters()["readings_dropped_queue_full"] == 0


def test_what_finds_the_queue_of_readings_full_is_counted() -> None:
    system, _ = system_for_tests()
    for _ in range(20_000):
        system.record("orders", 1.0)
    assert system.counters()["readings_dropped_queue_full"] == 20_000 - 16_384


# -- rules


def test_a_rule_on_a_metric_that_nobody_measures_harms_nobody() -> None:
    channel = RecordingChannel()
    system, clock = system_for_tests(
        channel, rules=[AlertRule("ghost", AlertCategory.GENERAL, AlertSeverity.INFO, 1.0, metric="no.such.metric")]
    )
    with system:
        clock.advance(100)
    assert channel.notices == []
    assert system.counters()["passes_failed"] == 0


def test_an_odd_alert_made_by_hand_has_a_severity() -> None:
    odd: list[Any] = ["fatal", 7, None, NAN, [], BrokenText()]
    assert {PerformanceAlert("t", "m", level).severity for level in odd} == {AlertSeverity.WARNING}
