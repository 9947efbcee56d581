"""Why nobody is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime

    from tocsin.model.levels import Held


class Reason(NamedTuple):
    """Why nobody is told, and how long at most.

    Attributes:
        held: which of the reasons.
        why: in words, with its figures.
        until: when it passes by itself, UTC; None: when something else changes.
        passes: whether the alert is told once the reason is gone, if it still fires then.
    """

    held: Held
    why: str
    until: datetime | None = None
    passes: bool = True
