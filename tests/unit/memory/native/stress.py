"""Eight threads that allocate, resize and hand blocks to each other, forks, and starts and stops in between.

stress.py TOGGLES: ends with 0 and prints what was left if nothing broke. The children are checked too. It is run as a
program by the tests, and under valgrind.
"""

from __future__ import annotations

import ctypes
import os
import queue
import random
import sys
import threading
from typing import Any

from tocsin.memory.hook import load

THREADS = 8
FORK_EVERY = 50
_RAW = ctypes.CDLL(None)  # called without the GIL
_RAW.PyMem_RawMalloc.restype = _RAW.PyMem_RawRealloc.restype = ctypes.c_void_p
_RAW.PyMem_RawMalloc.argtypes = [ctypes.c_size_t]
_RAW.PyMem_RawRealloc.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
_RAW.PyMem_RawFree.argtypes = [ctypes.c_void_p]


def churn(rng: random.Random, handed: queue.SimpleQueue[Any], ends: threading.Event) -> None:
    """Allocate in every way until told to end; what one thread makes, another lets go."""
    kept: list[Any] = []
    while not ends.is_set():
        kept.append(bytearray(rng.randrange(1, 3000)))
        kept[-1] += bytes(rng.randrange(1, 2000))
        kept.append({str(number): [number] for number in range(rng.randrange(20))})
        raw = _RAW.PyMem_RawMalloc(rng.randrange(1, 5000))
        raw = _RAW.PyMem_RawRealloc(raw, rng.randrange(1, 9000))
        _RAW.PyMem_RawFree(raw)
        handed.put(kept[-2])
        if len(kept) > 200:
            del kept[:100]
        if handed.qsize() > 500:
            for _ in range(250):
                handed.get()


def look(heap: Any) -> None:
    """Ask everything that can be asked, and check that the answers hang together."""
    heap.mark()
    for row in heap.snapshot():
        frames = heap.frames(row[0])
        assert all(file and line >= 0 and name for file, line, name in frames), frames
        assert row[1] >= 0
        assert len(row[6]) % 16 == 0
    state = heap.state()
    assert state["alive"] <= state["max_samples"]
    assert state["lost"] == 0
    assert heap.arena_bytes() >= 0


def child(heap: Any) -> None:
    """What a forked child does: look, allocate, toggle, look again."""
    try:
        look(heap)
        kept = [bytes(700) for _ in range(500)]
        heap.start(1024.0, max_samples=500)
        kept += [bytes(700) for _ in range(500)]
        assert heap.state()["taken"] > 0
        look(heap)
        heap.stop()
    except BaseException as error:  # noqa: BLE001 - a child must not go on as its parent
        print("child:", repr(error), file=sys.stderr, flush=True)
        os._exit(1)
    os._exit(0)


def main() -> None:
    """As the docstring of the file says."""
    toggles = int(sys.argv[1])
    heap: Any
    heap, reason = load()
    assert heap is not None, reason
    rng, ends = random.Random(7), threading.Event()
    handed: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threads = [threading.Thread(target=churn, args=(random.Random(n), handed, ends)) for n in range(THREADS)]
    sys.setswitchinterval(0.0002)
    for thread in threads:
        thread.start()
    children = 0
    for toggle in range(toggles):
        heap.start(rng.choice([64.0, 4096.0, 131072.0]), max_samples=rng.choice([16, 1000, 65536]))
        if toggle % 10 == 0:
            look(heap)
        if toggle % FORK_EVERY == 0:
            number = os.fork()
            if number == 0:
                child(heap)
            children += 1
            assert os.waitstatus_to_exitcode(os.waitpid(number, 0)[1]) == 0
        if rng.random() < 0.8:
            heap.stop()
    ends.set()
    for thread in threads:
        thread.join()
    heap.start(256.0)
    kept = [bytes(500) for _ in range(5000)]
    assert sum(row[3] for row in heap.snapshot()) > 2000
    del kept
    print(f"{toggles} toggles, {children} children")


if __name__ == "__main__":
    main()
