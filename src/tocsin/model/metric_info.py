"""What is known of one metric, whoever measures it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

MetricKind = Literal["gauge", "counter"]


class MetricInfo(msgspec.Struct, frozen=True):
    """What a metric is.

    Attributes:
        name: the OpenTelemetry name, or one below `tocsin.` or `container.`.
        unit: in UCUM as OpenTelemetry writes it: `1` ratio, `By`, `s`, `By/s`, `{thread}`; empty when unknown.
        kind: a gauge goes up and down, a counter only up (a fall is a reset).
        text: what it means, in a sentence without full stop.
        source: where it is read, on Linux; empty for what the program itself counts.
        tier: check intervals from one reading to the next; 0 for what comes when it happens.
        platform: `all`, or the one platform that has it.
    """

    name: str
    unit: str
    kind: MetricKind
    text: str
    source: str = ""
    tier: int = 0
    platform: str = "all"


def gauge(name: str, unit: str, text: str, *, platform: str = "all") -> MetricInfo:
    """A metric that goes up and down."""
    return MetricInfo(name, unit, "gauge", text, platform=platform)


def counter(name: str, unit: str, text: str, *, platform: str = "all") -> MetricInfo:
    """A metric that only goes up; a fall is a reset."""
    return MetricInfo(name, unit, "counter", text, platform=platform)


def read_from(
    source: str, tier: int, metrics: Iterable[MetricInfo], *, platform: str | None = None
) -> tuple[MetricInfo, ...]:
    """Metrics of one source; `platform` for all of them, where it is given."""
    changes = {"source": source, "tier": tier} | ({} if platform is None else {"platform": platform})
    return tuple(msgspec.structs.replace(info, **changes) for info in metrics)
