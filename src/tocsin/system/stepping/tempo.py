"""How fast to look: closer while something happens, slower after quiet minutes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.alerts.history import AlertHistory
    from tocsin.clock import Instant

# Looking closer costs up to four times as much, so it is done for a while after each cause and not for its whole time.
ELEVATED_FOR_S: Final = 10.0
CALM_BETWEEN_S: Final = 30.0
CALM_AT_MOST_S: Final = 480.0
FASTEST_S: Final = 0.25
QUIET_AFTER_S: Final = 300.0


class Tempo:
    """Seconds between two passes.

    Args:
        base_s: in calm times.
        dynamic: whether to look closer at all.
        history: fresh alerts in it halve the interval; asked for each time, since a forked child has another.
    """

    def __init__(self, base_s: float, history: Callable[[], AlertHistory], *, dynamic: bool) -> None:
        self._base_s = base_s
        self._history = history
        self._dynamic = dynamic
        self._elevated_until_s = float("-inf")
        self._seen_s: dict[str, float] = {}
        self._calm_s: dict[str, float] = {}
        self._stirred_s: float | None = None

    def reload(self, base_s: float, *, dynamic: bool) -> None:
        """Go by other numbers from now on."""
        self._base_s, self._dynamic = base_s, dynamic

    def elevate(self, now: Instant, cause: str) -> None:
        """Something may be about to happen: look closely for ten seconds.

        Args:
            now: this moment.
            cause: a breach is pending, a ping overdue, pressure rises. It counts when it begins: one that goes on, or
                comes again within half a minute, is not looked at closely a second time. Each time it does count, that
                half minute doubles, up to eight minutes, until it has been away for so long: a machine that stirs
                twice a minute all day is not watched at four times the price all day.
        """
        away_s = now.mono_s - self._seen_s.get(cause, float("-inf"))
        self._seen_s[cause] = self._stirred_s = now.mono_s
        calm_s = CALM_BETWEEN_S if away_s >= CALM_AT_MOST_S else self._calm_s.get(cause, CALM_BETWEEN_S)
        if away_s >= calm_s:
            self._elevated_until_s = now.mono_s + ELEVATED_FOR_S
            self._calm_s[cause] = min(2 * calm_s, CALM_AT_MOST_S)

    def interval_s(self, now: Instant) -> float:
        """A quarter (at least 250 ms) while elevated, half while alerts are fresh, else the whole."""
        base_s = self._base_s
        if not self._dynamic:
            return base_s
        if now.mono_s < self._elevated_until_s:
            return min(base_s, max(base_s / 4, FASTEST_S))
        return base_s / 2 if self._history().get_recent(minutes=1, now=now) else base_s

    def is_quiet(self, now: Instant) -> bool:
        """Whether nothing has stirred for five minutes."""
        if self._stirred_s is None:
            self._stirred_s = now.mono_s  # a start is not quiet
        return now.mono_s - self._stirred_s >= QUIET_AFTER_S
