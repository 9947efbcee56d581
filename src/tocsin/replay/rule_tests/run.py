"""Running rule tests: what differed, when, and how it came about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from tocsin.errors import AlertNotFound
from tocsin.model.series_text import parse_series
from tocsin.replay.rule_tests.expect import Difference, compare_alerts, compare_notices, words_of_alert
from tocsin.replay.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from tocsin.model.alert import PerformanceAlert
    from tocsin.model.levels import Verdict
    from tocsin.model.notice import Notice
    from tocsin.replay.rule_tests.read import Expectation, Order, RuleTest
    from tocsin.replay.scene import Stop

# These hold for the readings of their time; the others speak of what follows from them.
_BEFORE: Final = frozenset({"silence", "maintenance"})
_MAX_WAY: Final = 12


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was not as expected.

    Attributes:
        line: of the expectation.
        at_s: when.
        what: `verdicts`, `alerts`, `notices` or `order`.
        missing: what was expected and is not there.
        unexpected: what is there and was not expected.
        way: what was decided until then on the alerts that it speaks of.
    """

    line: int
    at_s: float
    what: str
    missing: list[str]
    unexpected: list[str]
    way: list[str] = []


class Result(NamedTuple):
    """What became of a test."""

    test: RuleTest
    failures: list[Failure]

    @property
    def passed(self) -> bool:
        """Whether all was as expected."""
        return not self.failures


def run_test(test: RuleTest) -> Result:
    """Run one test to its end, or to the first time at which something is not as expected.

    What comes after that would only say the same once more.
    """
    return _Run(test).result()


class _Run:
    def __init__(self, test: RuleTest) -> None:
        self._test = test
        self._scene = Scene(test.config, test.series, every_s=test.every_s, start=test.start)
        # Since the last expectation that spoke of notices.
        self._told: list[Notice] = []

    def result(self) -> Result:
        """Orders and expectations in the order of time."""
        orders = [(order.at_s, order.kind not in _BEFORE, self._give, order) for order in self._test.orders]
        expected = [(one.at_s, 2, self._differences, one) for one in self._test.expectations]
        steps: list[tuple[float, int, Callable[[Any], Iterable[Failure]], Any]] = [*orders, *expected]
        for _, _, do, what in sorted(steps, key=lambda step: step[:2]):
            failures = list(do(what))
            if failures:
                return Result(self._test, failures)
        return Result(self._test, [])

    def _give(self, order: Order) -> Iterator[Failure]:
        scene, fields = self._scene, dict(order.fields)
        matchers = fields.pop("matchers", ())
        if order.kind in _BEFORE:
            scene.go_to(order.at_s)
        else:
            scene.play(order.at_s)
        if order.kind == "silence":
            scene.silence(*matchers, **fields)
        elif order.kind == "maintenance":
            scene.maintain(*matchers, **fields)
        elif order.kind == "event":
            scene.emit(**fields)
        else:
            try:
                scene.acknowledge(**fields)
            except AlertNotFound:
                open_alerts = [words_of_alert(alert) for alert in scene.engine.book.open_alerts()]
                yield Failure(line=order.line, at_s=order.at_s, what="ack", missing=[f"firing {fields['title']}"],
                              unexpected=open_alerts)  # fmt: skip

    def _differences(self, expected: Expectation) -> Iterator[Failure]:
        stop = self._scene.at(expected.at_s)
        self._told += stop.notices
        line, at_s = expected.line, expected.at_s
        if expected.verdicts is not None:
            verdicts = _compare_verdicts(expected.verdicts, stop)
            if verdicts:
                yield Failure(line=line, at_s=at_s, what="verdicts", missing=verdicts.missing,
                              unexpected=verdicts.unexpected)  # fmt: skip
        if expected.alerts is not None:
            alerts = compare_alerts(expected.alerts, stop.alerts)
            if alerts:
                yield self._failure(expected, "alerts", alerts)
        if expected.notices is not None:
            notices = compare_notices(expected.notices, self._told)
            self._told = []
            if notices:
                yield self._failure(expected, "notices", notices)

    def _failure(self, expected: Expectation, what: str, difference: Difference) -> Failure:
        return Failure(
            line=expected.line, at_s=expected.at_s, what=what, missing=difference.missing,
            unexpected=difference.unexpected, way=list(self._way(difference)),
        )  # fmt: skip

    def _way(self, difference: Difference) -> Iterator[str]:
        """What was decided on the alerts that the difference speaks of; of all, if it names none that there was."""
        scene = self._scene
        latest: dict[str, PerformanceAlert] = {change.alert.id: change.alert for change in scene.changes}
        latest |= {alert.id: alert for alert in scene.engine.book.open_alerts()}
        said = " ".join([*difference.missing, *difference.unexpected])
        chosen = [alert for alert in latest.values() if alert.title in said] or list(latest.values())
        steps = [(step.at, alert.title, step) for alert in chosen for step in alert.trace]
        for at, title, step in sorted(steps, key=lambda step: step[:2])[-_MAX_WAY:]:
            yield f"{(at - self._test.start).total_seconds():g}s {title}: {step.what}: {step.why}"


def _compare_verdicts(expected: Mapping[str, Verdict], stop: Stop) -> Difference:
    missing, unexpected = [], []
    for name, verdict in expected.items():
        found = _verdicts_of(name, stop.verdicts)
        if not found or any(one is not verdict for one in found.values()):
            missing.append(f"{name}: {verdict.name.lower()}")
            unexpected += [f"{one}: {is_.name.lower()}" for one, is_ in found.items() if is_ is not verdict]
            unexpected += [] if found else [f"{name}: it watches no series"]
    return Difference(missing, unexpected)


def _verdicts_of(name: str, verdicts: Mapping[str, Verdict]) -> dict[str, Verdict]:
    """Those of a rule on all of its series, or of one that is named with its labels."""
    rule, brace, _ = name.partition("{")
    if not brace:
        return {one: verdict for one, verdict in verdicts.items() if one.partition("{")[0] == rule}
    wanted = dict(parse_series("m" + name[len(rule) :]).labels)
    return {
        one: verdict for one, verdict in verdicts.items()
        if one.partition("{")[0] == rule
        and wanted.items() <= dict(parse_series("m" + one[len(rule) :]).labels).items()
    }  # fmt: skip
