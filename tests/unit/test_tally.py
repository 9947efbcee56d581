"""Counts that any thread may raise."""

from __future__ import annotations

import sys
import threading

from tocsin.tally import Tally


def test_a_count_starts_at_nothing_and_reading_does_not_change_it() -> None:
    tally = Tally()
    assert [tally.value(), tally.value()] == [0, 0]
    tally.add()
    tally.add()
    assert [tally.value(), tally.value(), tally.value()] == [2, 2, 2]


def test_eight_threads_lose_no_count_while_others_read_it() -> None:
    tally, over = Tally(), threading.Event()
    reads: list[int] = []

    def count() -> None:
        for _ in range(50_000):
            tally.add()

    def read() -> None:
        while not over.is_set():
            reads.append(tally.value())

    before_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # the threads come between each other as often as can be
    try:
        threads = [threading.Thread(target=count) for _ in range(8)]
        reader = threading.Thread(target=read)
        for thread in (reader, *threads):
            thread.start()
        for thread in threads:
            thread.join(30)
        over.set()
        reader.join(30)
    finally:
        sys.setswitchinterval(before_s)

    assert tally.value() == 400_000
    assert all(0 <= seen <= 400_000 for seen in reads)
    assert reads == sorted(reads)
