"""Whatever a site does, what is thought of it follows rules."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tocsin.memory.leaks.evenness import LEAST_SAMPLES
from tocsin.memory.leaks.growth import Growth, Trend
from tocsin.memory.leaks.standing import SURE_S, SURE_SAMPLES, SURE_SNAPSHOTS, Standing
from tocsin.model.memory import LeakState

steps = st.lists(
    st.tuples(
        st.sampled_from(Trend),
        st.integers(min_value=LEAST_SAMPLES, max_value=100),
        st.integers(min_value=1, max_value=40),
        st.floats(min_value=0.0, max_value=100.0),
        st.floats(min_value=0.0, max_value=1e9),
    ),
    max_size=30,
)


@given(steps)
def test_a_site_is_confirmed_only_if_it_was_suspected_or_has_many_samples_and_only_while_it_grew_long_enough(
    some: list[tuple[Trend, int, int, float, float]],
) -> None:
    standing = Standing()
    for number, (trend, samples, snapshots, length_s, live_bytes) in enumerate(some):
        growth = Growth(trend=trend, begin_s=0.0, end_s=length_s, samples=samples, snapshots=snapshots)
        before = standing.state
        standing.step(growth, live_bytes, samples=samples, now_s=float(number), observed_s=100.0)

        if standing.state is LeakState.CONFIRMED and before is not LeakState.CONFIRMED:
            assert before is LeakState.SUSPECTED or (before in {None, LeakState.WATCH} and samples >= SURE_SAMPLES)
            assert trend is Trend.GROWS
            assert snapshots >= SURE_SNAPSHOTS
            assert length_s >= SURE_S * (1 - 1e-9)
        if trend in {Trend.STOPPED, Trend.DIES}:
            assert standing.state not in {LeakState.SUSPECTED, LeakState.CONFIRMED}
        if standing.state in {LeakState.BOUNDED, LeakState.RESOLVED}:
            assert before in {LeakState.SUSPECTED, LeakState.CONFIRMED, LeakState.BOUNDED, LeakState.RESOLVED}


@given(steps)
def test_the_same_steps_give_the_same_states(some: list[tuple[Trend, int, int, float, float]]) -> None:
    one, other = Standing(), Standing()
    for number, (trend, samples, snapshots, length_s, live_bytes) in enumerate(some):
        growth = Growth(trend=trend, begin_s=0.0, end_s=length_s, samples=samples, snapshots=snapshots)
        for standing in (one, other):
            standing.step(growth, live_bytes, samples=samples, now_s=float(number), observed_s=100.0)

        assert (one.state, one.since_s) == (other.state, other.since_s)
