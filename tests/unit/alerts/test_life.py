"""The pure state machine, and what it promises for every sequence of verdicts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tocsin.alerts.life import UNBORN, Terms, Turn, step
from tocsin.model.levels import AlertState, Verdict

BAD, OK = Verdict.BAD, Verdict.OK
VERDICTS = st.sampled_from(list(Verdict))
HISTORIES = st.lists(st.tuples(VERDICTS, st.floats(0.0, 10.0)), max_size=60)
TERMS = st.builds(Terms, st.sampled_from([0.0, 1.0, 5.0]), st.sampled_from([0.0, 1.0, 5.0]))


def play(history: list[tuple[Verdict, float]], terms: Terms) -> list[tuple[AlertState, Turn]]:
    life, now_s, seen = UNBORN, 0.0, []
    for verdict, pause_s in history:
        now_s += pause_s
        life, turn = step(life, verdict, now_s, terms)
        seen.append((life.state, turn))
    return seen


@given(HISTORIES, TERMS)
def test_nothing_is_resolved_before_it_fired(history: list[tuple[Verdict, float]], terms: Terms) -> None:
    fired = resolved = 0
    for _, turn in play(history, terms):
        fired += turn is Turn.FIRED
        resolved += turn is Turn.RESOLVED
        assert fired - resolved in {0, 1}


@given(HISTORIES, TERMS)
def test_the_same_verdicts_give_the_same_states(history: list[tuple[Verdict, float]], terms: Terms) -> None:
    assert play(history, terms) == play(history, terms)


@given(HISTORIES, TERMS)
def test_missing_data_never_changes_a_state(history: list[tuple[Verdict, float]], terms: Terms) -> None:
    before = AlertState.INACTIVE
    for (verdict, _), (state, turn) in zip(history, play(history, terms), strict=True):
        if verdict in {Verdict.NO_DATA, Verdict.ERROR}:
            assert (state, turn) == (before, Turn.NONE)
        before = state


@given(HISTORIES, TERMS)
def test_it_fires_only_after_enough_seconds_of_breach(history: list[tuple[Verdict, float]], terms: Terms) -> None:
    bad_s, pending = 0.0, False
    for (verdict, pause_s), (state, turn) in zip(history, play(history, terms), strict=True):
        if verdict is BAD and pending:
            bad_s += pause_s
        if turn is Turn.FIRED and terms.for_s:
            assert bad_s >= terms.for_s - 1e-3
        if turn is Turn.PENDING:
            bad_s = 0.0
        pending = state is AlertState.PENDING


def test_ten_tenths_of_a_second_are_a_second() -> None:
    history = [(BAD, 0.1)] * 11
    assert play(history, Terms(for_s=1.0))[-1] == (AlertState.FIRING, Turn.FIRED)


def test_a_recovery_that_breaks_off_begins_anew() -> None:
    turns = [turn for _, turn in play([(BAD, 1.0), (OK, 1.0), (BAD, 1.0), (OK, 1.0), (OK, 2.0)], Terms(0.0, 2.0))]
    assert turns == [Turn.FIRED, Turn.CLEARING, Turn.RELAPSED, Turn.CLEARING, Turn.RESOLVED]
