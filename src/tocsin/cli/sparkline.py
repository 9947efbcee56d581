"""A series as one line of block characters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_BLOCKS: Final = "▁▂▃▄▅▆▇█"
# Where a terminal cannot show blocks.
_ASCII: Final = "_.-=+*%#"


def sparkline(values: Sequence[float], width: int, *, top: float | None = None, ascii_only: bool = False) -> str:
    """Draw the last `width` values from zero up.

    Args:
        values: oldest first; NaN is drawn as a gap.
        width: characters at most.
        top: the value of a full block; by default the largest one drawn. Larger values are drawn as full blocks.
        ascii_only: draw with ASCII characters.
    Returns: one character a value.
    """
    shown = values[-width:] if width > 0 else []
    known = [value for value in shown if value == value]  # noqa: PLR0124 - NaN alone differs from itself
    full = top if top is not None else max(known, default=0.0)
    steps = _ASCII if ascii_only else _BLOCKS
    return "".join(_step(value, full, steps) for value in shown)


def _step(value: float, full: float, steps: str) -> str:
    if value != value:  # noqa: PLR0124 - as above
        return " "
    if full <= 0 or value <= 0:
        return steps[0]
    return steps[min(int(value / full * len(steps)), len(steps) - 1)]
