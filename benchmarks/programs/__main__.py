"""`python -m benchmarks.programs PROGRAM MODE ROUNDS`: one program under one profiler, in a process of its own.

Prints one JSON object: the CPU seconds of the rounds, and the resident bytes after them. The profiler is on before the
program is imported, as in life. MODE: none, tocsin, tracemalloc, memray, ddtrace.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from tempfile import mkdtemp
from time import process_time
from typing import Any


def _profiler(mode: str) -> AbstractContextManager[Any]:
    if mode == "tocsin":
        from tocsin.memory.hook import load

        module, reason = load()
        assert module is not None, reason
        module.start()
    elif mode == "tracemalloc":
        import tracemalloc

        tracemalloc.start()
    elif mode == "memray":
        import memray

        tracker: AbstractContextManager[Any] = memray.Tracker(Path(mkdtemp(dir=os.environ["SCRATCH"])) / "memray.bin")
        return tracker
    elif mode == "ddtrace":
        from ddtrace.profiling.collector.memalloc import MemoryCollector

        MemoryCollector().start()
    return nullcontext()


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    """As the docstring of the file says."""
    program, mode, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
    with _profiler(mode):
        work = importlib.import_module(f"benchmarks.programs.{program}").work
        work(1)
        began = process_time()
        checked = work(rounds)
        took_s = process_time() - began
        resident = _resident_bytes()
    print(json.dumps({"cpu_s": took_s, "rss_bytes": resident, "checked": checked}))


if __name__ == "__main__":
    main()
