"""Visitors for the demo's service: real requests over HTTP, from threads of this process."""

from __future__ import annotations

import http.client
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Self

from tocsin.control.line import Deadline

if TYPE_CHECKING:
    from collections.abc import Mapping

_PATIENCE_S: Final = 10.0
_LEAVE_WITHIN_S: Final = 4.0
_HOST: Final = "127.0.0.1"


class Load:
    """Visits each page again and again, until left.

    Args:
        port: of the service on this machine.
        pauses_s: seconds that the one visitor of each page waits before the next visit.
    """

    def __init__(self, port: int, pauses_s: Mapping[str, float]) -> None:
        self._port = port
        self._over = threading.Event()
        self._counts = dict.fromkeys(pauses_s, 0)
        self._visitors = [
            threading.Thread(target=self._visit, args=(page, pause_s), name=f"visitor {page}", daemon=True)
            for page, pause_s in pauses_s.items()
        ]

    def __enter__(self) -> Self:
        for visitor in self._visitors:
            visitor.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        # A service that is ended amid its answers complains, and rightly; but nobody waits long for a slow one.
        leave_by = Deadline(_LEAVE_WITHIN_S)
        with suppress(TimeoutError):
            for visitor in self._visitors:
                visitor.join(leave_by.left_s())

    def counts(self) -> dict[str, int]:
        """Answered visits, by page."""
        return dict(self._counts)

    def _visit(self, page: str, pause_s: float) -> None:
        while not self._over.wait(pause_s):
            visitor = http.client.HTTPConnection(_HOST, self._port, timeout=_PATIENCE_S)
            try:
                visitor.request("GET", page)
                visitor.getresponse().read()
            except (OSError, http.client.HTTPException):
                continue  # the service is ending, or cannot keep up; both are none of the visitor's business
            finally:
                visitor.close()
            self._counts[page] += 1
