"""Files that a command writes for its user."""

from __future__ import annotations

import os
from pathlib import Path

import click


def write_whole(path: str, content: bytes) -> None:
    """Write a file whole or not at all. Raises click.ClickException."""
    target = Path(path)
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        fresh.write_bytes(content)
        fresh.replace(target)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise click.ClickException(f"{path} cannot be written: {error.strerror or error}") from error
