"""Stop a watched program for a while, as a debugger or a suspended machine does, and see that it rings for nothing.

    python scripts/stop_and_go.py              stops it for a minute
    python scripts/stop_and_go.py --for 8

The program has an event loop, a thread that promised a heartbeat, and rules that any of the missed time would breach:
lateness of the loop, of wake-ups and of probes, rates, readings that are missing, a breach that would have lasted long
enough. The exit code is 1 if one rang.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

from tocsin import AlertCategory, AlertConfig, AlertRule, AlertSeverity, AlertSystem

LATE = (
    "tocsin.eventloop.lag", "tocsin.wakeup.delay", "tocsin.sched.delay", "tocsin.gil.wait", "tocsin.gc.pause",
    "tocsin.storage.probe.age", "tocsin.filesystem.probe.age",
)  # fmt: skip
# Lateness that a busy machine may have, and the shortest stop does not.
LATE_S = 4.0
HEARTBEAT_S = 2.5
# A breach that is pending when the program is stopped: the passes before and after take two seconds together.
PENDING_S = 7.5
PASSES = 4


def main() -> int:
    """Run the program, or be it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--for", dest="stop_s", type=float, default=60.0, help="seconds (60)")
    parser.add_argument("--be-the-program", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.be_the_program:
        asyncio.run(program())
        return 0
    rang = stop_and_go(options.stop_s)
    print("\n".join(rang) or f"stopped for {options.stop_s:g} s, and nothing rang")
    return 1 if rang else 0


def stop_and_go(stop_s: float) -> list[str]:
    """Stop the program once it is watched, let it go on for a few passes, and give back what rang."""
    words = [sys.executable, str(Path(__file__).resolve()), "--be-the-program"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:  # noqa: S603 - this very file
        if child.stdin is None or child.stdout is None or child.stdout.readline() != "watched\n":
            return ["the program did not start"]
        try:
            child.send_signal(signal.SIGSTOP)
            threading.Event().wait(stop_s)
            child.send_signal(signal.SIGCONT)
            child.stdin.write("how was it?\n")
            child.stdin.close()
            answer = json.loads(child.stdout.readline())
        finally:
            child.kill()
    if answer["passes"] < PASSES:
        return [f"only {answer['passes']} passes after the stop"]
    return [str(one) for one in answer["rang"]]


async def program() -> None:
    """What is watched: it says when it is, waits to be asked, and answers a few passes later."""
    rang: list[str] = []
    reads: list[None] = []

    def read() -> dict[str, float]:
        reads.append(None)
        return {"passes": float(len(reads))}

    def rule(metric: str, threshold: object, **more: object) -> AlertRule:
        name = f"{metric} {more.get('aggregate', '')}".strip()
        return AlertRule(name, AlertCategory.GENERAL, AlertSeverity.WARNING, threshold, metric=metric, **more)  # type: ignore[arg-type]

    rules = [
        *(rule(metric, f"{LATE_S} s") for metric in LATE),
        rule("process.cpu.utilization", "1000 %"),
        rule("process.memory.usage", "1000 GB", no_data="alert", on_error="alert"),
        rule("process.memory.usage", "1000 MB/s", aggregate="rate"),
        rule("process.cpu.time", 50.0, aggregate="rate"),
        rule("process.uptime", "0 s", condition="less_than"),
        rule("passes", 0, for_s=PENDING_S),
    ]
    bell = AlertSystem(
        AlertConfig(
            check_interval=0.25, rules=rules, default_rules=False, control=False, stuck_after=LATE_S,
            channels=[lambda alert: rang.append(f"{alert.title}: {alert.message}") if not alert.resolved_at else None],
        )
    )  # fmt: skip
    bell.add_sensor(read)
    over = threading.Event()

    def beat() -> None:
        with bell.registered("beating", heartbeat_s=HEARTBEAT_S, must_live=False) as registered:
            while not over.wait(0.2):
                registered.heartbeat()

    with bell:
        bell.watch_loop(asyncio.get_running_loop())
        threading.Thread(target=beat, daemon=True).start()
        await passes(reads, PASSES)
        print("watched", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        done = await passes(reads, PASSES)
        over.set()
        bell.flush(5.0)
    print(json.dumps({"rang": rang, "passes": done}), flush=True)


async def passes(reads: list[None], wanted: int) -> int:
    """Wait for so many more passes. How many there were, in a minute at most."""
    before = len(reads)
    for _ in range(1200):
        if len(reads) - before >= wanted:
            break
        await asyncio.sleep(0.05)
    return len(reads) - before


if __name__ == "__main__":
    sys.exit(main())
