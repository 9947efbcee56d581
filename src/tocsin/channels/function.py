"""A channel made of a plain function."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.model.alert import PerformanceAlert


class FunctionChannel:
    """Tells of an alert by calling a function, plain or `async`, with it.

    Args:
        fn: called with the `PerformanceAlert`; what it returns is awaited where it can be, and not looked at.
        name: unique among the channels; by default the function's own name.
    """

    def __init__(self, fn: Callable[[PerformanceAlert], object], name: str = "") -> None:
        self.fn = fn
        self.name = name or _name_of(fn)

    async def send_alert(self, alert: PerformanceAlert) -> None:
        """Call the function. What it raises is the failure of this delivery."""
        answer = self.fn(alert)
        if hasattr(type(answer), "__await__"):
            await answer  # type: ignore[misc]  # that it can be awaited was just asked

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FunctionChannel) and (self.fn, self.name) == (other.fn, other.name)

    def __hash__(self) -> int:
        return hash((FunctionChannel, self.name))

    def __repr__(self) -> str:
        return f"FunctionChannel(name={self.name!r})"


def _name_of(fn: object) -> str:
    """The function's name; that of what a `functools.partial` wraps; else that of the object's class."""
    name = getattr(fn, "__name__", None) or getattr(getattr(fn, "func", None), "__name__", None) or type(fn).__name__
    return "lambda" if name == "<lambda>" else str(name)
