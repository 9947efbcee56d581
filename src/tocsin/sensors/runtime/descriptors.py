"""What the open file descriptors of the program are: sockets, pipes, files."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tocsin.errors import SampleError
from tocsin.model.readings import SeriesKey
from tocsin.sensors.protocol import Tier

if TYPE_CHECKING:
    from tocsin.clock import Instant
    from tocsin.model.readings import Layout

KINDS: Final = ("socket", "pipe", "file", "anon", "other")
MAX_LOOKS: Final = 2_000
_BEGINNINGS: Final = (("socket:", "socket"), ("pipe:", "pipe"), ("anon_inode:", "anon"), ("/", "file"))


class DescriptorKindSensor:
    """The own descriptors by kind: where a leak of descriptors comes from. Linux only.

    Args:
        proc: where /proc is.
    """

    name: Final = "runtime.descriptors"
    tier: Final = Tier.SLOWEST
    layout: Final[Layout] = tuple(SeriesKey("process.open_file_descriptor.kinds", (("kind", kind),)) for kind in KINDS)

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._folder = os.fspath(proc / "self" / "fd")
        self.remark = ""

    def read(self, now: Instant) -> list[float]:  # noqa: ARG002 - the protocol's shape
        """How many there are of each kind; of more than 2,000 descriptors, among the first 2,000.

        Raises: SampleError: if the folder cannot be listed.
        """
        try:
            numbers = os.listdir(self._folder)
        except OSError as error:
            raise SampleError(f"{self._folder}: cannot be listed: {error.strerror}") from error
        looked_at = numbers[:MAX_LOOKS]
        self.remark = "" if looked_at == numbers else f"of {len(numbers)} descriptors {MAX_LOOKS} were looked at"
        counts = dict.fromkeys(KINDS, 0)
        for number in looked_at:
            with suppress(OSError):  # closed since, as the one by which the folder was listed
                counts[_kind(os.readlink(f"{self._folder}/{number}"))] += 1
        return [float(count) for count in counts.values()]

    def close(self) -> None:
        """Nothing is kept open."""


def _kind(target: str) -> str:
    return next((kind for beginning, kind in _BEGINNINGS if target.startswith(beginning)), "other")
