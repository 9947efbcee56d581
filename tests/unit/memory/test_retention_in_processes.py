"""What holds a block, in programs of their own: from real samples, on large heaps, under threads that interfere."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

pytest.importorskip("tocsin.memory._heap", reason="the C extension was not built")


def run(program: str) -> str:
    """Run a program of its own, where every block is sampled from the start."""
    begin = "from tocsin.memory import _heap\nfrom tocsin.memory.retention import find_holders\n"
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", begin + textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


BUFFERS = {
    "bytearray(5000)": "bytearray[len 5,000]",
    "[None] * 900": "list[len 900]",
    "{i: i for i in range(300)}": "dict[len 300]",
    "{*range(900)}": "set[len 900]",
    "collections.deque(range(3000))": "collections.deque[len 3,000]",
    "array.array('d', bytes(8000))": "array.array",
}


@pytest.mark.parametrize("make", BUFFERS)
def test_the_owner_of_a_block_is_found_from_real_samples(make: str) -> None:
    out = run(
        f"""
import array, collections
KEPT = []
_heap.start(interval=1.0)
for number in range(20):
    KEPT.append({make})
_heap.stop()
stacks = [row[0] for row in _heap.snapshot()]
blocks = {{stack: [block[0] for block in _heap.survivors(stack, 9999) if block[1] > 500] for stack in stacks}}
for one in find_holders(blocks, budget_s=60.0).values():
    print(one.share, one)
"""
    )
    assert f"1.0 {BUFFERS[make]} ← list[len 20] ← global __main__.KEPT" in out.splitlines(), out


def test_survivors_are_taken_evenly_over_their_ages() -> None:
    out = run(
        """
from tocsin.memory.retention import survivors_of
KEPT = []
_heap.start(interval=1.0)
def keep():
    KEPT.append(bytes(600))
for number in range(90):
    keep()
    if number % 10 == 9:
        _heap.mark()
_heap.stop()
stack = max(_heap.snapshot(), key=lambda row: row[1])[0]
addresses = survivors_of([stack], most=9)
print(*[next(at for at, one in enumerate(KEPT) if id(one) == address) // 10 for address in addresses])
print(*[len(survivors_of([stack], most=most)) for most in (32, 1000, 0)], survivors_of([]))
print(find_holders({1: addresses}, budget_s=60.0)[1])
"""
    )
    assert out.splitlines() == ["0 1 2 3 4 5 6 7 8", "32 90 0 []", "list[len 90] ← global __main__.KEPT"]


def test_the_blocks_of_plain_instances_are_found_from_real_samples() -> None:
    out = run(
        """
class Point:
    def __init__(self):
        self.x = self.y = 0.5
KEPT = []
_heap.start(interval=1.0)
for number in range(20):
    KEPT.append(Point())
_heap.stop()
stacks = [row[0] for row in _heap.snapshot()]
blocks = {stack: [block[0] for block in _heap.survivors(stack, 9999)] for stack in stacks}
for one in find_holders(blocks, budget_s=60.0).values():
    print(one.share, one)
"""
    )
    assert any("1.0 " in line and line.endswith("list[len 20] ← global __main__.KEPT") for line in out.splitlines()), (
        out
    )


# How long the program stands, measured in processes of their own, whose heaps are large.

HEAP = """
import gc, threading, time
gc.disable()
STORE = {}
for number in range(300_000):
    STORE[number] = [number, [number]]
asked = [id(STORE[number][1]) for number in range(0, 300_000, 10_000)]
"""


@pytest.mark.parametrize(
    "make",
    [
        "[None] * 6_000_000",
        "dict.fromkeys(range(2_000_000))",
        "set(range(2_000_000))",
        "collections.deque([None]) * 4_000_000",
        "[[number] for number in range(600_000)]",
    ],
)
def test_neither_one_large_container_nor_many_objects_are_looked_at_in_one_slice(make: str) -> None:
    """In CPU time, which a busy machine does not lengthen."""
    out = run(
        """
import collections, time
LARGE = MAKE
asked = [id(object())]
def slices(seconds):
    search, spent, over = _heap.holders(asked, {}), [], False
    while not over:
        before = time.thread_time()
        over = search.step(seconds)
        spent.append(time.thread_time() - before)
    return spent
whole = sum(slices(1e9))
some = slices(0.001)
print(len(slices(1e9)), max(some) / whole)
""".replace("MAKE", make)
    )
    count, share = map(float, out.split())
    assert count == 1.0
    assert share < 0.5


def test_another_thread_stands_for_a_slice_and_not_for_the_whole_search() -> None:
    out = run(
        HEAP
        + """
from statistics import median
def stops(slice_s):
    over, gaps = threading.Event(), []
    def watch():
        before = time.perf_counter()
        while not over.is_set():
            now = time.perf_counter()
            if now - before > 0.001:
                gaps.append(now - before)
            before = now
    thread = threading.Thread(target=watch)
    thread.start()
    found = find_holders({1: asked}, slice_s=slice_s, budget_s=60.0, pause=lambda _: time.sleep(0.003))
    over.set()
    thread.join()
    assert str(found[1]).endswith("global __main__.STORE"), found
    return gaps or [0.0]
whole = median(max(stops(1e3)) for _ in range(3))
print(median(median(stops(0.002)) for _ in range(3)) / whole)
"""
    )
    assert float(out) < 0.5


def test_threads_that_change_everything_meanwhile_do_no_harm() -> None:
    out = run(
        """
import gc, random, sys, threading, time
sys.setswitchinterval(0.0001)
_heap.start(interval=4096.0)
over, KEPT = threading.Event(), {}
class Node:
    def __init__(self, up=None):
        self.up, self.below = up, []
def churn(seed):
    rng = random.Random(seed)
    rows, table, names = [], {}, set()
    while not over.wait(0.0002):
        count = rng.randrange(1, 6000)
        rows.extend([number] for number in range(count))
        del rows[: len(rows) // 2]
        table.update({number: bytes(9) for number in range(count)})
        table.pop(rng.choice(list(table)))
        names ^= set(range(count))
        node = Node()
        node.below.append(Node(node))
        KEPT[seed, rng.randrange(9)] = type("Made", (Node,), {"rows": [count]})(node)
        KEPT[seed, rng.randrange(9)] = tuple(Node() for _ in range(count // 10))
        if not table or rng.random() < 0.1:
            table = {}
            gc.collect(rng.randrange(3))
threads = [threading.Thread(target=churn, args=(seed,)) for seed in range(3)]
for thread in threads:
    thread.start()
answers = {}
for turn in range(12):
    blocks = {row[0]: [block[0] for block in _heap.survivors(row[0], 8)] for row in _heap.snapshot()[:40]}
    answers = find_holders(blocks, slice_s=(0.0005, 0.003)[turn % 2], budget_s=0.4)
over.set()
for thread in threads:
    thread.join()
print(sum(bool(one.chain) for one in answers.values()) > 0)
"""
    )
    assert out == "True"


def test_objects_that_were_frozen_are_looked_at_too() -> None:
    out = run(
        """
import gc
KEPT = [[number] for number in range(100)]
gc.freeze()
print(find_holders({1: [id(KEPT[5])]}, budget_s=60.0)[1])
"""
    )
    assert out == "list[len 100] ← global __main__.KEPT"
