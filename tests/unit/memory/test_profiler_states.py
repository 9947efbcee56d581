"""Whatever two profilers that share the hook do, each tells the truth of what lives and when it was born."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.unit.memory.scripted_heap import Sample, ScriptedHeap

from tocsin.memory.profiler import MemoryProfiler
from tocsin.model.memory import HeapTier

PLACES = [("/srv/shop/cache.py", line, "remember") for line in (1, 2, 3)]
WHO = st.sampled_from([0, 1])


class TwoProfilers(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.heap = ScriptedHeap()
        self.profilers = [MemoryProfiler(load=self.heap.load), MemoryProfiler(load=self.heap.load)]
        self.now_s = [0.0, 5000.0]  # each lives by a clock of its own
        self.born_s: dict[int, tuple[Sample, list[float]]] = {}

    @rule(place=st.sampled_from(PLACES), n_bytes=st.integers(1, 10**6))
    @precondition(lambda self: self.heap.active)
    def allocate(self, place: tuple[str, int, str], n_bytes: int) -> None:
        sample = self.heap.allocate(place, n_bytes=n_bytes)
        self.born_s[id(sample)] = sample, list(self.now_s)

    @rule(data=st.data())
    @precondition(lambda self: self.heap.samples)
    def free(self, data: st.DataObject) -> None:
        self.heap.free(self.heap.samples[data.draw(st.integers(0, len(self.heap.samples) - 1))])

    @initialize()
    def begin(self) -> None:
        self.profilers[0].start(self.now_s[0])

    @rule(who=WHO)
    def start_or_stop(self, who: int) -> None:
        one = self.profilers[who]
        if one.is_started:
            one.stop()
        else:
            one.start(self.now_s[who])

    @rule(who=WHO, after_s=st.sampled_from([0.5, 0.0, 60.0, 3600.0]))
    def look(self, who: int, after_s: float) -> None:
        self.now_s = [now_s + after_s for now_s in self.now_s]
        seen = self.profilers[who].snapshot(self.now_s[who])
        if not self.profilers[who].is_started:
            assert (seen.tier, seen.stacks) == (HeapTier.RSS_ONLY, ())
            return
        assert seen.live_bytes == sum(sample.live_bytes for sample in self.heap.samples)
        for stack in seen.stacks:
            assert sum(born.samples for born in stack.births) == stack.samples
            assert sum(born.live_bytes for born in stack.births) == stack.live_bytes
            alive = [sample for sample in self.heap.samples if sample.stack == stack.number]
            assert (stack.samples, stack.live_bytes) == (len(alive), sum(sample.live_bytes for sample in alive))
            started_s = seen.started_s
            assert started_s is not None
            for sample in alive:
                # What is older than the profiler is born at its start.
                at_s = max(self.born_s[id(sample)][1][who], started_s)
                assert any(born.from_s <= at_s <= born.to_s for born in stack.births)

    @invariant()
    def the_hook_runs_while_somebody_looks(self) -> None:
        assert self.heap.active == any(one.is_started for one in self.profilers)


TestTwoProfilers = TwoProfilers.TestCase
TestTwoProfilers.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
