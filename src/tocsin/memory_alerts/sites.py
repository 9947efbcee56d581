"""Leak sites in words: where, how fast, held by what, and what to set a cap at."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from tocsin.library import short_path
from tocsin.model.alert import Evidence
from tocsin.model.forecast import format_time_left, when
from tocsin.model.memory import LeakSite
from tocsin.model.readings import inert
from tocsin.model.units import format_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

MAX_SITES: Final = 5
MAX_FRAMES: Final = 5
ARROW: Final = " ← "
# What a cache may reasonably hold where nobody has said otherwise.
CAP_BYTES: Final = 64e6
_LENGTH: Final = re.compile(r"\[len ([\d,]+)\]")
_NAMED: Final = re.compile(r"(?:global|attribute|variable|cell)\b")
_BYTES: Final = ("bytearray", "bytes", "str", "memoryview", "array")


class Leak(NamedTuple):
    """Something that was called a leak.

    Attributes:
        text: what it is, in words.
        site: where, if that is known.
    """

    text: str
    site: LeakSite | None = None


def as_leak(found: Any) -> Leak:
    """Take anything for a leak: a LeakSite, a mapping with its fields, or an object that can be shown."""
    site = _site_of(found) if isinstance(found, Mapping) else found
    if isinstance(site, LeakSite) and (site.file or site.kind != "python"):
        return Leak(place_of(site), site)
    return Leak(inert(found, 200))


def _site_of(fields: Mapping[Any, Any]) -> LeakSite | None:
    try:
        return msgspec.convert({str(key): value for key, value in fields.items()}, LeakSite, strict=False)
    except (msgspec.ValidationError, TypeError, ValueError):
        return None


def place_of(site: LeakSite) -> str:
    """`app/sessions.py:48 in login`."""
    if not site.file:
        return "memory of C code" if site.kind == "native" else "code that is not known"
    return f"{short_path(site.file)}:{site.line}" + (f" in {site.function}" if site.function else "")


def speed_of(site: LeakSite) -> str:
    """`14 MB/hour (12 to 16)`, the brackets being the 95 % interval; empty where it is not known."""
    if site.rate_mb_per_hour is None:
        return ""
    speed = f"{short(site.rate_mb_per_hour)} MB/hour"
    if site.rate_low is None or site.rate_high is None:
        return speed
    return f"{speed} ({short(site.rate_low)} to {short(site.rate_high)})"


def holder_of(site: LeakSite) -> str:
    """`dict[len 48,211] ← global app.SESSIONS`; empty where it is not known."""
    return ARROW.join(site.retained_by)


def short(number: float) -> str:
    """Three significant digits, without an exponent."""
    return f"{float(f'{number:.3g}'):,.15g}"


def lines_of(site: LeakSite) -> Iterator[str]:
    """All that is known of a site; the first line says the most."""
    parts = [place_of(site), speed_of(site) and f"grows by {speed_of(site)}"]
    held = holder_of(site)
    yield ", ".join(filter(None, [*parts, held and f"held by {held}"]))
    if site.live_bytes:
        known = f"{format_value(site.live_bytes, 'By')} alive in {site.samples:,} samples"
        yield "  " + ", ".join(filter(None, [known, *_ages(site)]))
    if site.growth_share is not None:
        yield f"  {_percent(site.growth_share)} of what the program grew by"
    if site.seconds_to_limit is not None:
        yield f"  at this pace the memory limit is reached {_when(site.seconds_to_limit, site)}"
    if site.reason:
        yield f"  {site.state.value}: {site.reason}"
    yield from (f"  called from {_frame(site, number)}" for number in _callers(site))


def _when(left_s: float, site: LeakSite) -> str:
    """The time to the limit, with an interval where that of the rate is known: "in 1 h 50 m (1 h 20 m to 2 h 40 m)"."""
    rate, low, high = site.rate_mb_per_hour, site.rate_low, site.rate_high
    if not rate or low is None or high is None or low <= 0:
        return f"in {format_time_left(left_s)}"
    return when(left_s, left_s * rate / high, left_s * rate / low)


def evidence_of(leaks: Sequence[Leak], title: str, kind: str = "leak_sites") -> Evidence | None:
    """The proof of an alert: the sites, fastest first, the stack of the first among them."""
    lines: list[str] = []
    for leak in leaks[:MAX_SITES]:
        found = [leak.text] if leak.site is None else list(lines_of(leak.site))
        lines += found if not lines else found[:2]
    if len(leaks) > MAX_SITES:
        lines.append(f"… and {len(leaks) - MAX_SITES} more")
    return Evidence(kind, title, tuple(lines)) if lines else None


def advice_on(site: LeakSite) -> Iterator[str]:
    """What to do about one site: the line, the container, and the cap to set."""
    place = place_of(site)
    container = container_of(site)
    if container:
        cap = cap_of(site)
        at = f" at {cap}" if cap else ""
        yield f"Cap {container}{at}: evict the oldest entry when {place} adds one, or drop each when it is done with"
    elif site.kind == "native":
        yield "Look at extensions and what they keep: the growth lies outside of Python's allocators"
    else:
        yield f"See what keeps the objects made at {place}, and bound it or drop them there when they are done with"
    if site.seconds_to_limit is not None:
        left = format_time_left(site.seconds_to_limit)
        yield f"Restart in an orderly way within {left} if {place} cannot be changed by then: the limit is reached then"


def container_of(site: LeakSite) -> str:
    """What holds the objects, by the name that the program has for it."""
    chain = site.retained_by
    if not chain:
        return ""
    named = next((number for number, link in enumerate(chain) if _NAMED.search(link)), len(chain) - 1)
    sized = _sized(chain[: named + 1])
    first = max(named - 1, 0) if sized is None else sized
    return ARROW.join(chain[first : named + 1])


def cap_of(site: LeakSite) -> str:
    """`320 entries (200 kB each, 64 MB in all)`; without a length of the container a size, without bytes nothing."""
    if site.live_bytes <= 0:
        return ""
    chain = site.retained_by
    sized = _sized(chain)
    found = None if sized is None else _LENGTH.search(chain[sized])
    length = int(found[1].replace(",", "")) if found else 0
    if length < 1:
        return format_value(CAP_BYTES, "By")
    each = site.live_bytes / length
    entries = max(float(f"{CAP_BYTES / max(each, 1.0):.1g}"), 1.0)
    return f"{entries:,.0f} entries ({format_value(each, 'By')} each, {format_value(entries * each, 'By')} in all)"


def _sized(chain: Sequence[str]) -> int | None:
    """The place of the container with entries that is nearest to the name; what has bytes for entries is none."""
    named = next((number for number, link in enumerate(chain) if _NAMED.search(link)), len(chain) - 1)
    sized = [number for number, link in enumerate(chain[: named + 1]) if _LENGTH.search(link)]
    return next((number for number in reversed(sized) if not chain[number].startswith(_BYTES)), None)


def fastest_first(sites: Iterable[LeakSite]) -> list[LeakSite]:
    """Sorted by growth."""
    return sorted(sites, key=lambda site: -(site.rate_mb_per_hour or 0.0))


def _ages(site: LeakSite) -> Iterator[str]:
    if site.survivor_age_s is not None:
        yield f"half of it older than {format_value(site.survivor_age_s, 's')}"
    if site.old_share is not None and site.observed_s:
        seen = format_value(site.observed_s, "s")
        yield f"{_percent(site.old_share)} of the bytes older than half of the {seen} seen"


def _callers(site: LeakSite) -> range:
    """The frames behind the one that is named."""
    named = next(
        (number for number, frame in enumerate(site.stack) if (frame.file, frame.line) == (site.file, site.line)), -1
    )
    return range(named + 1, min(named + 1 + MAX_FRAMES, len(site.stack)))


def _frame(site: LeakSite, number: int) -> str:
    frame = site.stack[number]
    return f"{short_path(frame.file)}:{frame.line} in {frame.function}"


def _percent(share: float) -> str:
    return f"{share * 100:.0f} %"
