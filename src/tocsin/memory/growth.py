"""How fast resident memory grows: the median of the slopes between all pairs of readings.

Source: Sen (1968), Estimates of the regression coefficient based on Kendall's tau. One reading in four may be wild.
"""

from __future__ import annotations

from collections import deque
from itertools import combinations
from typing import Final

LEAST_READINGS: Final = 5
_LEAST_SHARE: Final = 1 / 6  # of the window that readings have to span: 10 s of 60
_MOST_READINGS: Final = 64  # some 2,000 pairs, a fraction of a millisecond


class Growth:
    """Readings of one window of time.

    Args:
        window_s: how far back the rate looks, in seconds.
    """

    def __init__(self, window_s: float) -> None:
        self.window_s = window_s
        self._readings: deque[tuple[float, float]] = deque()

    def add(self, now_s: float, n_bytes: float) -> None:
        """One reading; of those that come faster than the window needs, the last one counts."""
        readings = self._readings
        if len(readings) > 1 and now_s - readings[-2][0] < self.window_s / _MOST_READINGS:
            readings.pop()
        readings.append((now_s, n_bytes))
        while readings[0][0] < now_s - self.window_s:
            readings.popleft()

    def forget(self) -> None:
        """Begin anew: another process has other memory."""
        self._readings.clear()

    def mb_per_s(self) -> float | None:
        """The slope in MB (10^6 bytes) per second; None until five readings span a sixth of the window."""
        if len(self._readings) < LEAST_READINGS or self.span_s() < self.least_span_s():
            return None
        pairs = combinations(self._readings, 2)
        slopes = sorted((b[1] - a[1]) / (b[0] - a[0]) for a, b in pairs if b[0] > a[0])
        # `statistics` says the same and brings fractions and decimals along.
        middle = len(slopes) // 2
        median = slopes[middle] if len(slopes) % 2 else (slopes[middle - 1] + slopes[middle]) / 2
        return median / 1e6

    def span_s(self) -> float:
        """Seconds from the first reading to the last."""
        return self._readings[-1][0] - self._readings[0][0] if self._readings else 0.0

    def least_span_s(self) -> float:
        """Seconds that readings have to span before there is a rate."""
        return self.window_s * _LEAST_SHARE

    def __len__(self) -> int:
        return len(self._readings)
