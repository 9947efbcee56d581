"""The verdicts at the end of simulated runs: how many are right, and when they come."""

from __future__ import annotations

import random

from tests.unit.memory.leaks.simulated import LEAK, NEVER, Block, every, snapshots
from tests.unit.memory.leaks.workloads import FINE, LEAKS, RUN_S

from tocsin.memory.leaks import LeakDetector

SEEDS = 3
TIMES = every(10.0, RUN_S)


def observe(blocks: list[Block]) -> tuple[LeakDetector, float | None]:
    """The detector after a run, and when it first confirmed a site that leaks."""
    detector, first_s = LeakDetector(), None
    for snapshot in snapshots(blocks, TIMES):
        detector.observe(snapshot)
        if first_s is None and any(site.file == LEAK for site in detector.analyze().potential_leaks):
            first_s = snapshot.at_s
    return detector, first_s


def test_what_is_confirmed_at_the_end_leaks_and_what_leaks_is_confirmed() -> None:
    right = missed = wrong = 0
    for workload in (*LEAKS, *FINE):
        for seed in range(SEEDS):
            detector, _ = observe(workload(random.Random(f"{workload.__name__} {seed}")))
            found = [site.file == LEAK for site in detector.analyze().potential_leaks]
            right += any(found)
            missed += workload in LEAKS and not any(found)
            wrong += found.count(False)

    assert right / (right + wrong) >= 0.95, (right, wrong)
    assert right / (right + missed) >= 0.85, (right, missed)


def test_half_of_the_leaks_are_confirmed_by_the_latest_of_12_samples_6_snapshots_and_10_seconds() -> None:
    shares = []
    for workload in (LEAKS[0], LEAKS[1], LEAKS[4]):
        for seed in range(SEEDS):
            blocks = workload(random.Random(f"{workload.__name__} {seed}"))
            born = sorted(block.born_s for block in blocks if block.died_s == NEVER)
            due_s = max(born[11], born[0] + 10.0, born[0] + 60.0)
            due_s = next(at_s for at_s in TIMES if at_s >= due_s)
            _, first_s = observe(blocks)
            if first_s is not None:
                shares.append(first_s / due_s)

    assert sorted(shares)[len(shares) // 2] <= 1.0, shares
    assert max(shares) <= 2.0, shares


def test_the_same_run_gives_the_same_verdicts() -> None:
    blocks = LEAKS[2](random.Random("twice"))

    first, second = observe(blocks)[0].analyze(), observe(blocks)[0].analyze()

    assert first == second
