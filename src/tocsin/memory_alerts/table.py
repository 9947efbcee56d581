"""What a program leaks, as a table for a terminal of 80 columns or more."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, Final

from tocsin.channels.text import visible
from tocsin.library import short_path
from tocsin.model.units import format_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_QUIET: Final = 5
MAX_USES: Final = 5
WIDTH: Final = 80
_HEAD: Final = f"{'STATE':<10} {'MB/HOUR':>9}  {'95 % INTERVAL':<17} {'ALIVE':>9}  {'MEDIAN AGE':>10}  {'TO LIMIT':>9}"
_ORDER: Final = ("confirmed", "suspected", "watch", "bounded", "resolved")
_TIERS: Final = {
    "sampling": "sampled",
    "tracemalloc": "traced by tracemalloc",
    "rss only": "not seen (tier: rss only), so no line can be named",
}
_RATE_MB: Final = 1e6


def lines_of(answer: Mapping[str, Any], program: str, width: int = WIDTH) -> Iterator[str]:
    """The whole, line by line.

    Args:
        answer: of a program to the command `leaks`.
        program: its name and pid.
        width: columns; what is longer is wrapped.
    """
    for line in _lines(answer, program):
        indent = " " * (len(line) - len(line.lstrip()) + 2)
        yield from textwrap.wrap(
            visible(line), max(width, 20), subsequent_indent=indent, break_on_hyphens=False, drop_whitespace=True
        ) or [""]


def confirmed(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The sites that leak."""
    return [site for site in answer.get("sites") or [] if site.get("state") == "confirmed"]


def _lines(answer: Mapping[str, Any], program: str) -> Iterator[str]:
    report = answer.get("report") or {}
    tier = str(answer.get("tier") or report.get("tier"))
    seen = f"looked at {answer.get('snapshots', 0)} times in {_time(answer.get('observed_s') or 0.0)}"
    yield f"{program}: its heap is {_TIERS.get(tier, tier)}; {seen}"
    if answer.get("enabled") is False:
        yield "note: memory is switched off in its configuration ([memory] enabled)"
    yield from _whole(report)
    yield from (f"note: {remark}" for remark in answer.get("remarks") or ())
    yield ""
    yield from _sites(answer)
    yield from _uses(report)


def _whole(report: Mapping[str, Any]) -> Iterator[str]:
    figures = (
        ("resident", "rss_mb"), ("alive in Python", "live_mb"), ("held for small objects", "arena_mb"),
        ("outside of Python", "native_mb"), ("limit", "limit_mb"),
    )  # fmt: skip
    known = [f"{name} {_mb(report[key])}" for name, key in figures if report.get(key) is not None]
    rate = report.get("growth_rate_mb_per_s")
    if rate is not None:
        known.append(f"growing by {format_value(rate * _RATE_MB, 'By/s')}" if rate > 0 else "not growing")
    if report.get("efficiency_score") is not None:
        known.append(f"efficiency {report['efficiency_score']:.2f}")
    if known:
        yield ", ".join(known)


def _sites(answer: Mapping[str, Any]) -> Iterator[str]:
    sites = sorted(answer.get("sites") or [], key=lambda site: _ORDER.index(str(site.get("state", "watch"))))
    loud = [site for site in sites if site.get("state") != "watch"]
    quiet = [site for site in sites if site.get("state") == "watch"]
    leaks = confirmed(answer)
    if not leaks:
        yield "no leak is confirmed" + (", these sites are watched:" if loud or quiet else "")
    else:
        rate = answer.get("growth_rate_mb_per_hour")
        together = f", together {_short(rate)} MB/hour" if rate is not None else ""
        yield f"{len(leaks)} {'leak is' if len(leaks) == 1 else 'leaks are'} confirmed{together}:"
    if loud or quiet:
        yield _HEAD
    for site in (*loud, *quiet[:MAX_QUIET]):
        yield from _site(site)
    left_out = len(quiet[MAX_QUIET:]) + int(answer.get("sites_left_out") or 0)
    if left_out:
        yield f"and {left_out} more that are watched; --json lists them"


def _site(site: Mapping[str, Any]) -> Iterator[str]:
    rate, low, high = (site.get(key) for key in ("rate_mb_per_hour", "rate_low", "rate_high"))
    interval = f"{_short(low)} to {_short(high)}" if low is not None and high is not None else ""
    age, limit = site.get("survivor_age_s"), site.get("seconds_to_limit")
    alive = format_value(float(site.get("live_bytes") or 0.0), "By")
    yield (
        f"{site.get('state', '?'):<10} {_short(rate):>9}  {interval:<17} {alive:>9}  "
        f"{'' if age is None else _time(age):>10}  {'' if limit is None else _time(limit):>9}"
    ).rstrip()
    yield f"  {_place(site)}" + (f", {site['component']}" if site.get("component") else "")
    held = site.get("retained_by") or ()
    if held:
        yield f"  held by {' ← '.join(map(str, held))}"
    if site.get("bounded_by"):
        yield f"  bounded by {site['bounded_by']}"
    if site.get("state") == "confirmed" and site.get("reason"):
        yield f"  {site['reason']}"


def _place(site: Mapping[str, Any]) -> str:
    if not site.get("file"):
        return "outside of Python's allocators" if site.get("kind") == "native" else "no line is known"
    return f"{short_path(str(site['file']))}:{site.get('line')} in {site.get('function')}"


def _uses(report: Mapping[str, Any]) -> Iterator[str]:
    """Who holds most."""
    for key, title in (("sites", "the lines that hold most:"), ("components", "the components that hold most:")):
        uses = (report.get(key) or ())[:MAX_USES]
        if uses:
            yield ""
            yield title
        for use in uses:
            file, colon, rest = str(use.get("name")).partition(":")
            name = f"{short_path(file)}{colon}{rest}"
            within = f"({_mb(use.get('live_low_mb') or 0.0)} to {_mb(use.get('live_high_mb') or 0.0)})"
            yield f"  {_mb(use.get('live_mb') or 0.0):>9}  {within:<21}  {name}"


def _short(number: Any) -> str:
    return "" if number is None else f"{float(f'{number:.3g}'):,.15g}"


def _mb(megabytes: float) -> str:
    return format_value(megabytes * 1e6, "By")


def _time(seconds: float) -> str:
    return format_value(float(f"{seconds:.3g}"), "s") if seconds < 100 * 3600 else f"{seconds / 86400:,.0f} d"
