"""Actions: what a rule does once an episode besides telling, as texts that are read when the rule is made."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

import msgspec

from tocsin.model.readings import Labels
from tocsin.model.units import SECONDS, parse_quantity

MAX_ACTIONS: Final = 8
MIN_STACKS_S: Final = 0.1
MAX_STACKS_S: Final = 60.0
DEFAULT_STACKS_S: Final = 10.0
_FUNCTION: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+")
_FORMS: Final = "heap_snapshot, stacks:10s, call:module.function or run:./command args"


class ActionKind(StrEnum):
    """What an action does."""

    HEAP_SNAPSHOT = "heap_snapshot"
    STACKS = "stacks"
    CALL = "call"
    RUN = "run"


class Action(msgspec.Struct, frozen=True):
    """An action, as its text says it.

    Attributes:
        kind: what it does.
        seconds: of `stacks`: for how long the threads are looked at.
        function: of `call`: module and function, with dots between.
        argv: of `run`: the program and its arguments; there is no shell.
    """

    kind: ActionKind
    seconds: float = 0.0
    function: str = ""
    argv: tuple[str, ...] = ()

    @property
    def captures(self) -> bool:
        """Whether it makes an artifact."""
        return self.kind in {ActionKind.HEAP_SNAPSHOT, ActionKind.STACKS}


def parse_action(text: str) -> Action:
    """Read an action.

    Raises: ValueError: saying what was expected.
    """
    word, colon, rest = text.strip().partition(":")
    rest = rest.strip()
    match word:
        case ActionKind.HEAP_SNAPSHOT if not colon:
            return Action(ActionKind.HEAP_SNAPSHOT)
        case ActionKind.STACKS if not colon:
            return Action(ActionKind.STACKS, DEFAULT_STACKS_S)
        case ActionKind.STACKS:
            return Action(ActionKind.STACKS, _seconds(rest))
        case ActionKind.CALL if colon:
            if not _FUNCTION.fullmatch(rest):
                raise ValueError("call: and a function by its module, as in call:app.alarms.on_alert")
            return Action(ActionKind.CALL, function=rest)
        case ActionKind.RUN if colon:
            return Action(ActionKind.RUN, argv=_argv(rest))
    raise ValueError(f"one of {_FORMS}")


def _seconds(text: str) -> float:
    expected = f"stacks: and a time from {MIN_STACKS_S * 1000:g} ms to {MAX_STACKS_S:g} s, as in stacks:10s"
    try:
        value, unit = parse_quantity(text)
    except ValueError:
        raise ValueError(expected) from None
    if unit not in {"", SECONDS} or not MIN_STACKS_S <= value <= MAX_STACKS_S:
        raise ValueError(expected)
    return value


def _argv(text: str) -> tuple[str, ...]:
    import shlex  # noqa: PLC0415 - only for whoever runs a command

    expected = "run: and a command with its arguments, as in run:./drain.sh --fast; there is no shell"
    if "\0" in text:
        raise ValueError(expected)
    try:
        argv = tuple(shlex.split(text))
    except ValueError as error:
        raise ValueError(f"{expected} ({str(error).lower()})") from None
    if not argv or not argv[0]:
        raise ValueError(expected)
    return argv


class ActionLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How often one action of one rule may run.

    Attributes:
        cooldown_s: seconds between two attempts.
        count: runs within the window.
        window_s: seconds of that window, which slides.
    """

    cooldown_s: float = 60.0
    count: int = 10
    window_s: float = 3600.0


class DueAction(msgspec.Struct, frozen=True):
    """The engine says that an action is due; whoever drives it runs it, and hands the outcome in later.

    Attributes:
        alert_id: of the alert.
        rule: that rang.
        action: as the rule has it.
        artifact: under which name what it captures is to be kept; empty where it captures nothing.
        labels: of the series.
    """

    alert_id: str
    rule: str
    action: str
    artifact: str = ""
    labels: Labels = ()


class ActionOutcome(StrEnum):
    """What became of an action that was due."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
