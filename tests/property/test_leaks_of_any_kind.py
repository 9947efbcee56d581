"""Whatever a program calls a leak, the manager names it, and never fails."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tocsin import LeakAnalysis, MemoryAlertManager, MemoryReport
from tocsin.memory_alerts.sites import as_leak, cap_of, container_of, lines_of
from tocsin.model.memory import LeakSite

texts = st.text(max_size=60)
plain = st.none() | st.booleans() | st.integers() | st.floats() | texts | st.binary(max_size=9)
fields = st.sampled_from(
    ["file", "line", "function", "live_bytes", "retained_by", "rate_mb_per_hour", "state", "other"]
)
leaks = (
    plain
    | st.lists(plain, max_size=4)
    | st.dictionaries(fields | texts, plain | st.lists(texts, max_size=3), max_size=6)
)
links = st.builds("{}[len {:,}]".format, texts, st.integers(0, 10**12)) | st.builds("global {}".format, texts) | texts


@given(st.lists(leaks, max_size=8), st.none() | st.floats())
def test_an_analysis_of_anything_is_judged(found: list[Any], rate: float | None) -> None:
    analysis = LeakAnalysis(potential_leaks=tuple(found), growth_rate_mb_per_hour=rate)
    alerts = asyncio.run(MemoryAlertManager().check_leak_alerts(analysis))
    assert len(alerts) <= 1
    assert bool(alerts) >= bool(found)


@given(st.none() | st.floats(), st.none() | st.floats(), st.none() | st.floats(), texts)
def test_a_report_of_any_figures_is_judged(
    rss: float | None, growth: float | None, efficiency: float | None, component: str
) -> None:
    report = MemoryReport(
        rss_mb=rss, growth_rate_mb_per_s=growth, efficiency_score=efficiency, component=component, limit_mb=rss
    )
    alerts = asyncio.run(MemoryAlertManager().check_memory_alerts(report))
    assert len({alert.category for alert in alerts}) == len(alerts)
    assert all(alert.recommendations for alert in alerts)


@given(st.lists(links, max_size=6), st.floats(0, 1e15))
def test_any_chain_of_holders_has_a_container_and_a_cap(chain: list[str], live_bytes: float) -> None:
    site = LeakSite(file="a.py", line=1, retained_by=tuple(chain), live_bytes=live_bytes)
    assert bool(container_of(site)) >= any(chain)
    assert bool(cap_of(site)) == (live_bytes > 0)
    assert as_leak(site).text
    assert list(lines_of(site))
