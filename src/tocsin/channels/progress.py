"""Which parts of a notice were taken already, so that another attempt goes on where the last one stopped."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

_MAX_NOTICES: Final = 256


class Progress:
    """The parts that were taken of notices that are still to be delivered. In memory; the oldest are forgotten."""

    def __init__(self) -> None:
        self._taken: OrderedDict[str, set[str]] = OrderedDict()

    def of(self, notice_id: str) -> set[str]:
        """The parts of this notice that were taken; to be added to."""
        taken = self._taken.setdefault(notice_id, set())
        while len(self._taken) > _MAX_NOTICES:
            self._taken.popitem(last=False)
        return taken

    def done(self, notice_id: str) -> None:
        """The notice is delivered."""
        self._taken.pop(notice_id, None)
