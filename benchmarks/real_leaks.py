"""Two leaks that were in the world: the version that leaks and the one that does not, each in a new environment.

Asks the package index for old versions, so it is run only when asked for. The programs are what a user would write; the
line that counts is theirs, not the library's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.report import Figures, Result

if TYPE_CHECKING:
    import argparse

_OURS = ("msgspec", "psutil")
_MARK = "# leaks"

_HEADERS = """
from multidict import CIMultiDict, MultiDict


def answer():
    headers = MultiDict()
    headers.extend(CIMultiDict({"User-Agent": "x", "Accept": "y"}))  # leaks
    return len(headers)


def work():
    for _ in range(1500):
        answer()
"""

_MODEL = """
from collections.abc import Iterable

from pydantic import BaseModel


class Trace(BaseModel):
    elements: Iterable[int]


def read():
    return Trace(elements=[1, 2, 3])  # leaks


def work():
    for _ in range(1000):
        read()
"""

_WATCH = """

def main():
    import gc
    import json

    import psutil

    from tocsin.memory.leaks import LeakDetector
    from tocsin.memory.profiler import MemoryProfiler

    profiler, detector, detected_s = MemoryProfiler({interval}), LeakDetector(), None
    work()
    profiler.start(0.0)
    before = psutil.Process().memory_info().rss
    for tick in range(1, {ticks} + 1):
        work()
        gc.collect()
        detector.observe(profiler.snapshot(float(tick)), float(tick))
        if detected_s is None and detector.analyze(tick).potential_leaks:
            detected_s = tick
    leaks = detector.analyze(float({ticks})).potential_leaks
    print(json.dumps({{
        "rss_grown_mb": (psutil.Process().memory_info().rss - before) / 1e6,
        "detected_s": detected_s,
        "lines": [site.line for site in leaks],
        "words": [f"program.py:{{site.line}} in {{site.function}}: {{site.reason}}" for site in leaks],
    }}))


main()
"""


@dataclass(frozen=True, slots=True)
class Leak:
    """A package that leaked, and the program that shows it."""

    package: str
    leaking: str
    fixed: str
    program: str


LEAKS = (
    Leak("multidict", "6.3.1", "6.6.3", _HEADERS),
    Leak("pydantic", "2.7.0", "2.8.2", _MODEL),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How long."""
    parser.add_argument("--ticks", type=int, default=60, help="snapshots of a run (60); a tick counts as a second")
    parser.add_argument("--interval", type=float, default=131072.0, help="mean bytes between two samples (131072)")


def run(args: argparse.Namespace) -> Result:
    """Both versions of each."""
    ours: Figures = {}
    peers: dict[str, Figures | str] = {}
    notes = []
    for leak in LEAKS:
        for version in (leak.leaking, leak.fixed):
            name = f"{leak.package}_{version}"
            try:
                found = _run(leak, version, args)
            except subprocess.CalledProcessError as error:
                peers[name] = f"{error.stderr or error}".strip().rpartition("\n")[2]
                continue
            wanted = [at for at, line in enumerate(leak.program.splitlines(), start=1) if line.endswith(_MARK)]
            right = found["lines"] == (wanted if version == leak.leaking else [])
            ours[f"{name}_right"] = float(right)
            ours[f"{name}_rss_grown_mb"] = found["rss_grown_mb"]
            if found["detected_s"] is not None:
                ours[f"{name}_detected_s"] = found["detected_s"]
            notes += [f"{leak.package} {version}: {words}" for words in found["words"] or ["silent"]]
    return Result(name="real-leaks", ours=ours, peers=peers, notes=("", *notes))


def _run(leak: Leak, version: str, args: argparse.Namespace) -> dict[str, Any]:
    source = Path(__file__).parent.parent / "src"
    with tempfile.TemporaryDirectory(prefix="tocsin-leak-") as folder:
        place = Path(folder)
        venv.create(place / "venv", with_pip=True)
        python = str(place / "venv" / "bin" / "python")
        wanted = [f"{leak.package}=={version}", *_OURS]
        _call([python, "-m", "pip", "install", "-qq", "--disable-pip-version-check", *wanted])
        program = place / "program.py"
        program.write_text(leak.program + _WATCH.format(interval=args.interval, ticks=args.ticks), "utf-8")
        found: dict[str, Any] = json.loads(_call([python, str(program)], PYTHONPATH=str(source)))
        return found


def _call(command: list[str], **environment: str) -> str:
    return subprocess.run(
        command, check=True, capture_output=True, text=True, timeout=600, env=os.environ | environment
    ).stdout


if sys.platform == "win32":  # the environments have another layout there, and the hook is not built
    LEAKS = ()
