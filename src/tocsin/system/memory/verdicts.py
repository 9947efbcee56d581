"""What a system makes of the detector's verdicts: holders, Tocsin's own memory, and the time to the limit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from tocsin.library import is_own
from tocsin.model.memory import HeapSnapshot, LeakAnalysis, LeakSite, LeakState

if TYPE_CHECKING:
    from tocsin.model.memory import Retention

OWN_BYTES: Final = 10e6
# A holder of fewer survivors than this does not speak for all, and its bound does not bound them.
MOST: Final = 0.8


def bound_of(found: Retention) -> str:
    """The bound of what holds the survivors, if it holds most of those that were looked at."""
    return found.bounded_by if found.share >= MOST else ""


def chain_of(found: Retention) -> tuple[str, ...]:
    """What holds the survivors; where it holds only some of those that were looked at, that is said."""
    if not found.chain or found.share >= MOST:
        return found.chain
    return (*found.chain[:-1], f"{found.chain[-1]} ({found.share * 100:.0f} % of the survivors looked at)")


def without_own(analysis: LeakAnalysis) -> LeakAnalysis:
    """The same analysis, Tocsin's own memory being only watched as long as it is within its budget.

    What it keeps of the last minutes fills up to a cap in the first of them, and cannot be told from a leak until then.
    """
    mine = {site.key for site in analysis.potential_leaks if is_own(site.file) and site.live_bytes < OWN_BYTES}
    if not mine:
        return analysis
    leaks = tuple(site for site in analysis.potential_leaks if site.key not in mine)
    reason = f"Tocsin's own, and within its budget of {OWN_BYTES / 1e6:.0f} MB"
    sites = tuple(
        msgspec.structs.replace(site, state=LeakState.WATCH, reason=reason) if site.key in mine else site
        for site in analysis.sites
    )
    rates = [site.rate_mb_per_hour for site in leaks if site.rate_mb_per_hour is not None]
    return msgspec.structs.replace(
        analysis,
        potential_leaks=leaks,
        sites=sites,
        component=leaks[0].component if leaks else "",
        growth_rate_mb_per_hour=sum(rates) if rates else None,
        growth_low=None if not rates else sum(site.rate_low or 0.0 for site in leaks),
        growth_high=None if not rates else sum(site.rate_high or 0.0 for site in leaks),
    )


def with_limit(analysis: LeakAnalysis, snapshot: HeapSnapshot, limit_bytes: float | None) -> LeakAnalysis:
    """The same analysis, with the time until each site alone reaches the limit."""
    rss = snapshot.rss_bytes
    if limit_bytes is None or rss is None:
        return analysis
    left_mb = max(limit_bytes - rss, 0.0) / 1e6

    def dated(site: LeakSite) -> LeakSite:
        rate = site.rate_mb_per_hour
        if site.seconds_to_limit is not None or rate is None or rate <= 0:
            return site
        return msgspec.structs.replace(site, seconds_to_limit=left_mb / rate * 3600)

    return msgspec.structs.replace(
        analysis,
        sites=tuple(map(dated, analysis.sites)),
        potential_leaks=tuple(map(dated, analysis.potential_leaks)),
    )
