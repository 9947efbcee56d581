"""Leaks in words: the line, the rate, the container and its cap."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tocsin.memory_alerts import advice
from tocsin.memory_alerts.sites import as_leak, cap_of, container_of, evidence_of, holder_of, lines_of, place_of
from tocsin.model.memory import Frame, LeakAnalysis, LeakSite, LeakState, MemoryReport, MemoryUse

SITE = LeakSite(
    file=str(Path.cwd() / "app" / "sessions.py"), line=48, function="login",
    stack=(
        Frame("lib.py", 3, "make"),
        Frame(str(Path.cwd() / "app" / "sessions.py"), 48, "login"),
        Frame("main.py", 8, "main"),
    ),
    component="sessions", live_bytes=12.4e6, samples=97, rate_mb_per_hour=51.23, rate_low=40.1, rate_high=62.3,
    survivor_age_s=14.0, state=LeakState.CONFIRMED,
    retained_by=("bytearray[len 200,000]", "dict[len 62]", "global app.S"),
    seconds_to_limit=7200.0, reason="it goes on", old_share=0.63, growth_share=0.88, observed_s=30.0,
)  # fmt: skip


def held(*chain: str) -> LeakSite:
    return msgspec.structs.replace(SITE, retained_by=chain)


def test_the_first_line_says_where_how_fast_and_held_by_what() -> None:
    first, *rest = lines_of(SITE)
    assert first == (
        "app/sessions.py:48 in login, grows by 51.2 MB/hour (40.1 to 62.3), "
        "held by bytearray[len 200,000] ← dict[len 62] ← global app.S"
    )
    assert rest == [
        "  12.4 MB alive in 97 samples, half of it older than 14 s, 63 % of the bytes older than half of the 30 s seen",
        "  88 % of what the program grew by",
        "  at this pace the memory limit is reached in 2 h (1 h 39 m to 2 h 33 m)",
        "  confirmed: it goes on",
        "  called from main.py:8 in main",
    ]


def test_of_a_site_that_is_hardly_known_only_that_is_said() -> None:
    assert list(lines_of(LeakSite(file="a.py", line=3))) == ["a.py:3"]
    assert place_of(LeakSite()) == "code that is not known"
    assert place_of(LeakSite(kind="native")) == "memory of C code"
    assert holder_of(LeakSite()) == ""


@pytest.mark.parametrize(
    ("chain", "container"),
    [
        ((), ""),
        (("bytearray[len 200,000]", "dict[len 62]", "global app.S"), "dict[len 62] ← global app.S"),
        (
            ("tuple[len 2]", "dict[len 9]", "attribute _cache of app.Store", "global app.STORE"),
            "dict[len 9] ← attribute _cache of app.Store",
        ),
        (("list", "global app.X"), "list ← global app.X"),
        (("global app.X",), "global app.X"),
        (("list[len 5]", "generator"), "list[len 5] ← generator"),
    ],
)
def test_the_container_is_the_one_with_entries_that_is_nearest_to_a_name(
    chain: tuple[str, ...], container: str
) -> None:
    assert container_of(held(*chain)) == container


@pytest.mark.parametrize(
    ("chain", "cap"),
    [
        (("bytearray[len 200,000]", "dict[len 62]", "global app.S"), "300 entries (200 kB each, 60 MB in all)"),
        (("bytearray[len 200,000]", "global app.S"), "64 MB"),
        (("dict[len 0]", "global app.S"), "64 MB"),
        ((), "64 MB"),
    ],
)
def test_the_cap_is_counted_in_entries_where_their_number_is_known(chain: tuple[str, ...], cap: str) -> None:
    assert cap_of(held(*chain)) == cap
    assert cap_of(LeakSite(file="a.py", line=1)) == ""


def test_advice_names_the_line_the_container_and_the_cap() -> None:
    first, second = advice.on_leaks([as_leak(SITE)], 51.2)
    assert first == (
        "Cap dict[len 62] ← global app.S at 300 entries (200 kB each, 60 MB in all): evict the oldest entry when "
        "app/sessions.py:48 in login adds one, or drop each when it is done with"
    )
    assert "within 2 h if app/sessions.py:48 in login" in second


@pytest.mark.parametrize(
    ("site", "said"),
    [
        (held(), "what keeps the objects made at app/sessions.py:48 in login"),
        (LeakSite(kind="native"), "outside of Python's allocators"),
    ],
)
def test_advice_without_a_container_is_specific_too(site: LeakSite, said: str) -> None:
    assert said in advice.on_leaks([as_leak(site)], None)[0]


def test_without_a_site_the_rate_is_what_advice_speaks_of() -> None:
    assert advice.on_leaks([], 60.0) == ("See which lines the 60 MB/hour come from: tocsin leaks",)


def test_the_fastest_leak_comes_first_and_those_without_a_place_last() -> None:
    slow = msgspec.structs.replace(SITE, file="slow.py", rate_mb_per_hour=1.0)
    leaks = advice.as_leaks(["somewhere", slow, SITE])
    assert [leak.text.partition(":")[0] for leak in leaks] == ["app/sessions.py", "slow.py", "somewhere"]


def test_a_proof_of_many_leaks_is_short_and_counts_the_rest() -> None:
    leaks = [as_leak(msgspec.structs.replace(SITE, line=number)) for number in range(9)]
    found = evidence_of(leaks, "what leaks")
    assert found is not None
    assert found.lines[-1] == "… and 4 more"
    assert evidence_of([], "what leaks") is None


def test_the_proof_of_an_analysis_says_how_fast_all_grow_together() -> None:
    analysis = LeakAnalysis(growth_rate_mb_per_hour=51.23, growth_low=40.0, growth_high=62.0)
    [found] = advice.proof_of_leaks([as_leak(SITE)], analysis)
    assert found.title == "what leaks, 51.2 MB/hour (40 to 62) in all"
    [bare] = advice.proof_of_leaks([], analysis)
    assert bare.lines == ("no single line was named",)
    assert advice.proof_of_leaks([], LeakAnalysis()) == ()


REPORT = MemoryReport(
    rss_mb=700.0, growth_rate_mb_per_s=2.0, efficiency_score=0.4, live_mb=200.0, arena_mb=500.0, fragmentation=0.6,
    limit_mb=1000.0, components=(MemoryUse(name="sessions", live_mb=180.0),),
    sites=(MemoryUse(name="app.py:3 in f", live_mb=150.0, live_low_mb=140.0, live_high_mb=160.0, samples=9),),
)  # fmt: skip


def test_a_report_is_proved_by_the_lines_that_hold_most() -> None:
    [found] = advice.proof_of(REPORT)
    assert found.lines == (
        "resident 700 MB, alive in Python 200 MB, held for small objects 500 MB, limit 1,000 MB",
        "app.py:3 in f: 150 MB (140 to 160)",
        "component sessions: 180 MB",
    )
    assert advice.proof_of(MemoryReport(rss_mb=710.0)) == ()


def test_advice_on_a_report_names_its_biggest_line_and_its_figures() -> None:
    assert advice.on_usage(REPORT) == (
        "Look first at app.py:3 in f: it holds 150 MB",
        "Shed load or raise the limit of 1,000 MB: 70 % of it are used",
    )
    assert advice.on_growth(REPORT) == (
        "See what keeps the 150 MB made at app.py:3 in f, and bound it",
        "Stop the input that feeds it: the limit is reached in 2.5 min",
    )
    assert advice.on_efficiency(REPORT) == (
        (
            "Restart after a peak, or do the work of the peak in a process of its own: 500 MB are held for small "
            "objects, 60 % of it unused (score 0.4)"
        ),
        "Make app.py:3 in f keep less: it still holds 150 MB",
    )


@pytest.mark.parametrize("advise", [advice.on_usage, advice.on_growth, advice.on_efficiency])
def test_there_is_advice_on_the_barest_report(advise: object) -> None:
    assert callable(advise)
    texts = advise(MemoryReport(rss_mb=710.0, growth_rate_mb_per_s=3.0, efficiency_score=0.3))
    assert texts
    assert all(text and not text.endswith(".") for text in texts)
