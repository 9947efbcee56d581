"""How well the heap profiler estimates what lives, on sites whose bytes are known.

Eight lines hold ten million bytes each, in blocks of 100 to 20,000 bytes. In some rounds tracemalloc counts beside us:
it must find what the lines are known to hold. Where numpy is installed, 100 MB of arrays are held as well.
"""

from __future__ import annotations

import math
import statistics
import tracemalloc
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from benchmarks.report import Figures, Result

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

SIZES = (100, 200, 400, 600, 1_000, 3_000, 8_000, 20_000)
SITE_BYTES = 10_000_000
ARRAYS_BYTES = 100_000_000
_HEAD = bytes.__basicsize__


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How often, and how finely."""
    parser.add_argument("--rounds", type=int, default=150, help="rounds; each holds eight sites (150)")
    parser.add_argument("--exact-rounds", type=int, default=2, help="of them with tracemalloc beside us (2)")
    parser.add_argument("--interval", type=float, default=131_072.0, help="mean bytes between samples (131072)")


def run(args: argparse.Namespace) -> Result:
    """All sites, all rounds."""
    from tocsin.memory.hook import load

    heap, reason = load()
    assert heap is not None, reason
    sites = [_site(size) for size in SIZES]
    errors, exact = [], []
    for turn in range(args.rounds):
        found, counted = _round(heap, sites, args.interval, exactly=turn < args.exact_rounds)
        errors.append([one / SITE_BYTES - 1 for one in found])
        exact += [one / SITE_BYTES - 1 for one in counted]
    each = [error for row in errors for error in row]
    ours: Figures = {
        "bias_of_total_percent": 100 * statistics.fmean(each),
        "bias_standard_error_percent": 100 * _rms(each) / math.sqrt(len(each)),
        "rms_10_mb_site_percent": 100 * _rms(each),
        "rms_by_theory_percent": 100 * math.sqrt(statistics.fmean(_variance(size, args.interval) for size in SIZES)),
    }
    peers: dict[str, Figures | str] = {
        "tracemalloc": {
            "bias_of_total_percent": 100 * statistics.fmean(exact),
            "rms_10_mb_site_percent": 100 * _rms(exact),
        }
        if exact
        else "no exact rounds were asked for"
    }
    notes = [f"{args.rounds} rounds of {len(SIZES)} sites at {args.interval:,.0f} bytes."]
    if find_spec("numpy") is None:
        notes.append("numpy: not run: not installed")
    else:
        arrays = [_arrays(heap, args.interval) / ARRAYS_BYTES - 1 for _ in range(10)]
        ours["numpy_100_mb_worst_percent"] = 100 * max(map(abs, arrays))
        ours["numpy_100_mb_bias_percent"] = 100 * statistics.fmean(arrays)
    return Result(name="heap-accuracy", ours=ours, peers=peers, packages=("numpy",), notes=tuple(notes))


def _rms(values: list[float]) -> float:
    return math.sqrt(statistics.fmean(value * value for value in values))


def _variance(size: int, interval: float) -> float:
    chance = -math.expm1(-size / interval)
    return (1 - chance) / chance * size / SITE_BYTES


def _site(size: int) -> Callable[[list[bytes]], None]:
    """A function of its own, with code of its own, that fills a list with blocks of a size."""
    lines = ("def hold(kept):", "    for index in range(len(kept)):", f"        kept[index] = bytes({size - _HEAD})")
    names: dict[str, Any] = {}
    exec(compile("\n".join(lines), f"site {size}", "exec"), names)  # noqa: S102 - each site needs a file name of its own
    made: Callable[[list[bytes]], None] = names["hold"]
    return made


def _round(
    heap: Any, sites: list[Callable[[list[bytes]], None]], interval: float, *, exactly: bool
) -> tuple[list[float], list[float]]:
    """What we estimate of each site, and what tracemalloc counts of it if it is asked."""
    kept = [[b""] * (SITE_BYTES // size) for size in SIZES]
    heap.start(interval)  # first: tracemalloc would take our hooks away with its own
    if exactly:
        tracemalloc.start()
    for site, blocks in zip(sites, kept, strict=True):
        site(blocks)
    counted = []
    if exactly:
        by_file = {one.traceback[0].filename: one.size for one in tracemalloc.take_snapshot().statistics("filename")}
        counted = [float(by_file[f"site {size}"]) for size in SIZES]
        tracemalloc.stop()
    found = dict.fromkeys(SIZES, 0.0)
    for row in heap.snapshot():
        frames = heap.frames(row[0])
        if frames and frames[0][0].startswith("site "):
            found[int(frames[0][0].removeprefix("site "))] += row[1]
    heap.stop()
    return [*found.values()], counted


def _arrays(heap: Any, interval: float) -> float:
    import numpy as np

    heap.start(interval)
    kept = [np.ones(10_000) for _ in range(ARRAYS_BYTES // 80_000)]
    found = sum(row[1] for row in heap.snapshot() if any(name == "_arrays" for _, _, name in heap.frames(row[0])))
    heap.stop()
    assert len(kept) == 1250
    return float(found)
