"""A network of one-way constraints with strengths, planned anew when one changes; in the manner of DeltaBlue."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Variable:
    """A value, who decides it, and who depends on it."""

    __slots__ = ("constraints", "decided_by", "mark", "value")

    def __init__(self, value: int) -> None:
        self.value = value
        self.constraints: list[Constraint] = []
        self.decided_by: Constraint | None = None
        self.mark = 0


class Constraint:
    """Output is a function of the input; the stronger one decides a variable that two want."""

    __slots__ = ("function", "source", "strength", "target")

    def __init__(self, source: Variable, target: Variable, strength: int, function: Callable[[int], int]) -> None:
        self.source = source
        self.target = target
        self.strength = strength
        self.function = function
        source.constraints.append(self)
        if target.decided_by is None or target.decided_by.strength < strength:
            target.decided_by = self

    def execute(self) -> None:
        """Carry the value over."""
        self.target.value = self.function(self.source.value)


class Planner:
    """Finds the order in which constraints are carried out after a change."""

    def __init__(self) -> None:
        self.mark = 0

    def plan(self, changed: Variable) -> list[Constraint]:
        """The constraints downstream of a variable, in order."""
        self.mark += 1
        todo, plan = [changed], []
        while todo:
            variable = todo.pop()
            if variable.mark == self.mark:
                continue
            variable.mark = self.mark
            for constraint in variable.constraints:
                if constraint.target.decided_by is constraint:
                    plan.append(constraint)
                    todo.append(constraint.target)
        return plan

    def change(self, variable: Variable, value: int) -> int:
        """Set a value and let it spread; how many constraints that took."""
        variable.value = value
        plan = self.plan(variable)
        for constraint in plan:
            constraint.execute()
        return len(plan)


def work(rounds: int) -> int:
    """Constraints carried out, and the value at the end of the chain."""
    total = 0
    for _ in range(rounds):
        planner, chain = Planner(), [Variable(0) for _ in range(100)]
        for before, after in pairwise(chain):
            Constraint(before, after, 2, lambda value: value + 1)
            Constraint(before, after, 1, lambda value: value - 1)
        for value in range(10):
            total += planner.change(chain[0], value * 1000) + chain[-1].value
    return total
