"""What tests of the search for holders keep, and how they ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tocsin.memory.retention import find_holders

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.model.memory import Retention


class Thing:
    """What a test keeps; it has attributes, and so is known to the collector."""

    def __init__(self) -> None:
        self.number = 1


def holders_of(addresses: Sequence[int]) -> Retention:
    return find({7: addresses})[7]


def find(survivors: dict[int, Sequence[int]], **how: Any) -> dict[int, Retention]:
    """Without resting, and with time enough for a busy machine."""
    return find_holders(survivors, **{"budget_s": 60.0, "pause": lambda _: None, **how})
