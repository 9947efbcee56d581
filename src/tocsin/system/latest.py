"""The last reading of single series, without a search among all of them each time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.engine import Engine
    from tocsin.model.readings import SeriesKey


class Latest:
    """Knows where series stand, once they were asked for.

    Args:
        engine: the present one; in a forked child it is another.
    """

    def __init__(self, engine: Callable[[], Engine]) -> None:
        self._engine = engine
        self._numbers: dict[SeriesKey, int] = {}

    def of(self, key: SeriesKey) -> float | None:
        """The last reading of a series; None: there is no such series yet."""
        series = self._engine().series
        known = series.get(self._numbers.get(key, -1))
        if known is None or known.key != key:
            number = next((number for number, one in tuple(series.items()) if one.key == key), None)
            if number is None:
                return None
            self._numbers[key], known = number, series[number]
        return known.latest()
