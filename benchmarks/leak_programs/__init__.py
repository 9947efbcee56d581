"""Small programs that leak, and others that only look so. `python -m benchmarks leaks` runs them.

A program is a generator: it does the work of one tick and yields. Lines that leak end with the words of `MARK`.
The detector was tuned on those of `tuned`. Those of `held_out` were left alone until it had its form; what was changed
after their first run is the smaller part, but they are not unseen any more. Those of `validation` are of other kinds,
and were written before the time to detect was worked on.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

    Program = Callable[[Random, int], Iterator[None]]

MARK = "# leaks"
TUNED = "tuned"
HELD_OUT = "held-out"
VALIDATION = "validation"
PARTS = (TUNED, HELD_OUT, VALIDATION)


@dataclass(frozen=True, slots=True)
class Case:
    """One program.

    Attributes:
        name: of its function.
        part: of the programs: what they are to the detector.
        program: given chance and the number of ticks.
        leaks: whether it does.
        native: whether what it leaks is no memory of Python's.
        begins: the tick from which on it leaks; what is born before belongs to the program.
    """

    name: str
    part: str
    program: Program
    leaks: bool
    native: bool = False
    begins: int = 0

    def lines(self) -> set[tuple[str, int]]:
        """File and number of each line that leaks."""
        module = inspect.getmodule(self.program)
        assert module is not None
        own, begin = inspect.getsourcelines(self.program)
        around, file = inspect.getsourcelines(module)[0], inspect.getsourcefile(module) or ""
        named = {begin + at for at, line in enumerate(own) if line.rstrip().endswith(MARK)}
        # Functions that a program calls say for whom they leak: `# leaks: name`.
        named |= {at + 1 for at, line in enumerate(around) if line.rstrip().endswith(f"{MARK}: {self.name}")}
        return {(file, line) for line in named}


def cases() -> dict[str, Case]:
    """All programs by name."""
    from benchmarks.leak_programs import (
        held_out_fine,
        held_out_leaks,
        tuned_fine,
        tuned_leaks,
        validation_fine,
        validation_leaks,
    )

    found = {}
    for module, part, leaks in (
        (tuned_leaks, TUNED, True),
        (tuned_fine, TUNED, False),
        (held_out_leaks, HELD_OUT, True),
        (held_out_fine, HELD_OUT, False),
        (validation_leaks, VALIDATION, True),
        (validation_fine, VALIDATION, False),
    ):
        for program in module.PROGRAMS:
            name = program.__name__
            begins = getattr(module, "BEGINS", {}).get(name, 0)
            found[name] = Case(name, part, program, leaks, native=name.startswith("native"), begins=begins)
    return found
