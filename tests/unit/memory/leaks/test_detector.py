"""From snapshots to the sites that a person reads."""

from __future__ import annotations

import random
import threading

import msgspec
import pytest
from tests.unit.memory.leaks.simulated import FINE, INTERVAL, LEAK, Block, analysed, evenly, every, frames, snapshots

from tocsin.memory.leaks import LeakDetector
from tocsin.model.memory import HeapSnapshot, HeapTier, LeakSite, LeakState

MB = 1e6


def leak_of(blocks: list[Block], until_s: float = 100.0, **arguments: float) -> LeakSite:
    (site,) = analysed(snapshots(blocks, every(1.0, until_s)), **arguments).potential_leaks
    return site


def test_before_the_first_snapshot_nothing_is_known() -> None:
    analysis = LeakDetector().analyze(5.0)

    assert analysis.sites == ()
    assert analysis.at_s == 5.0
    assert analysis.tier is None
    assert analysis.remarks == ("nothing was observed yet",)


def test_a_leak_is_named_with_its_line_and_its_figures() -> None:
    site = leak_of(evenly(50, 0.0, 100.0, stack=7))

    assert (site.file, site.line, site.function) == (LEAK, 7, "function_0")
    assert site.stack == frames(7)
    assert site.stack_numbers == (7,)
    assert site.kind == "python"
    assert site.component == "leaky"
    assert site.samples == 50
    assert site.live_bytes == 50 * INTERVAL
    assert site.rate_mb_per_hour == pytest.approx(50 * INTERVAL / 100 * 3600 / MB, rel=0.05)
    assert (site.rate_low or 0.0) < (site.rate_mb_per_hour or 0.0) < (site.rate_high or 0.0)
    assert site.survivor_age_s == pytest.approx(50.0, abs=3.0)
    assert site.old_share == pytest.approx(0.5, abs=0.05)
    assert site.observed_s == 100.0
    assert "50 sampled survivors (6.6 MB live)" in site.reason
    assert site.seconds_to_limit is None


def test_the_analysis_sums_up_what_is_confirmed() -> None:
    blocks = evenly(50, 0.0, 100.0, stack=7) + evenly(80, 0.0, 100.0, stack=55) + evenly(30, 0.0, 1.0, stack=108)

    analysis = analysed(snapshots(blocks, every(1.0, 100.0)))

    assert [site.line for site in analysis.potential_leaks] == [55, 7]
    rates = [site.rate_mb_per_hour or 0.0 for site in analysis.potential_leaks]
    assert analysis.growth_rate_mb_per_hour == pytest.approx(sum(rates))
    assert analysis.growth_low is not None
    assert analysis.growth_high is not None
    assert analysis.growth_low < sum(rates) < analysis.growth_high
    assert analysis.component == "leaky"
    assert analysis.snapshots == 100
    assert analysis.observed_s == 100.0
    assert analysis.tier is HeapTier.SAMPLING


def test_without_a_confirmed_site_there_is_no_rate() -> None:
    analysis = analysed(snapshots(evenly(7, 0.0, 100.0), every(1.0, 100.0)))

    assert analysis.potential_leaks == ()
    assert analysis.growth_rate_mb_per_hour is None


@pytest.mark.parametrize("count", range(1, 8))
def test_below_8_surviving_samples_nothing_is_called_a_leak(count: int) -> None:
    states = {site.state for site in analysed(snapshots(evenly(count, 0.0, 100.0), every(1.0, 100.0))).sites}

    assert states <= {LeakState.WATCH}


def test_one_block_that_grows_is_watched_and_said_to_be_one() -> None:
    detector = LeakDetector()
    for at in range(1, 101):
        blocks = [Block(1, at - 0.5, weight=at * 1e6)]
        (snapshot,) = snapshots(blocks, [float(at)])
        detector.observe(snapshot)

    (site,) = detector.analyze().sites
    assert site.state is LeakState.WATCH
    assert site.reason == "1 sampled survivor holds 100.0 MB; below 8 nothing is called a leak"


def test_it_is_first_suspected_and_then_confirmed_in_time() -> None:
    detector, states = LeakDetector(), []
    for snapshot in snapshots(evenly(100, 0.0, 20.0), every(1.0, 20.0)):
        detector.observe(snapshot)
        states.append(next((site.state for site in detector.analyze().sites), None))

    assert states[6] is LeakState.SUSPECTED
    assert states[8] is LeakState.SUSPECTED
    assert states[9] is LeakState.CONFIRMED


def test_ten_hours_are_played_in_a_moment() -> None:
    analysis = analysed(snapshots(evenly(300, 0.0, 36_000.0), every(120.0, 36_000.0)))

    assert [site.line for site in analysis.potential_leaks] == [1]
    assert analysis.potential_leaks[0].rate_mb_per_hour == pytest.approx(30 * INTERVAL / MB, rel=0.1)


def test_the_time_of_the_caller_counts_where_it_is_another() -> None:
    detector = LeakDetector()
    for snapshot in snapshots(evenly(50, 0.0, 100.0), every(1.0, 100.0)):
        detector.observe(snapshot, 1_000.0 + 360.0 * snapshot.at_s)

    (site,) = detector.analyze(37_000.0).potential_leaks
    assert site.rate_mb_per_hour == pytest.approx(50 * INTERVAL / MB / 10, rel=0.1)
    assert detector.analyze().observed_s == pytest.approx(35_640.0, abs=361.0)


def test_a_cache_that_fills_is_taken_back_once_it_evicts() -> None:
    blocks = [Block(105, one.born_s, one.born_s + 50.0) for one in evenly(100, 0.0, 100.0)]
    detector, states = LeakDetector(), set()
    for snapshot in snapshots(blocks, every(1.0, 100.0)):
        detector.observe(snapshot)
        states |= {site.state for site in detector.analyze().sites}

    (site,) = detector.analyze().sites
    assert site.state is LeakState.BOUNDED
    assert site.file == FINE
    assert "old ones go as new ones come" in site.reason
    assert LeakState.CONFIRMED in states


def test_what_was_given_back_is_resolved() -> None:
    blocks = [Block(105, one.born_s, 60.0) for one in evenly(60, 0.0, 50.0)]

    (site,) = analysed(snapshots(blocks, every(1.0, 70.0))).sites

    assert site.state is LeakState.RESOLVED


def test_the_time_to_the_limit_follows_from_the_rate() -> None:
    some = snapshots(evenly(50, 0.0, 100.0), every(1.0, 100.0), rss_bytes=int(40 * MB))
    (site,) = analysed(some, limit_bytes=100 * MB).potential_leaks

    assert site.rate_mb_per_hour is not None
    assert site.seconds_to_limit == pytest.approx(60 / site.rate_mb_per_hour * 3600)


def test_the_share_of_the_growth_that_it_explains_is_known() -> None:
    some = [
        msgspec.structs.replace(snapshot, rss_bytes=int(40 * MB + number * 2 * INTERVAL))
        for number, snapshot in enumerate(snapshots(evenly(100, 0.0, 100.0), every(1.0, 100.0)))
    ]
    (site,) = analysed(some).potential_leaks

    assert site.growth_share == pytest.approx(0.5, abs=0.05)


def test_what_is_held_by_a_container_with_a_bound_is_bounded() -> None:
    detector = LeakDetector()
    for snapshot in snapshots(evenly(50, 0.0, 100.0), every(1.0, 100.0)):
        detector.observe(snapshot)
    (site,) = detector.analyze().potential_leaks

    detector.retained(site.key, ("deque(maxlen=9000)", "global app.LAST"), bounded_by="deque(maxlen=9000)")

    analysis = detector.analyze()
    assert analysis.potential_leaks == ()
    assert analysis.sites[0].state is LeakState.BOUNDED
    assert analysis.sites[0].retained_by == ("deque(maxlen=9000)", "global app.LAST")
    assert "deque(maxlen=9000)" in analysis.sites[0].reason


def test_a_bound_is_not_believed_of_twice_the_survivors() -> None:
    detector = LeakDetector()
    for snapshot in snapshots(evenly(100, 0.0, 100.0), every(1.0, 100.0)):
        detector.observe(snapshot)
        if snapshot.at_s == 40.0:
            detector.retained(detector.analyze().sites[0].key, ("deque",), bounded_by="deque(maxlen=9000)")
        if snapshot.at_s == 70.0:
            assert detector.analyze().potential_leaks == ()

    assert len(detector.analyze().potential_leaks) == 1


def test_what_is_held_by_another_container_stays_confirmed() -> None:
    detector = LeakDetector()
    for snapshot in snapshots(evenly(50, 0.0, 100.0), every(1.0, 100.0)):
        detector.observe(snapshot)
    detector.retained(detector.analyze().potential_leaks[0].key, ("list", "global app.SEEN"))

    (site,) = detector.analyze().potential_leaks
    assert site.retained_by == ("list", "global app.SEEN")


def test_another_start_of_the_profiler_begins_anew() -> None:
    detector = LeakDetector()
    for snapshot in snapshots(evenly(50, 0.0, 100.0), every(1.0, 100.0)):
        detector.observe(snapshot)
    detector.observe(HeapSnapshot(at_s=101.0, tier=HeapTier.SAMPLING, started_s=100.5))

    analysis = detector.analyze()
    assert analysis.sites == ()
    assert analysis.snapshots == 1


def test_one_snapshot_without_the_heap_changes_nothing() -> None:
    detector = LeakDetector()
    for snapshot in snapshots(evenly(50, 0.0, 100.0), every(1.0, 100.0)):
        detector.observe(snapshot)
        detector.observe(HeapSnapshot(at_s=snapshot.at_s + 0.5, tier=HeapTier.RSS_ONLY, rss_bytes=10**8))

    assert len(detector.analyze().potential_leaks) == 1


def test_a_forked_child_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    detector = LeakDetector()
    for snapshot in snapshots(evenly(50, 0.0, 100.0), every(1.0, 100.0)):
        detector.observe(snapshot)
    monkeypatch.setattr("os.getpid", lambda: -1)

    assert detector.analyze().sites == ()


def test_one_thread_asks_while_another_shows() -> None:
    detector, over, failed = LeakDetector(), threading.Event(), list[BaseException]()

    def ask() -> None:
        try:
            while not over.is_set():
                detector.analyze()
        except BaseException as error:  # noqa: BLE001 - told by the test
            failed.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    blocks = [block for line in range(1, 40) for block in evenly(12, 0.0, 40.0, stack=line)]
    for snapshot in snapshots(blocks, every(1.0, 40.0)):
        detector.observe(snapshot)
    over.set()
    asking.join()

    assert failed == []


def test_a_snapshot_from_before_is_passed_over() -> None:
    detector = LeakDetector()
    detector.observe(HeapSnapshot(at_s=5.0))
    detector.observe(HeapSnapshot(at_s=5.0))
    detector.observe(HeapSnapshot(at_s=4.0))

    assert detector.analyze().snapshots == 1


def test_a_leak_survives_that_samples_are_thinned_out() -> None:
    rng, blocks = random.Random(5), evenly(120, 0.0, 100.0)
    before = list(snapshots(blocks, every(1.0, 100.0)))[:60]
    kept = [Block(1, block.born_s, weight=2 * INTERVAL) for block in blocks if rng.random() < 0.5]
    after = list(snapshots(kept, every(1.0, 100.0), interval_bytes=2 * INTERVAL, thinned=36))[60:]

    (site,) = analysed([*before, *after]).potential_leaks

    assert site.rate_mb_per_hour == pytest.approx(120 * INTERVAL / 100 * 3600 / MB, rel=0.25)


def test_a_leak_survives_that_the_interval_widens_for_new_samples_only() -> None:
    early = [Block(1, block.born_s) for block in evenly(60, 0.0, 50.0)]
    late = [Block(1, block.born_s, weight=4 * INTERVAL) for block in evenly(15, 50.0, 100.0)]
    some = [
        msgspec.structs.replace(snapshot, interval_bytes=INTERVAL if snapshot.at_s <= 50 else 4 * INTERVAL)
        for snapshot in snapshots(early + late, every(1.0, 100.0))
    ]

    (site,) = analysed(some).potential_leaks

    assert site.rate_mb_per_hour == pytest.approx(60 * INTERVAL / 50 * 3600 / MB, rel=0.1)


def test_native_growth_is_a_site_of_its_own_without_a_line() -> None:
    some = [
        HeapSnapshot(
            at_s=float(at),
            rss_bytes=int(50 * MB + at * 0.5 * MB),
            arena_bytes=0,
            live_bytes=0.0,
            live_variance=0.0,
            small_bytes=0.0,
            small_variance=0.0,
        )
        for at in range(1, 101)
    ]

    (site,) = analysed(some, limit_bytes=200 * MB).potential_leaks

    assert (site.kind, site.file, site.line, site.key) == ("native", "", 0, "native")
    assert site.rate_mb_per_hour == pytest.approx(0.5 * 3600, rel=0.05)
    assert site.seconds_to_limit == pytest.approx(200, rel=0.05)
    assert "resident memory" in site.reason


def test_what_is_remembered_stays_bounded() -> None:
    detector = LeakDetector()
    for at in range(1, 2_001):
        detector.observe(HeapSnapshot(at_s=float(at), started_s=0.0))

    assert len(detector._timeline.times) <= 64
    assert detector.analyze().snapshots == 2_000
