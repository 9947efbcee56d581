"""Visitors for the demo's service: real requests over HTTP, from threads of this process."""

from __future__ import annotations

import http.client
import threading
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

_PATIENCE_S: Final = 10.0
_HOST: Final = "127.0.0.1"


class Load:
    """Visits each page at its rate, until left.

    Args:
        port: of the service on this machine.
        visits_per_s: by page. A page is visited by one visitor, who waits for each answer.
    """

    def __init__(self, port: int, visits_per_s: Mapping[str, float]) -> None:
        self._port = port
        self._over = threading.Event()
        self._counts = dict.fromkeys(visits_per_s, 0)
        self._visitors = [
            threading.Thread(target=self._visit, args=(page, 1 / rate), name=f"visitor {page}", daemon=True)
            for page, rate in visits_per_s.items()
        ]

    def __enter__(self) -> Self:
        for visitor in self._visitors:
            visitor.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()  # the visitors are daemons: who still waits for an answer is not waited for

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
