"""The account of a byte budget, whatever is asked of it in whatever order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tocsin.sensors.buffers.budget import Budget, Claim, Mark

if TYPE_CHECKING:
    from collections.abc import Callable

CAPACITY = 100
WARNING, REARM = 80, 75
SIZES = st.integers(0, CAPACITY)


class AnyBudget(RuleBasedStateMachine):
    """Claims come, wait, give up and go; some of their owners are no longer there when they are served."""

    @initialize()
    def begin(self) -> None:
        self.budget = Budget(CAPACITY, [Mark(2, WARNING, REARM)])
        self.granted: list[Claim] = []
        self.waiting: list[Claim] = []
        self.gone: dict[int, Claim] = {}  # kept, or another claim would get the number of one that is no more
        self.rung: list[Claim] = []
        self.high = 0
        self.above = False
        self.crossed = 0

    def ringer(self, place: list[Claim]) -> Callable[[], bool]:
        def ring() -> bool:
            self.rung.append(place[0])
            return id(place[0]) not in self.gone

        return ring

    def serve(self) -> None:
        """The model's own idea of who is to be served now."""
        while self.waiting and self.used() + self.waiting[0].n_bytes <= CAPACITY:
            claim = self.waiting.pop(0)
            self.grant(claim)
            if id(claim) in self.gone:
                self.take_back(claim)

    def used(self) -> int:
        return sum(claim.n_bytes for claim in self.granted)

    def grant(self, claim: Claim) -> None:
        self.granted.append(claim)
        self.high = max(self.high, self.used())
        if self.used() >= WARNING and not self.above:
            self.above = True
            self.crossed += 1

    def take_back(self, claim: Claim) -> None:
        self.granted.remove(claim)
        if self.used() < REARM:
            self.above = False

    @rule(n_bytes=SIZES, may_wait=st.booleans())
    def ask(self, n_bytes: int, may_wait: bool) -> None:
        fits = not self.waiting and self.used() + n_bytes <= CAPACITY
        place: list[Claim] = []
        claim = self.budget.claim(n_bytes, self.ringer(place), wait=may_wait)
        assert (claim is None) == (not fits and not may_wait)
        if claim is None:
            return
        place.append(claim)
        assert claim.granted == fits
        if fits:
            self.grant(claim)
        else:
            self.waiting.append(claim)

    @rule(n_bytes=SIZES)
    def ask_at_once(self, n_bytes: int) -> None:
        fits = not self.waiting and self.used() + n_bytes <= CAPACITY
        claim = self.budget.claim_now(n_bytes)
        assert (claim is not None) == fits
        if claim is not None:
            self.grant(claim)

    @precondition(lambda self: self.granted)
    @rule(data=st.data(), twice=st.booleans())
    def give_back(self, data: st.DataObject, twice: bool) -> None:
        claim = data.draw(st.sampled_from(self.granted))
        self.take_back(claim)
        self.serve_after(lambda: self.budget.give_back(claim))
        if twice:
            self.budget.give_back(claim)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        claim = data.draw(st.sampled_from(self.waiting))
        self.waiting.remove(claim)
        self.serve_after(lambda: self.budget.withdraw(claim))

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        """Its owner goes without a word."""
        claim = data.draw(st.sampled_from(self.waiting))
        self.gone[id(claim)] = claim

    @precondition(lambda self: self.granted)
    @rule(data=st.data())
    def give_back_while_the_lock_is_held(self, data: st.DataObject) -> None:
        claim = data.draw(st.sampled_from(self.granted))
        with self.budget._lock:
            self.budget.give_back(claim)
        self.take_back(claim)
        self.serve_after(self.budget.settle)

    def serve_after(self, act: Callable[[], object]) -> None:
        before = len(self.rung)
        expected = list(self.waiting)
        act()
        self.serve()
        served = [claim for claim in expected if claim not in self.waiting]
        assert self.rung[before:] == served

    @invariant()
    def never_more_is_out_than_there_is(self) -> None:
        if not hasattr(self, "budget"):
            return
        assert self.budget.used == self.used() <= CAPACITY
        assert self.budget.open == len(self.granted)
        assert self.budget.high_water >= self.used()
        assert self.budget.waiting == len(self.waiting)

    @invariant()
    def nobody_waits_who_could_be_served(self) -> None:
        if getattr(self, "waiting", None):
            assert self.used() + self.waiting[0].n_bytes > CAPACITY
            assert not any(claim.granted for claim in self.waiting)

    @invariant()
    def each_crossing_is_noted_once(self) -> None:
        if hasattr(self, "budget") and not self.gone:
            assert len(self.budget.crossings) == min(self.crossed, 100)

    def teardown(self) -> None:
        """All that wait are served when all that have something give it back."""
        if not hasattr(self, "budget"):
            return
        for _ in range(1000):
            if not self.granted:
                break
            claim = self.granted[0]
            self.take_back(claim)
            self.budget.give_back(claim)
            self.serve()
        assert (self.budget.waiting, self.budget.used) == (0, 0)


AnyBudget.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestAnyBudget = AnyBudget.TestCase
