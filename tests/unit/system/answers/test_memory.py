from __future__ import annotations

import msgspec

from tocsin import AlertConfig, VirtualClock
from tocsin.model.memory import (
    Births,
    Frame,
    HeapSnapshot,
    HeapStack,
    HeapTier,
    LeakAnalysis,
    LeakSite,
    LeakState,
    MemoryReport,
)
from tocsin.system.answers.memory import MAX_LINES, MAX_QUIET_SITES, answers_on_memory, leaks, survivors
from tocsin.system.memory.document import heap
from tocsin.system.memory.room import Look, MemoryRoom

A, B, C = Frame("a.py", 1, "f"), Frame("b.py", 2, "g"), Frame("c.py", 3, "<module>")


def stack(number: int, *frames: Frame, live_bytes: float = 100.0, samples: int = 1) -> HeapStack:
    return HeapStack(number=number, frames=frames, live_bytes=live_bytes, samples=samples)


def snapshot_of(*stacks: HeapStack) -> HeapSnapshot:
    return HeapSnapshot(at_s=1.0, tier=HeapTier.SAMPLING, interval_bytes=1024.0, stacks=stacks, live_bytes=300.0)


def test_frames_are_named_once_and_stacks_hold_their_numbers_the_biggest_first() -> None:
    answer = heap(snapshot_of(stack(1, A, C), stack(2, B, C, live_bytes=200.4, samples=2), stack(3, A, samples=0)))
    assert answer["frames"] == [["b.py", 2, "g"], ["c.py", 3, "<module>"], ["a.py", 1, "f"]]
    assert answer["stacks"] == [
        {"frames": [0, 1], "bytes": 200, "samples": 2},
        {"frames": [2, 1], "bytes": 100, "samples": 1},
    ]
    assert (answer["stacks_left_out"], answer["bytes_left_out"]) == (0, 0)


def test_what_does_not_fit_a_reply_is_left_out_from_the_small_end_and_counted() -> None:
    stacks = [stack(n, Frame(f"ä{n}.py" * 20, n, "f" * 100), live_bytes=1000.0 - n) for n in range(500)]
    answer = heap(snapshot_of(*stacks), max_bytes=20_000)
    kept = len(answer["stacks"])
    assert len(msgspec.json.encode(answer)) < 21_000
    assert 0 < kept < 500
    assert answer["stacks_left_out"] == 500 - kept
    assert answer["bytes_left_out"] == round(sum(1000.0 - n for n in range(kept, 500)))
    assert answer["stacks"][0]["bytes"] == 1000


def test_a_heap_of_a_hundred_thousand_stacks_fits_a_reply() -> None:
    from tocsin.control.line import MAX_REPLY_BYTES

    frames = [Frame(f"/srv/app/module_{n % 97}.py", n, f"Class{n % 31}.method_{n}") for n in range(5000)]
    stacks = [stack(n, *(frames[(n * 7 + k * 13) % 5000] for k in range(30))) for n in range(100_000)]
    answer = heap(snapshot_of(*stacks))
    assert len(msgspec.json.encode(answer)) < MAX_REPLY_BYTES
    assert answer["stacks_left_out"] + len(answer["stacks"]) == 100_000


def test_a_file_name_that_is_no_text_does_not_spoil_the_answer() -> None:
    odd = Frame("/srv/\udcff.py", 1, "f")
    answers = answers_on_memory(a_room(LeakSite(file=odd.file, line=1, stack=(odd,))))
    assert b"/srv/?.py" in msgspec.json.encode(answers["leaks"]())
    assert b"/srv/?.py" in msgspec.json.encode(heap(snapshot_of(stack(1, odd))))


def a_room(*sites: LeakSite) -> MemoryRoom:
    room = MemoryRoom(AlertConfig(), VirtualClock(), wanted=True, limit_bytes=lambda: None)
    analysis = LeakAnalysis(sites=sites, tier=HeapTier.SAMPLING, remarks=("one", "two"))
    room._last = Look(snapshot_of(stack(1, A)), MemoryReport(rss_mb=9.0, remarks=("two", "three")), analysis)
    return room


def test_the_answer_on_leaks_is_plain_and_holds_what_is_accused_and_the_first_of_the_rest() -> None:
    quiet = [LeakSite(file="q.py", line=n) for n in range(MAX_QUIET_SITES + 5)]
    loud = LeakSite(file="l.py", line=1, state=LeakState.BOUNDED, key="k", stack_numbers=(1, 2), stack=(A,))
    answer = leaks(a_room(*quiet, loud))

    answer = msgspec.json.decode(msgspec.json.encode(answer))  # as it comes over the socket
    assert answer["sites"][0] | {"file": "l.py", "state": "bounded"} == answer["sites"][0]
    assert {"key", "stack_numbers"}.isdisjoint(answer["sites"][0])
    assert (len(answer["sites"]), answer["sites_left_out"]) == (MAX_QUIET_SITES + 1, 5)
    assert answer["remarks"] == ["one", "two", "three"]
    assert (answer["tier"], answer["report"]["rss_mb"]) == ("sampling", 9.0)


def test_each_command_has_its_answer() -> None:
    answers = answers_on_memory(a_room())
    assert answers["leaks"]()["sites"] == []
    assert answers["heap"]()["stacks"][0]["bytes"] == 100


def test_survivors_are_summed_by_the_programs_own_line_and_by_when_they_were_born() -> None:
    library = Frame("<frozen importlib._bootstrap>", 7, "exec")
    first = HeapStack(number=1, frames=(A, C), births=(Births(0.0, 2.0, 1, 100.0), Births(2.0, 4.0, 1, 50.0)))
    second = HeapStack(number=2, frames=(library, A, C), births=(Births(2.0, 4.0, 1, 25.0),))
    other = HeapStack(number=3, frames=(B,), births=(Births(4.0, 5.0, 1, 10.0),))
    found = survivors(HeapSnapshot(at_s=6.0, stacks=(other, first, second)))
    assert found == {
        "ago_s": [4.0, 2.0, 1.0],
        "lines": [
            {"name": "a.py:1 in f", "values": [100, 175, 175]},
            {"name": "b.py:2 in g", "values": [0, 0, 10]},
        ],
    }


def test_only_the_lines_that_hold_most_are_drawn_and_a_heap_nobody_saw_has_none() -> None:
    stacks = [
        HeapStack(number=n, frames=(Frame("a.py", n, "f"),), births=(Births(0.0, 1.0, 1, float(n)),)) for n in range(20)
    ]
    lines = survivors(HeapSnapshot(at_s=1.0, stacks=tuple(stacks)))["lines"]
    assert [line["name"] for line in lines] == [f"a.py:{n} in f" for n in range(19, 19 - MAX_LINES, -1)]
    assert survivors(HeapSnapshot(at_s=1.0)) == {"ago_s": [], "lines": []}
