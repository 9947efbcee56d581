"""Kill the workload at random moments: nothing that it acknowledged may be missing afterwards."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from threading import Event

from tests.crash.programs import acknowledged, lost, start

_PAUSE = Event()


def run(n: int, seed: int) -> dict[str, int]:
    """Kill `n` times, each time in the same folder, so that also the file of a killed program is gone on with."""
    rng = random.Random(seed)
    kept: set[str] = set()
    missing: set[str] = set()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "state"
        for _ in range(n):
            acked = _killed(folder, rng, first=len(kept) and max(int(one[1:]) for one in kept) + 1)
            kept |= acked
            missing |= lost(folder, kept)
    return {"kills": n, "acknowledged": len(kept), "lost": len(missing)}


def _killed(folder: Path, rng: random.Random, first: int) -> set[str]:
    program = start(folder, "--first", str(first), "--group", str(rng.choice([1, 1, 16])))
    assert program.stdout is not None
    lines = [program.stdout.readline()]  # it is at work
    _PAUSE.wait(rng.uniform(0.0, 0.05))
    program.kill()
    rest, _ = program.communicate()
    lines += rest.splitlines(keepends=True)
    return acknowledged(lines)
