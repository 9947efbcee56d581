"""Which line is named, and what is one site."""

from __future__ import annotations

from pathlib import Path

from tests.unit.memory.leaks.simulated import FINE, INTERVAL, LEAK, Block, analysed, evenly, every, snapshots

import tocsin
from tocsin.memory.leaks import LeakDetector
from tocsin.memory.leaks.sites import Level
from tocsin.model.memory import Frame, LeakState


def test_a_cache_of_several_lines_is_one_leak() -> None:
    blocks = [block for line in (1, 2, 3) for block in evenly(4 + line, 0.0, 100.0, stack=line)]

    (site,) = analysed(snapshots(blocks, every(1.0, 100.0))).potential_leaks

    assert (site.file, site.line, site.function) == (LEAK, 3, "function_0")
    assert site.samples == 18
    assert set(site.stack_numbers) == {1, 2, 3}


def test_it_is_still_one_leak_when_each_line_is_large_enough() -> None:
    blocks = [block for line in (1, 2, 3) for block in evenly(20 * line, 0.0, 100.0, stack=line)]

    (site,) = analysed(snapshots(blocks, every(1.0, 100.0))).potential_leaks

    assert site.line == 3
    assert site.samples == 120


def test_of_several_functions_the_line_of_their_caller_is_named() -> None:
    def places(stack: int) -> tuple[Frame, ...]:
        return (Frame(LEAK, stack, f"part_{stack}"), Frame("/app/main.py", 9, "remember"))

    blocks = [block for line in (1, 2, 3) for block in evenly(6, 0.0, 100.0, stack=line)]

    (site,) = analysed(snapshots(blocks, every(1.0, 100.0), places)).potential_leaks

    assert (site.file, site.line, site.function) == ("/app/main.py", 9, "remember")
    assert site.samples == 18


def test_a_line_that_becomes_large_has_not_died_in_its_function() -> None:
    detector = LeakDetector()
    blocks = [block for line, count in ((1, 10), (2, 10), (3, 30)) for block in evenly(count, 0.0, 100.0, stack=line)]
    for snapshot in snapshots(blocks, every(1.0, 100.0)):
        detector.observe(snapshot)

    (history,) = [history for group, history in detector._tracked.items() if group.level is Level.FUNCTION]
    assert history.samples == 20
    assert history.died_since(0.0, at_age_s=0.0) == 0


def test_batches_of_a_line_are_not_taken_for_a_leak_of_its_callers() -> None:
    one = [*evenly(8, 0.0, 14.0), *evenly(3, 14.0, 24.0), *evenly(5, 24.0, 30.0)]
    batches = [Block(105, 30.0 * at + block.born_s, 30.0 * (at + 1)) for at in range(6) for block in one]
    others = [block for line in (111, 115) for block in evenly(1, 0.0, 1.0, stack=line)]

    def places(stack: int) -> tuple[Frame, ...]:
        return (Frame(FINE, stack, f"part_{stack}"), Frame("/app/main.py", 9, "serve"))

    detector, leaks = LeakDetector(), set()
    for snapshot in snapshots(batches + others, every(1.0, 180.0), places):
        detector.observe(snapshot)
        if snapshot.at_s > 90.0:
            leaks |= {site.line for site in detector.analyze().potential_leaks}

    assert leaks == set()


def test_lines_of_a_module_are_not_one_leak() -> None:
    def places(stack: int) -> tuple[Frame, ...]:
        return (Frame("/app/script.py", stack, "<module>"),)

    blocks = evenly(50, 0.0, 100.0, stack=1) + evenly(40, 0.0, 100.0, stack=2)

    analysis = analysed(snapshots(blocks, every(1.0, 100.0), places))

    assert [site.line for site in analysis.potential_leaks] == [1, 2]


def test_the_line_of_the_user_is_named_and_not_that_of_the_library() -> None:
    def places(_stack: int) -> tuple[Frame, ...]:
        return (Frame("/venv/lib/python3.11/site-packages/pydantic/main.py", 175, "__init__"), Frame(LEAK, 12, "read"))

    (site,) = analysed(snapshots(evenly(50, 0.0, 100.0), every(1.0, 100.0), places)).potential_leaks

    assert (site.file, site.line) == (LEAK, 12)
    assert site.stack[0].line == 175


def test_what_tocsin_itself_holds_is_no_leak_of_who_calls_it() -> None:
    ours = Frame(str(Path(tocsin.__file__).parent / "memory" / "sampling.py"), 3, "read")

    def places(stack: int) -> tuple[Frame, ...]:
        called, calls = (ours, Frame(LEAK, 1, "look")), (Frame(LEAK, 2, "listener"), ours, Frame(LEAK, 3, "main"))
        return called if stack == 1 else calls

    blocks = evenly(50, 0.0, 100.0, stack=1) + evenly(50, 0.0, 100.0, stack=2)

    analysis = analysed(snapshots(blocks, every(1.0, 100.0), places))

    assert [site.line for site in analysis.potential_leaks] == [2]


def test_memory_that_no_python_code_asked_for_has_no_line() -> None:
    (site,) = analysed(snapshots(evenly(50, 0.0, 100.0), every(1.0, 100.0), lambda _: ())).potential_leaks

    assert (site.file, site.line, site.stack) == ("", 0, ())


def test_what_counts_in_a_line_and_in_its_function_is_told_of_once() -> None:
    one = evenly(8, 0.0, 50.0, stack=1) + evenly(3, 50.0, 100.0, stack=1)
    blocks = one + evenly(3, 0.0, 100.0, stack=2)

    (site,) = analysed(snapshots(blocks, every(1.0, 100.0))).sites

    assert site.samples == 14
    assert sorted(site.stack_numbers) == [1, 2]
    assert site.live_bytes == 14 * INTERVAL


def test_a_caller_that_is_confirmed_is_not_hidden_by_a_line_that_is_only_suspected() -> None:
    def places(stack: int) -> tuple[Frame, ...]:
        return (Frame(LEAK, stack, f"part_{stack}"), Frame("/app/main.py", 9, "remember"))

    blocks = evenly(8, 0.0, 100.0, stack=1) + evenly(5, 0.0, 100.0, stack=2)

    (site,) = analysed(snapshots(blocks, every(1.0, 100.0), places)).sites

    assert site.state is LeakState.CONFIRMED
    assert site.samples == 13


def test_an_object_and_its_parts_are_one_leak_of_the_line_that_makes_it() -> None:
    def places(stack: int) -> tuple[Frame, ...]:
        makes = Frame("/app/main.py", 9, "serve")
        return (makes,) if stack == 1 else (Frame(LEAK, stack, "__init__"), makes)

    blocks = [block for line in (1, 2) for block in evenly(6, 0.0, 100.0, stack=line)]

    (site,) = analysed(snapshots(blocks, every(1.0, 100.0), places)).potential_leaks

    assert (site.file, site.line) == ("/app/main.py", 9)
    assert site.samples == 12


def test_a_large_line_beside_a_leak_of_its_function_is_not_named() -> None:
    bounded = [Block(5, block.born_s, block.born_s + 20.0) for block in evenly(100, 0.0, 100.0, stack=5)]
    blocks = bounded + evenly(10, 0.0, 100.0, stack=1) + evenly(4, 0.0, 100.0, stack=2)

    (site,) = analysed(snapshots(blocks, every(1.0, 100.0))).potential_leaks

    assert site.line == 1
    assert site.samples == 14
