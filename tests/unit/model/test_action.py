"""Actions as texts: read when the rule is made, and refused with what was expected."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.errors import ConfigError
from tocsin.model.action import Action, ActionKind, parse_action
from tocsin.model.levels import AlertCategory, AlertSeverity
from tocsin.model.rule import AlertRule


def rule(*actions: object) -> AlertRule:
    return AlertRule("r", AlertCategory.CPU_USAGE, AlertSeverity.WARNING, 85, actions=actions)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("heap_snapshot", Action(ActionKind.HEAP_SNAPSHOT)),
        ("stacks", Action(ActionKind.STACKS, 10.0)),
        ("stacks:500 ms", Action(ActionKind.STACKS, 0.5)),
        ("stacks: 1 min", Action(ActionKind.STACKS, 60.0)),
        ("call:app.on_alert", Action(ActionKind.CALL, function="app.on_alert")),
        ("call:app.parts.Bell.ring", Action(ActionKind.CALL, function="app.parts.Bell.ring")),
        ("run:./drain.sh", Action(ActionKind.RUN, argv=("./drain.sh",))),
        ("run: /bin/echo 'two words' --n=1", Action(ActionKind.RUN, argv=("/bin/echo", "two words", "--n=1"))),
    ],
)
def test_an_action_is_read(text: str, action: Action) -> None:
    assert parse_action(text) == action
    assert parse_action(f" {text} ") == action
    assert action.captures == (action.kind in {"heap_snapshot", "stacks"})
    assert rule(text).actions == (text,)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "one of heap_snapshot, stacks:10s, call:module.function or run:./command args"),
        ("heap-snapshot", "one of heap_snapshot"),
        ("heap_snapshot:now", "one of heap_snapshot"),
        ("call", "one of heap_snapshot"),
        ("run", "one of heap_snapshot"),
        ("eval:1+1", "one of heap_snapshot"),
        ("stacks:", "a time from 100 ms to 60 s"),
        ("stacks:90s", "a time from 100 ms to 60 s"),
        ("stacks:nan", "a time from 100 ms to 60 s"),
        ("stacks:5 MB", "a time from 100 ms to 60 s"),
        ("call:on_alert", "a function by its module"),
        ("call:app.on_alert()", "a function by its module"),
        ("call:app;import os.x", "a function by its module"),
        ("call:.app.f", "a function by its module"),
        ("run:", "a command with its arguments"),
        ("run:''", "a command with its arguments"),
        ("run:./drain.sh 'x", "no closing quotation"),
        ("run:./drain\0.sh", "a command with its arguments"),
    ],
)
def test_what_is_no_action_is_refused_with_what_was_expected(text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        rule("stacks:2s", text)
    [problem] = caught.value.problems
    assert (problem.key, problem.found) == ("actions", repr(text))
    assert expected in problem.expected


@pytest.mark.parametrize(
    "found", [5, [5], [None], ["stacks", "stacks"], ["stacks"] * 9, [f"stacks:{n}s" for n in range(1, 10)]]
)
def test_a_list_that_is_none_is_refused(found: object) -> None:
    with pytest.raises(ConfigError, match="actions"):
        AlertRule("r", AlertCategory.CPU_USAGE, AlertSeverity.WARNING, 85, actions=found)  # type: ignore[arg-type]


def test_one_text_is_one_action() -> None:
    one = AlertRule("r", AlertCategory.CPU_USAGE, AlertSeverity.WARNING, 85, actions="stacks")  # type: ignore[arg-type]
    assert one.actions == ("stacks",)


@given(st.text())
def test_any_text_is_an_action_or_refused(text: str) -> None:
    try:
        action = parse_action(text)
    except ValueError as error:
        assert str(error)  # noqa: PT017 - what is raised is the claim
    else:
        assert action.kind in ActionKind
