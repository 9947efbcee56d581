"""One row of the table of processes, and which rows come first; each platform fills the table in its own way."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

Order = Literal["cpu", "rss"]

PROCESS_STATES: Final = ("running", "sleeping", "disk", "stopped", "zombie", "idle")
"""Running or ready; waiting for an event; for storage; stopped; ended and not asked for; an idle kernel thread."""


class ProcessRow(msgspec.Struct, frozen=True):
    """What one process uses.

    Attributes:
        pid: its number.
        name: of its program; the kernel keeps 15 bytes.
        cpu: CPU time for each second, as a share of one core; None where it is not known.
        rss_bytes: resident memory.
    """

    pid: int
    name: str
    cpu: float | None
    rss_bytes: int


def top(rows: list[ProcessRow], n: int, by: Order) -> list[ProcessRow]:
    """The `n` greatest, the greatest first; a row whose CPU is not known is none of the greatest by CPU."""
    if by == "cpu":
        known = [(row.cpu, row) for row in rows if row.cpu is not None]
        return [row for _, row in sorted(known, key=lambda pair: (-pair[0], pair[1].pid))[:n]]
    return sorted(rows, key=lambda row: (-row.rss_bytes, row.pid))[:n]
