"""A million events from eight threads: memory stays bounded, and every one of them is accounted for."""

from __future__ import annotations

import json
import sys

import pytest
from tests.unit.system.programs import run

STORM = """
    import json, os, sys, threading, time
    import tocsin

    def resident_mb():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

    told = []
    system = tocsin.AlertSystem(tocsin.AlertConfig(channels=[told.append])).start()
    kind = sys.argv[1]
    per_thread, threads = 125_000, 8
    accepted = [0] * threads

    def emit(number):
        taken = 0
        source = f"thread-{number}"
        for turn in range(per_thread):
            if kind == "unique messages":
                receipt = system.emit("Odd", f"message {number} {turn}", 2, source)
            else:
                receipt = system.emit(f"Odd {number} {turn}", "a title of its own each time", 2, source)
            taken += receipt.accepted
        accepted[number] = taken

    system.emit("Warm", "m", 1, "s")
    assert system.flush(10)
    before_mb, began_s, highest_mb = resident_mb(), time.monotonic(), 0.0
    emitting = [threading.Thread(target=emit, args=(number,)) for number in range(threads)]
    for thread in emitting:
        thread.start()
    for thread in emitting:
        while thread.is_alive():
            highest_mb = max(highest_mb, resident_mb())
            thread.join(0.03)
    emitted_s = time.monotonic() - began_s
    flushed = system.flush(30)
    counts = {name.removeprefix("events_"): count
              for name, count in system.counters().items() if name.startswith("events_")}
    print(json.dumps({
        **counts, "said_accepted": sum(accepted) + 1, "flushed": flushed, "grew_mb": highest_mb - before_mb,
        "grew_mb_at_the_end": resident_mb() - before_mb, "emitted_s": emitted_s, "told": len(told),
        "open": sum(not alert.rule for alert in system.open_alerts()),
    }))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("kind", ["unique messages", "unique titles"])
def test_a_million_events_from_eight_threads_are_bounded_and_all_accounted_for(kind: str) -> None:
    done = run(STORM, kind, timeout_s=120)
    assert (done.code, done.err) == (0, "")
    told = json.loads(done.out)
    assert told["flushed"]
    assert told["offered"] == 1_000_001
    assert told["waiting"] == 0
    assert told["accepted"] + told["coalesced"] + told["dropped"] == 1_000_001
    assert told["said_accepted"] == told["accepted"] + told["coalesced"]
    assert told["accepted"] > 0
    # A queue of 16,384 events with a message each is some megabytes; a million would be some hundreds.
    assert told["grew_mb"] < 80.0
    assert told["open"] <= 1009  # a thousand, and the one for each source that gathers what is too much
