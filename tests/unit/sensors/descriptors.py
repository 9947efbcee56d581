"""Which files of a place this process holds open: what other tests have left behind does not count."""

from __future__ import annotations

import os
from pathlib import Path

HERE = Path("/proc/self/fd")


def held(place: str) -> list[str]:
    """The open files below a place, by name; a file that was removed counts by its old one."""
    found = []
    for number in os.listdir(HERE):  # noqa: PTH208 - names, since what lists them is among them and is gone again
        try:
            name = str((HERE / number).readlink())
        except OSError:
            continue
        if name.startswith(place):
            found.append(name)
    return sorted(found)
