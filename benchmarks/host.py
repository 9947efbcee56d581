"""What watching costs a program: sensors, pings, collections and fifty rules, once a second, against host agents.

A program with an idle asyncio event loop runs with Tocsin and, as a twin, without. CPU and memory are read from the
operating system's account of the whole process; ours is the difference. The peers run beside them, at the same
interval, their children counted. `sh benchmarks/install_peers.sh` installs them.

Ours runs three times: as the budget lists it (`tocsin`), the same without a closer look at a busy machine (`steady`),
and as `tocsin.watch()` does it by default, with journal, heap profiler and learned thresholds (`everything`).
"""

from __future__ import annotations

import compileall
import getpass
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING

import tocsin
from benchmarks.report import Figures, Result

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

RULES = 50
# Whatever starts makes a machine busy, and Tocsin looks closer at a busy machine for a while.
SETTLE_S = 45.0
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

TWIN = """
import asyncio
async def main():
    print("ready", flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""

OURS = """
import asyncio, sys, tocsin

kind, count, state_dir = sys.argv[1], int(sys.argv[2]), sys.argv[3]
never = {"system.cpu.utilization": "100 %", "system.memory.utilization": "100 %", "process.memory.usage": "1000 TB",
         "process.cpu.utilization": "99999 %", "process.thread.count": 1e9}
metrics, aggregates = list(never), ["last", "avg", "p95"]
rules = [
    tocsin.AlertRule(f"rule-{n}", "general", "info", never[metrics[n % 5]], metric=metrics[n % 5], for_s=5.0,
                     window_s=n % 3 * 10.0, aggregate=aggregates[n % 3])
    for n in range(count)
]

async def main():
    if kind == "everything":
        tocsin.watch(tocsin.AlertConfig(rules=rules, state_dir=state_dir))
    else:
        config = tocsin.AlertConfig(
            rules=rules, memory={"enabled": False}, dynamic_thresholds=False, dynamic_interval=kind != "steady"
        )
        kept = tocsin.AlertSystem(config).start()
    print("ready", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""

# The record from which the next run tells how this one ended, by itself: its CPU time and its size.
RECORD = """
import json, sys, time, tocsin
from pathlib import Path
from tocsin.system.lastrun.keeper import EVERY_S

system = tocsin.watch(tocsin.AlertConfig(state_dir=sys.argv[1], control=False))
time.sleep(5.0)
taken = []
for _ in range(20):
    time.sleep(0.5)
    began_s = time.thread_time()
    system._core.last_run._write(system.clock.now())
    taken.append(time.thread_time() - began_s)
size = (Path(sys.argv[1]) / "run.json").stat().st_size
print(json.dumps({"record_cpu_percent": 100.0 * sum(taken) / len(taken) / EVERY_S, "record_kib": size / 1024}))
"""


# How ours is run, and what its figures begin with.
OURS_KINDS = {"tocsin": "", "steady": "steady_", "everything": "everything_"}


@dataclass(frozen=True, slots=True)
class Peer:
    """An agent: how it is started so that it looks once a second, on loopback only."""

    name: str
    argv: tuple[str, ...]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How long."""
    parser.add_argument("--seconds", type=int, default=60, help="seconds that are counted (60)")


def run(args: argparse.Namespace) -> Result:
    """Start all, let them settle, and read the account twice."""
    # As an installed package has them: whatever compiles our modules first keeps some of the memory that it took.
    compileall.compile_dir(Path(tocsin.__file__).parent, quiet=1)
    with tempfile.TemporaryDirectory() as folder:
        started = {kind: _start((sys.executable, "-c", OURS, kind, str(RULES), folder)) for kind in OURS_KINDS}
        started["twin"] = _start((sys.executable, "-c", TWIN))
        peers = _peers(Path(folder))
        started |= {peer.name: _start(peer.argv) for peer in peers}
        try:
            sleep(SETTLE_S)
            before = {name: _cpu_s(process.pid) for name, process in started.items()}
            began_s = monotonic()
            _poll(args.seconds, with_exporter="node_exporter" in started)
            passed_s = monotonic() - began_s
            running = {name: process for name, process in started.items() if process.poll() is None}
            used = {name: (_cpu_s(process.pid) - before[name]) / passed_s for name, process in running.items()}
            memory = {name: _rss_mb(process.pid) for name, process in running.items()}
        finally:
            for process in started.values():
                process.kill()
                process.wait()
    with tempfile.TemporaryDirectory() as folder:
        recorded = subprocess.run(
            (sys.executable, "-c", RECORD, folder), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True
        )
    ours: Figures = {}
    for kind, prefix in OURS_KINDS.items():
        figures = _figures(used[kind] - used["twin"], memory[kind] - memory["twin"])
        ours |= {f"{prefix}{name}": value for name, value in figures.items()}
    return Result(
        name="host",
        ours=ours | json.loads(recorded.stdout),
        peers={name: _peer(name, started, used, memory) for name in PEERS},
        packages=("psutil", "msgspec", "glances"),
        notes=(
            f"{args.seconds} s, one look a second, {RULES} rules and the default ones; ours less a twin with asyncio.",
            "Without a prefix: AlertSystem(config).start() without journal, heap profiler and learned thresholds.",
            "It looks closer while the machine is under pressure, as it is here from the peers; steady_: it does not.",
            "everything_: what tocsin.watch(config) does by default, with all of these, in a new state directory.",
            f"The machine's load (1, 5, 15 minutes): {', '.join(f'{load:.1f}' for load in os.getloadavg())}.",
            "Of an agent all memory is counted; of ours what it adds to the program.",
        ),
    )


def _peer(name: str, started: dict[str, subprocess.Popen[bytes]], used: Figures, memory: Figures) -> Figures | str:
    if name not in started:
        return "not installed; see benchmarks/install_peers.sh"
    return _figures(used[name], memory[name]) if name in used else "it ended by itself"


# As the packages have it, but in a folder of its own: without one that it may write to, it ends at once.
_NETDATA = """
[global]
 run as user = {user}
[db]
 update every = 1
 mode = ram
[directories]
 cache = {folder}
 lib = {folder}
 log = {folder}
[web]
 bind to = 127.0.0.1:19999
[cloud]
 enabled = no
"""

PEERS = ("node_exporter", "netdata", "collectd", "glances")


def _peers(folder: Path) -> list[Peer]:
    """Those that are installed, each at one look a second."""
    found = []
    if exporter := shutil.which("prometheus-node-exporter"):
        found.append(Peer("node_exporter", (exporter, "--web.listen-address=127.0.0.1:19100")))
    if netdata := shutil.which("netdata"):
        config = folder / "netdata.conf"
        config.write_text(_NETDATA.format(folder=folder, user=getpass.getuser()), "utf-8")
        found.append(Peer("netdata", (netdata, "-D", "-c", str(config))))
    if collectd := shutil.which("collectd"):
        config = folder / "collectd.conf"
        plugins = ("cpu", "memory", "swap", "load", "disk", "df", "interface", "processes", "csv")
        loads = "".join(f"LoadPlugin {name}\n" for name in plugins)
        config.write_text(f'Interval 1\n{loads}<Plugin csv>\n DataDir "{folder}"\n</Plugin>\n', "utf-8")
        found.append(Peer("collectd", (collectd, "-f", "-C", str(config), "-P", str(folder / "collectd.pid"))))
    if glances := shutil.which("glances"):
        export = ("--export", "csv", "--export-csv-file", str(folder / "glances.csv"))
        found.append(Peer("glances", (glances, "-q", "-t", "1", *export)))
    return found


def _start(argv: tuple[str, ...]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)


def _poll(seconds: int, *, with_exporter: bool) -> None:
    """Let time pass; an exporter does its work when it is asked."""
    from urllib.request import urlopen

    end_s = monotonic() + seconds
    while (left_s := end_s - monotonic()) > 0:
        if with_exporter:
            urlopen("http://127.0.0.1:19100/metrics", timeout=5).read()
        sleep(min(1.0, left_s))


def _tree(pid: int) -> Iterator[int]:
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text("ascii").split():
            yield from _tree(int(child))


def _cpu_s(pid: int) -> float:
    """CPU seconds of a process and its children, those that have ended included."""
    total = 0
    for one in _tree(pid):
        fields = Path(f"/proc/{one}/stat").read_text("utf-8").rpartition(")")[2].split()
        total += sum(map(int, fields[11:15]))
    return total / TICKS_PER_S


def _rss_mb(pid: int) -> float:
    pages = sum(int(Path(f"/proc/{one}/statm").read_text("ascii").split()[1]) for one in _tree(pid))
    return pages * PAGE_BYTES / 1e6


def _figures(cpu_share: float, rss_mb: float) -> Figures:
    return {"cpu_percent_of_a_core": cpu_share * 100.0, "rss_mb": rss_mb}
