"""What `import tocsin` costs, beside `import asyncio`; and what a first alert and a start of `watch()` cost.

CPU time of fresh interpreters, all kinds in turn so that noise meets all alike, medians, less a bare start.
"""

from __future__ import annotations

import os
import subprocess
import sys
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.report import Result

if TYPE_CHECKING:
    import argparse

PROGRAMS = {
    "bare": "pass",
    "import tocsin": "import tocsin",
    "import asyncio": "import asyncio",
    "emit": "import tocsin; tocsin.emit('title', 'message')",
    "watch": "import tocsin, os; tocsin.watch(); os._exit(0)",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How many interpreters of each kind."""
    parser.add_argument("--runs", type=int, default=15, help="interpreters of each kind (15)")


def run(args: argparse.Namespace) -> Result:
    """Start them all in turn."""
    spent: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for program in PROGRAMS.values():
        _cpu_ms(program)  # byte code is written once, before anything is counted
    for _ in range(args.runs):
        for name, program in PROGRAMS.items():
            spent[name].append(_cpu_ms(program))
    bare = median(spent["bare"])
    cost = {name: median(times) - bare for name, times in spent.items()}
    return Result(
        name="import",
        ours={
            "import_cpu_ms": cost["import tocsin"],
            "first_emit_cpu_ms": cost["emit"],
            "watch_start_cpu_ms": cost["watch"],
        },
        peers={"asyncio": {"import_cpu_ms": cost["import asyncio"]}},
        packages=("msgspec", "psutil"),
        notes=("first_emit and watch_start hold the import; both load what they use.",),
    )


def _cpu_ms(program: str) -> float:
    import resource

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", program], check=True, stderr=subprocess.DEVNULL, env=os.environ)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime) * 1000.0
