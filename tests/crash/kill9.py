"""Kill the workload at random moments: nothing that it acknowledged may be missing afterwards."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from threading import Event

from tests.crash.programs import acknowledged, lost, start
from tests.crash.system_workload import TOLD

from tocsin.system.lastrun.news import TITLE

_PAUSE = Event()


def run(n: int, seed: int) -> dict[str, int]:
    """Kill `n` times, each time in the same folder, so that also the file of a killed program is gone on with."""
    rng = random.Random(seed)
    kept: set[str] = set()
    missing: set[str] = set()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "state"
        for _ in range(n):
            first = str(len(kept) and max(int(one[1:]) for one in kept) + 1)
            acked = _killed(folder, rng, "--first", first, "--group", str(rng.choice([1, 1, 16])))
            kept |= acked
            missing |= lost(folder, kept)
    return {"kills": n, "acknowledged": len(kept), "lost": len(missing)}


def run_system(n: int, seed: int) -> dict[str, int]:
    """Kill a whole system `n` times; then let it tell what is left.

    Returns: among others, how many acknowledged alerts are not in the journal, how many were told to nobody, and how
        many notices came twice: at most one for each kill, since one send is in flight at a time.
    """
    rng = random.Random(seed)
    kept: set[str] = set()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for _ in range(n):
            first = str(len(kept) and max(int(one[1:]) for one in kept) + 1)
            kept |= _killed(folder, rng, "--first", first, workload="system_workload")
        said, complaint = start(folder, "--until-told", workload="system_workload").communicate()
        assert said == "done\n", (said, complaint)
        missing = lost(folder / "state", kept, named_by="title")
        lines = [line.split(maxsplit=1) for line in (folder / TOLD).read_text().splitlines()]
        told = [(notice, title) for notice, title in lines if title != TITLE]  # that each run ended badly is true
    titles = {title for _, title in told}
    twice = len(told) - len({notice for notice, _ in told})
    return {
        "kills": n, "acknowledged": len(kept), "lost": len(missing), "untold": len(kept - titles),
        "told": len(told), "told_twice": twice, "too_many": max(twice - n, 0),
    }  # fmt: skip


def _killed(folder: Path, rng: random.Random, *options: str, workload: str = "workload") -> set[str]:
    program = start(folder, *options, workload=workload)
    assert program.stdout is not None
    lines = [program.stdout.readline()]  # it is at work
    _PAUSE.wait(rng.uniform(0.0, 0.05))
    program.kill()
    rest, _ = program.communicate()
    lines += rest.splitlines(keepends=True)
    return acknowledged(lines)
