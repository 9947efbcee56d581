"""Why a site has its state, in a sentence with figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.memory.leaks.evenness import LEAST_SAMPLES
from tocsin.memory.leaks.growth import Growth, Trend
from tocsin.memory.leaks.rates import MB
from tocsin.model.memory import LeakSite, LeakState

if TYPE_CHECKING:
    from collections.abc import Callable


def reason(site: LeakSite, growth: Growth) -> str:
    """The sentence of a site of Python's memory."""
    return _WORDS[site.state](site, growth)


def native_reason(site: LeakSite) -> str:
    """The sentence of growth outside of Python's allocators."""
    rise = f"{site.live_bytes / MB:.1f} MB in {seconds(site.observed_s)}"
    if site.state is LeakState.BOUNDED:
        return f"resident memory that Python's blocks do not explain has risen by {rise}, and does not go on rising"
    return (
        f"resident memory that Python's blocks do not explain rises: {rise}, its lowest values too; C code holds it, "
        "and no line of Python is known for it"
    )


def seconds(span_s: float) -> str:
    """A span of time as a person says it."""
    if span_s < 120:
        return f"{span_s:.3g} s"
    return f"{span_s / 60:.0f} min" if span_s < 7200 else f"{span_s / 3600:.1f} h"


def _grown(site: LeakSite, growth: Growth) -> str:
    held = f"{site.live_bytes / MB:.1f} MB live"
    return f"{growth.samples} sampled survivors ({held}) were born within {seconds(growth.length_s)}"


def _confirmed(site: LeakSite, growth: Growth) -> str:
    return (
        f"{_grown(site, growth)}, evenly until now over {growth.snapshots} snapshots, and of those that stayed "
        f"{growth.died:.0f} went while the last {growth.born:.0f} came"
    )


def _suspected(site: LeakSite, growth: Growth) -> str:
    if growth.trend is Trend.GROWS:
        return f"{_grown(site, growth)} and stay; a cache that fills looks the same, so it is watched on"
    return f"{_grown(site, growth)}, but {growth.trend}"


def _watch(site: LeakSite, growth: Growth) -> str:
    if site.samples < LEAST_SAMPLES:
        who = "1 sampled survivor holds" if site.samples == 1 else f"{site.samples} sampled survivors hold"
        return f"{who} {site.live_bytes / MB:.1f} MB; below {LEAST_SAMPLES} nothing is called a leak"
    return f"{_grown(site, growth)}: {growth.trend}"


def _bounded(site: LeakSite, growth: Growth) -> str:
    if site.bounded_by:
        return f"{site.live_bytes / MB:.1f} MB are held by {site.bounded_by}, which has a bound"
    return f"it has grown to {site.live_bytes / MB:.1f} MB, and now {growth.trend}"


def _resolved(site: LeakSite, growth: Growth) -> str:
    return f"most of what it held has gone; {site.live_bytes / MB:.1f} MB remain, and {growth.trend}"


_WORDS: dict[LeakState, Callable[[LeakSite, Growth], str]] = {
    LeakState.CONFIRMED: _confirmed,
    LeakState.SUSPECTED: _suspected,
    LeakState.WATCH: _watch,
    LeakState.BOUNDED: _bounded,
    LeakState.RESOLVED: _resolved,
}
