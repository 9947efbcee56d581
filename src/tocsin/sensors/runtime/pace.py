"""How often something that costs CPU time may be looked at."""

from __future__ import annotations

from typing import Final

_NEVER: Final = float("-inf")


class Pace:
    """Keeps the cost of repeated looks within a share of one core.

    What a look costs is the lesser cost of the last two: a garbage collection that happens to fall into one of them
    takes a thousand times as long, and would put off the next for minutes.

    Args:
        share: of one core, 0 to 1.
        every_s: the least seconds between two looks.
    """

    def __init__(self, share: float, every_s: float = 0.0) -> None:
        self._share = share
        self._every_s = every_s
        self._cost_s = 0.0
        self._not_before_s = _NEVER

    def allows(self, at_s: float) -> bool:
        """Whether it is time for the next look, in the same seconds as `looked`."""
        return at_s >= self._not_before_s

    def looked(self, at_s: float, cost_s: float) -> None:
        """A look was taken, and cost so many seconds of CPU time."""
        usual_s, self._cost_s = min(cost_s, self._cost_s), cost_s
        self._not_before_s = at_s + max(self._every_s, usual_s / self._share)

    def forget(self) -> None:
        """Begin anew: the next look may be at once."""
        self._cost_s, self._not_before_s = 0.0, _NEVER
