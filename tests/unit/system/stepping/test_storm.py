"""Storms of events: memory stays bounded, every event is accounted for, and no storm feeds itself on a whole core."""

from __future__ import annotations

import itertools
import json
import sys
import threading
import time

import pytest
from tests.unit.system.programs import run

from tocsin import AlertConfig, AlertSystem, PerformanceAlert
from tocsin.system.stepping import watching
from tocsin.system.stepping.courtesy import Courtesy
from tocsin.system.stepping.watching import STORM_PAUSE_S

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
    flushed = system.flush(100)
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
    done = run(STORM, kind, timeout_s=240)
    assert (done.code, done.err) == (0, "")
    told = json.loads(done.out)
    assert told["flushed"]
    assert told["offered"] == 1_000_001
    assert told["waiting"] == 0
    assert told["accepted"] + told["coalesced"] + told["dropped"] == 1_000_001
    assert told["said_accepted"] == told["accepted"] + told["coalesced"]
    assert told["accepted"] > 0
    # A queue of 65,536 events with a message each is some ten megabytes; a million would be some hundreds.
    assert told["grew_mb"] < 80.0
    assert told["open"] <= 1009  # a thousand, and the one for each source that gathers what is too much


def test_a_listener_that_answers_each_alert_with_a_new_event_is_slowed_down(monkeypatch: pytest.MonkeyPatch) -> None:
    # As if what may be served at once were spent already: how long that takes depends on the machine.
    monkeypatch.setattr(watching, "Courtesy", lambda: Courtesy(at_once_s=0.0))
    rounds, numbers, enough = 40, itertools.count(), threading.Event()
    bell = AlertSystem(AlertConfig(channels=[], default_rules=False, control=False))

    def answer(_: PerformanceAlert) -> None:
        number = next(numbers)
        if number >= rounds:
            enough.set()
        else:
            bell.emit(f"Answer {number}", "to the alert before")

    bell.alert_changed.connect(answer)
    with bell:
        began_s = time.monotonic()
        bell.emit("The first")
        assert enough.wait(60)
        took_s = time.monotonic() - began_s
    # The second may come at once; before each after that the watch thread pauses.
    assert took_s > (rounds - 2) * STORM_PAUSE_S
