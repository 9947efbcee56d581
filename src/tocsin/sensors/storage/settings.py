"""What the background probe of storage may be told to do differently."""

from __future__ import annotations

from pathlib import Path

import msgspec


class StorageSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How storage is probed in the background.

    Attributes:
        directory: where; None: where temporary files go.
        read_probe: whether a block of a once-written file is read every ten seconds.
        write_probe: whether a block is written and synced too.
        write_every_s: seconds between two writes.
        write_budget_bytes: bytes that may be written a day, the file itself included.
        min_free_bytes: with less free space than this, nothing is written.
    """

    directory: Path | None = None
    read_probe: bool = True
    write_probe: bool = False
    write_every_s: float = 60.0
    write_budget_bytes: int = 10_000_000
    min_free_bytes: int = 512 * 2**20
