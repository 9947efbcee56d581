"""What the memory room may be told to do differently."""

from __future__ import annotations

import msgspec


class MemorySettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the heap is watched.

    Attributes:
        enabled: whether it is watched at all.
        interval_bytes: mean bytes of allocation between two samples.
        snapshot_s: seconds between two looks while something grows; in calm times twice as long.
        tier: "auto", or the one tier that is wanted; see `MemoryProfiler`.
    """

    enabled: bool = True
    interval_bytes: int = 131072
    snapshot_s: float = 5.0
    tier: str = "auto"
