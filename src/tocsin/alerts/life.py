"""The life of an alert: a pure state machine.

    inactive ──bad──► pending ──bad for `for`──► firing ──clear for `keep_firing_for`──► inactive (resolved)
        ▲                │                          │
        └────── ok ──────┘                          └── bad again: stays firing, the clear time starts anew

Time is *active* time: it stands still while nobody looked (a suspend, a stopped process), so a gap is never a breach.
A verdict of `NO_DATA` or `ERROR` holds the state: neither the breach nor the recovery makes progress.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

import msgspec

from tocsin.model.levels import AlertState, Verdict

# Sums of float differences may fall short of the whole by a rounding; a microsecond is nobody's breach.
_ROUNDING_S: Final = 1e-6


class Turn(StrEnum):
    """What happened to an alert in one step."""

    NONE = "none"
    PENDING = "pending"
    FIRED = "fired"
    CALMED = "calmed"  # a pending alert ended without ever firing
    CLEARING = "clearing"
    RELAPSED = "relapsed"
    WORSENED = "worsened"  # it fires, and is now much worse than its threshold
    RESOLVED = "resolved"


class Terms(NamedTuple):
    """How long a breach, and a recovery, must last; seconds."""

    for_s: float = 0.0
    keep_firing_for_s: float = 0.0


class Life(msgspec.Struct, frozen=True):
    """Where an alert stands.

    Attributes:
        state: inactive, pending or firing.
        accrued_s: active seconds of breach while pending, of recovery while clearing.
        last_s: active time of the last step.
        clearing: firing, but the value has gone back to normal.
    """

    state: AlertState = AlertState.INACTIVE
    accrued_s: float = 0.0
    last_s: float = 0.0
    clearing: bool = False


UNBORN: Final = Life()


def step(life: Life, verdict: Verdict, now_s: float, terms: Terms) -> tuple[Life, Turn]:
    """Live through one verdict.

    Args:
        life: the state before.
        verdict: OK, BAD, or one that holds.
        now_s: active seconds, not before `life.last_s`.
        terms: the rule's durations.
    Returns: the state after, and what happened.
    """
    if life.state is AlertState.INACTIVE:
        return _begin(now_s, terms) if verdict is Verdict.BAD else (life, Turn.NONE)
    if verdict is not Verdict.BAD and verdict is not Verdict.OK:
        return msgspec.structs.replace(life, last_s=now_s), Turn.NONE
    if life.state is AlertState.PENDING:
        return _pend(life, verdict, now_s, terms)
    return _burn(life, verdict, now_s, terms)


def _begin(now_s: float, terms: Terms) -> tuple[Life, Turn]:
    if terms.for_s <= 0:
        return Life(AlertState.FIRING, 0.0, now_s), Turn.FIRED
    return Life(AlertState.PENDING, 0.0, now_s), Turn.PENDING


def _pend(life: Life, verdict: Verdict, now_s: float, terms: Terms) -> tuple[Life, Turn]:
    if verdict is Verdict.OK:
        return UNBORN, Turn.CALMED
    accrued_s = life.accrued_s + (now_s - life.last_s)
    if accrued_s + _ROUNDING_S >= terms.for_s:
        return Life(AlertState.FIRING, 0.0, now_s), Turn.FIRED
    return Life(AlertState.PENDING, accrued_s, now_s), Turn.NONE


def _burn(life: Life, verdict: Verdict, now_s: float, terms: Terms) -> tuple[Life, Turn]:
    if verdict is Verdict.BAD:
        return Life(AlertState.FIRING, 0.0, now_s), Turn.RELAPSED if life.clearing else Turn.NONE
    if terms.keep_firing_for_s <= 0:
        return UNBORN, Turn.RESOLVED
    if not life.clearing:
        return Life(AlertState.FIRING, 0.0, now_s, clearing=True), Turn.CLEARING
    accrued_s = life.accrued_s + (now_s - life.last_s)
    if accrued_s + _ROUNDING_S >= terms.keep_firing_for_s:
        return UNBORN, Turn.RESOLVED
    return Life(AlertState.FIRING, accrued_s, now_s, clearing=True), Turn.NONE
