"""The states that a site goes through: watch, suspected, confirmed, and back: bounded or resolved."""

from __future__ import annotations

from typing import Final

from tocsin.memory.leaks.evenness import LEAST_SAMPLES
from tocsin.memory.leaks.growth import LEAST_S, LEAST_SNAPSHOTS, Growth, Trend
from tocsin.model.memory import LeakState

_LONGER: Final = 1.5  # what is suspected is confirmed when it has gone on for half as long again
SURE_SAMPLES: Final = int(LEAST_SAMPLES * _LONGER)
SURE_SNAPSHOTS: Final = int(LEAST_SNAPSHOTS * _LONGER)
SURE_S: Final = LEAST_S * _LONGER
_LEAST_SHARE: Final = 0.02  # of the whole observation: a busy minute after ten hours is no leak yet
_MUCH_MORE: Final = 2.0
_GONE: Final = 0.5  # of the most that was ever alive
_OVER = (Trend.STOPPED, Trend.DIES)


class Standing:
    """What is thought of one site."""

    __slots__ = ("_first_length_s", "first_bytes", "first_s", "most_bytes", "since_s", "state")

    def __init__(self) -> None:
        self.state: LeakState | None = None
        self.since_s = 0.0
        self.first_bytes: float | None = None
        self.first_s = 0.0
        self.most_bytes = 0.0
        self._first_length_s = 0.0

    @property
    def is_accused(self) -> bool:
        """Whether it is called a leak, or nearly so."""
        return self.state in {LeakState.SUSPECTED, LeakState.CONFIRMED}

    @property
    def is_over(self) -> bool:
        """Whether it was called a leak, and has ended."""
        return self.state in {LeakState.BOUNDED, LeakState.RESOLVED}

    def step(self, growth: Growth, live_bytes: float, *, samples: int, now_s: float, observed_s: float) -> None:
        """One more snapshot.

        Args:
            growth: what was found at it.
            live_bytes: what the site holds.
            samples: sampled blocks of it. Below eight it never comes to more than being watched: one block that grows,
                as a bytearray does, is one sample however large it is.
            now_s: when.
            observed_s: how long all has been observed.
        """
        if self.first_bytes is None:
            self.first_bytes, self.first_s = live_bytes, now_s
        state = self._next(growth, live_bytes, observed_s)
        if samples < LEAST_SAMPLES:
            state = self._few(state, live_bytes)
        self.most_bytes = max(self.most_bytes, live_bytes)
        if state != self.state:
            self.state, self.since_s = state, now_s

    def acquit(self, now_s: float) -> None:
        """Nothing is thought of it any more."""
        self.state, self.since_s = None, now_s

    def _next(self, growth: Growth, live_bytes: float, observed_s: float) -> LeakState | None:
        if growth.trend is Trend.GROWS:
            return self._accuse(growth, observed_s)
        if growth.trend in _OVER and (self.is_accused or self.is_over):
            return LeakState.RESOLVED if live_bytes < _GONE * self.most_bytes else LeakState.BOUNDED
        if self.is_accused:
            return self._doubt(growth, live_bytes)
        if self.is_over:
            return self.state
        watched = growth.trend in {Trend.FEW, Trend.UNEVEN, Trend.SLOWS} and growth.samples >= LEAST_SAMPLES // 2
        return LeakState.WATCH if watched else None

    def _few(self, state: LeakState | None, live_bytes: float) -> LeakState | None:
        if state in {LeakState.SUSPECTED, LeakState.CONFIRMED}:
            return LeakState.RESOLVED if live_bytes < _GONE * self.most_bytes else LeakState.WATCH
        grew = live_bytes >= _MUCH_MORE * (self.first_bytes or live_bytes)
        return LeakState.WATCH if state is None and grew else state

    def _doubt(self, growth: Growth, live_bytes: float) -> LeakState | None:
        """It does not grow evenly now, and has not ended either."""
        if growth.trend is not Trend.FEW:
            return LeakState.SUSPECTED
        # Another rate has begun, and what it is cannot be known yet; unless what it held has gone.
        return self.state if live_bytes >= _GONE * self.most_bytes else LeakState.RESOLVED

    def _accuse(self, growth: Growth, observed_s: float) -> LeakState:
        if self.state is LeakState.CONFIRMED:
            return LeakState.CONFIRMED
        if self.state is not LeakState.SUSPECTED:
            self._first_length_s = growth.length_s
            if self.is_over:
                return LeakState.SUSPECTED  # it ended once: to see it grow again takes two looks
        often = round(growth.samples + growth.young) >= SURE_SAMPLES
        often = often or growth.length_s >= _LONGER * self._first_length_s
        long = growth.length_s >= max(SURE_S * (1 - 1e-9), _LEAST_SHARE * observed_s)
        return LeakState.CONFIRMED if often and long and growth.snapshots >= SURE_SNAPSHOTS else LeakState.SUSPECTED
