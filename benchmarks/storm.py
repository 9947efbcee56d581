"""A storm that does not end: threads emit as fast as they can, and once a second something critical happens.

What is asked: how long the critical alerts take to the receiver meanwhile; whether every call of `emit` is accounted
for, and every event that was taken is in the journal; and what memory, processor and disk it costs.
"""

from __future__ import annotations

import os
import tempfile
import threading
from pathlib import Path
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any

from benchmarks.delivery import Receiver
from benchmarks.report import Figures, Result

if TYPE_CHECKING:
    import argparse

    from tocsin import AlertSystem

ENOUGH_S = 60.0
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
KINDS = 10_000  # different alerts; more than may be open at a time
SOURCES = 500
URGENT_EVERY_S = 1.0
LOOK_EVERY_S = 5.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How long, and how many emit."""
    parser.add_argument("--seconds", type=float, default=600.0, help="how long (600)")
    parser.add_argument("--threads", type=int, default=2, help="threads that emit without a pause (2)")


def run(args: argparse.Namespace) -> Result:
    """One storm, told to a webhook on the loopback, with a journal."""
    from tocsin import AlertConfig, AlertSystem, WebhookAlertChannel

    with Receiver() as receiver, tempfile.TemporaryDirectory() as name:
        channel = WebhookAlertChannel(receiver.url, allow_private=True)
        config = AlertConfig(state_dir=Path(name), channels=[channel], default_rules=False)
        with AlertSystem(config, sensors=()) as system:
            figures = Storm(system, receiver).blow(args.threads, args.seconds)
        counters = system.counters()
        recorded = _recorded(Path(name))
        judged = counters["events_accepted"] + counters["events_coalesced"]
        figures |= {
            "unaccounted_calls": abs(figures["calls"] - counters["events_offered"])
            + abs(counters["events_offered"] - judged - counters["events_dropped"]),
            "events_not_in_the_journal": abs(judged - recorded),
            "journal_mib": sum(file.stat().st_size for file in Path(name).rglob("*.db*")) / 2**20,
        }
    return Result(
        name="storm",
        ours=figures,
        peers={},
        packages=("urllib3",),
        notes=(
            f"{args.seconds:g} s, {args.threads} threads that emit without a pause, {KINDS:,} different warnings from",
            f"{SOURCES} sources; every second a critical alert, timed from its emit to the webhook.",
        ),
    )


class Storm:
    """Threads that emit, and one that now and then has something urgent to say."""

    def __init__(self, system: AlertSystem, receiver: Receiver) -> None:
        self._system = system
        self._receiver = receiver
        self._over = threading.Event()
        self._calls: list[int] = []
        self._resident: list[int] = []

    def blow(self, threads: int, seconds: float) -> Figures:
        """Let it blow; what was seen."""
        before_mib = _resident_bytes() / 2**20
        emitting = [threading.Thread(target=self._emit, args=(number,)) for number in range(threads)]
        looking = threading.Thread(target=self._look)
        began_s, cpu_s = perf_counter(), process_time()
        for thread in (*emitting, looking):
            thread.start()
        asked = self._call_out(began_s + seconds)
        self._over.set()
        for thread in (*emitting, looking):
            thread.join()
        took_s, cpu_s = perf_counter() - began_s, process_time() - cpu_s
        flushed = self._system.flush(ENOUGH_S)
        seen = self._receiver.seen
        waits_s = sorted(seen.get(title, float("inf")) - at_s for title, at_s in asked.items())
        half = len(self._resident) // 2
        return {
            "calls": sum(self._calls) + len(asked),
            "calls_a_second": sum(self._calls) / took_s,
            "critical_p50_ms": 1e3 * waits_s[len(waits_s) // 2],
            "critical_p99_ms": 1e3 * waits_s[len(waits_s) * 99 // 100],
            "critical_worst_ms": 1e3 * waits_s[-1],
            "criticals_lost": sum(wait_s == float("inf") for wait_s in waits_s),
            "flushed": float(flushed),
            "resident_before_mib": before_mib,
            "resident_first_half_mib": max(self._resident[:half] or [0]) / 2**20,
            "resident_second_half_mib": max(self._resident[half:] or [0]) / 2**20,
            "cores_busy": cpu_s / took_s,
        }

    def _emit(self, number: int) -> None:
        emit, over, calls = self._system.emit, self._over.is_set, 0
        while not over():
            kind = (calls * 7 + number) % KINDS
            emit(f"trouble {kind}", "m", "warning", f"source {kind % SOURCES}")
            calls += 1
        self._calls.append(calls)

    def _call_out(self, until_s: float) -> dict[str, float]:
        asked: dict[str, float] = {}
        while perf_counter() < until_s:
            title = f"bench-urgent-{len(asked)}"
            asked[title] = perf_counter()
            self._system.emit(title, "m", "critical", title)
            self._over.wait(URGENT_EVERY_S)
        return asked

    def _look(self) -> None:
        while not self._over.wait(LOOK_EVERY_S):
            self._resident.append(_resident_bytes())


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * PAGE_BYTES


def _recorded(folder: Path) -> int:
    """Occurrences of all alerts in the journal."""
    from tocsin.system.left.stopped import Stopped

    alerts: list[Any] = [alert for alert, _ in Stopped(folder).whole()]
    return sum(alert.count for alert in alerts)
