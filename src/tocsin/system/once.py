"""Something that is made, and loaded, when it is first asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Made = TypeVar("Made")


class Once(Generic[Made]):
    """Call it to have it. No lock is taken: a fork can come at any time, and a signal handler in between.

    Args:
        make: makes it; nothing may come of one that is made and dropped again.
    """

    def __init__(self, make: Callable[[], Made]) -> None:
        self._make = make
        self._made: list[Made] = []

    def __call__(self) -> Made:
        """The one there is; whoever asks first makes it."""
        if not self._made:
            self._made.append(self._make())
        return self._made[0]  # two who came at once both have the same

    @property
    def made(self) -> Made | None:
        """The one there is, if it was asked for."""
        return self._made[0] if self._made else None
