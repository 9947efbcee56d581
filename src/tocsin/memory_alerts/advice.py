"""What reports and analyses prove, and what to do in view of it: each piece of advice names what was found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tocsin.memory_alerts.sites import Leak, advice_on, as_leak, evidence_of, fastest_first, short, speed_of
from tocsin.model.alert import Evidence
from tocsin.model.levels import AlertCategory
from tocsin.model.units import format_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tocsin.model.memory import LeakAnalysis, LeakSite, MemoryReport, MemoryUse

MAX_USES: Final = 5
MAX_ADVICE: Final = 4


def as_leaks(found: Iterable[Any]) -> list[Leak]:
    """Whatever stands for leaks, the fastest first, those without a place last."""
    leaks = [as_leak(one) for one in found]
    sites = fastest_first(leak.site for leak in leaks if leak.site is not None)
    return [*(as_leak(site) for site in sites), *(leak for leak in leaks if leak.site is None)]


# -- leaks


def proof_of_leaks(leaks: Sequence[Leak], analysis: LeakAnalysis) -> tuple[Evidence, ...]:
    """The sites, and how fast they grow together."""
    rate, low, high = analysis.growth_rate_mb_per_hour, analysis.growth_low, analysis.growth_high
    together = ""
    if rate is not None:
        within = f" ({short(low)} to {short(high)})" if low is not None and high is not None else ""
        together = f", {short(rate)} MB/hour{within} in all"
    if not leaks and rate is None:
        return ()
    title = f"what leaks{together}"
    found = evidence_of(leaks, title)
    return (found,) if found is not None else (Evidence("leak_sites", title, ("no single line was named",)),)


def on_leaks(leaks: Sequence[Leak], rate_mb_per_hour: float | None) -> tuple[str, ...]:
    """What to do about leaks."""
    texts: list[str] = []
    for leak in leaks:
        texts += [f"Bound what keeps {leak.text}"] if leak.site is None else advice_on(leak.site)
    if not texts and rate_mb_per_hour is not None:
        texts.append(f"See which lines the {short(rate_mb_per_hour)} MB/hour come from: tocsin leaks")
    return tuple(texts[:MAX_ADVICE])


def on_growing_lines(sites: Sequence[LeakSite]) -> tuple[str, ...]:
    """What to do where memory grows and lines are known that do."""
    texts = []
    for site in sites[:MAX_ADVICE]:
        text, *_ = advice_on(site)
        texts.append(f"{text} ({speed_of(site)}, {site.state.value})" if speed_of(site) else text)
    return tuple(texts)


# -- reports


def proof_of(report: MemoryReport) -> tuple[Evidence, ...]:
    """Where the memory is: the whole, then the lines and components that hold most of it."""
    lines = list(_whole(report))
    lines += [f"{_use(use)}" for use in report.sites[:MAX_USES]]
    lines += [f"component {_use(use)}" for use in report.components[:MAX_USES]]
    return (Evidence("growing_lines", "what holds the memory", tuple(lines)),) if len(lines) > 1 else ()


def on_report(report: MemoryReport, category: AlertCategory) -> tuple[str, ...]:
    """What to do about what an alert of this category says of a report."""
    if category is AlertCategory.MEMORY_GROWTH:
        return on_growth(report)
    return on_efficiency(report) if category is AlertCategory.MEMORY_EFFICIENCY else on_usage(report)


def on_usage(report: MemoryReport) -> tuple[str, ...]:
    """What to do where much memory is used."""
    texts = [f"Look first at {use.name}: it holds {_mb(use.live_mb)}" for use in _biggest(report)]
    if report.limit_mb and report.rss_mb is not None:
        share = f"{report.rss_mb / report.limit_mb * 100:.0f} %"
        texts.append(f"Shed load or raise the limit of {_mb(report.limit_mb)}: {share} of it are used")
    elif not texts and report.rss_mb is not None:
        texts.append(f"See which lines hold the {_mb(report.rss_mb)}: tocsin leaks")
    return tuple(texts)


def on_growth(report: MemoryReport) -> tuple[str, ...]:
    """What to do where memory grows."""
    rate = report.growth_rate_mb_per_s or 0.0
    texts = [f"See what keeps the {_mb(use.live_mb)} made at {use.name}, and bound it" for use in _biggest(report)]
    if report.limit_mb and report.rss_mb is not None and rate > 0:
        left_s = max(report.limit_mb - report.rss_mb, 0.0) / rate
        texts.append(f"Stop the input that feeds it: the limit is reached in {format_value(left_s, 's')}")
    if not texts:
        texts.append(f"See which lines grow by {short(rate)} MB/s: tocsin leaks")
    return tuple(texts)


def on_efficiency(report: MemoryReport) -> tuple[str, ...]:
    """What to do where much is held and little is alive."""
    texts = [f"Make {use.name} keep less: it still holds {_mb(use.live_mb)}" for use in _biggest(report)]
    held = f"{_mb(report.arena_mb)} are held for small objects" if report.arena_mb is not None else "memory is held"
    unused = f", {report.fragmentation * 100:.0f} % of it unused" if report.fragmentation is not None else ""
    score = f" (score {report.efficiency_score:.2g})" if report.efficiency_score is not None else ""
    return (f"Restart after a peak, or do the work of the peak in a process of its own: {held}{unused}{score}", *texts)


def _biggest(report: MemoryReport) -> tuple[MemoryUse, ...]:
    return (report.sites or report.components)[:2]


def _whole(report: MemoryReport) -> Iterator[str]:
    figures = (
        ("resident", report.rss_mb),
        ("alive in Python", report.live_mb),
        ("held for small objects", report.arena_mb),
        ("outside of Python", report.native_mb),
        ("limit", report.limit_mb),
    )
    known = [f"{name} {_mb(value)}" for name, value in figures if value is not None]
    if known:
        yield ", ".join(known)


def _use(use: MemoryUse) -> str:
    within = f" ({short(use.live_low_mb)} to {short(use.live_high_mb)})" if use.live_high_mb else ""
    return f"{use.name}: {_mb(use.live_mb)}{within}"


def _mb(value: float) -> str:
    return f"{short(value)} MB"
