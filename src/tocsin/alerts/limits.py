"""The rate limit of one channel."""

from __future__ import annotations


class TokenBucket:
    """So many notices a minute, with a burst of as many.

    Args:
        per_minute: tokens that come back each minute; the bucket holds as many.
    """

    __slots__ = ("_per_s", "_size", "_tokens", "_updated_s")

    def __init__(self, per_minute: float) -> None:
        self._size = max(per_minute, 1.0)
        self._per_s = per_minute / 60.0
        self._tokens = self._size
        self._updated_s: float | None = None

    def take(self, now_s: float, *, always: bool = False) -> bool:
        """Take a token. False: there is none. With `always` it is taken on credit (for what must not wait)."""
        if self._updated_s is not None:
            self._tokens = min(self._size, self._tokens + (now_s - self._updated_s) * self._per_s)
        self._updated_s = now_s
        if self._tokens < 1.0 and not always:
            return False
        self._tokens = max(self._tokens - 1.0, 0.0)
        return True

    def tokens(self, now_s: float) -> float:
        """How many there are."""
        if self._updated_s is None:
            return self._size
        return min(self._size, self._tokens + (now_s - self._updated_s) * self._per_s)

    def fill(self, tokens: float, at_s: float) -> None:
        """Begin with so many, as of this moment."""
        self._tokens, self._updated_s = min(tokens, self._size), at_s
