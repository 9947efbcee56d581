"""All rules at work on one series: each way of reading it is worked out once, and what is calm is passed over.

Most rules ask the same of a series, and most of the time the answer lies within the bounds of them all. Then nothing is
done for each rule: a reading costs a comparison for each way in which the series is read.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tocsin.alerts.life import Turn
    from tocsin.alerts.sight import Sight
    from tocsin.alerts.watch import Watch
    from tocsin.model.rule import AlertRule

NO_BAND: Final = (math.inf, -math.inf)
"""No value is calm: each is judged by the rule itself."""


class Watches:
    """The watches of one series, in the order of their rules.

    Attributes:
        seen_s: when the last reading came, in seconds in which somebody looked.
        in_error: whether one of them was told that there will be no reading.
    """

    __slots__ = ("_all", "_sights", "in_error", "seen_s")

    def __init__(self) -> None:
        self.seen_s = 0.0
        self.in_error = False
        self._all: list[Watch] = []
        self._sights: list[Sight] = []

    def __iter__(self) -> Iterator[Watch]:
        return iter(tuple(self._all))

    def __len__(self) -> int:
        return len(self._all)

    def add(self, watch: Watch, band: tuple[float, float], *, together: bool) -> None:
        """One more.

        Args:
            watch: a rule at work on this series.
            band: which values are surely not bad by it, both ends included; of NO_BAND that is none.
            together: whether it may share what was seen with those that read the series alike; not if it comes later,
                since it has not seen anything yet.
        """
        sight = watch.sight
        if together:
            sight = next((one for one in self._sights if one.aggregate == sight.aggregate), sight)
        if sight not in self._sights:
            self._sights.append(sight)
        sight.join(watch, band)
        watch.sight, watch.group = sight, self
        self._all.append(watch)

    def drop(self, rule: AlertRule) -> list[Watch]:
        """Those of a rule, which are here no longer."""
        gone = [watch for watch in self._all if watch.rule is rule]
        if gone:
            self._all = [watch for watch in self._all if watch.rule is not rule]
            for sight in self._sights:
                sight.judges = [watch for watch in self._all if watch.sight is sight]
            self._sights = [sight for sight in self._sights if sight.judges]
        return gone

    def look(self, value: float, mono_s: float, active_s: float) -> Iterable[tuple[Watch, Turn]]:
        """Judge a reading that has just come: what turned, one after the other; almost always nothing."""
        self.seen_s = active_s
        roused = [sight for sight in self._sights if sight.takes_notice(value, mono_s)]
        return self._judge(roused, active_s) if roused else ()

    def _judge(self, roused: list[Sight], active_s: float) -> Iterator[tuple[Watch, Turn]]:
        together = [watch for watch in self._all if watch.sight in roused] if len(roused) > 1 else roused[0].judges
        for watch in cast("list[Watch]", together):
            turn = watch.judge(active_s)
            if turn is not None:
                yield watch, turn
        for sight in roused:
            sight.calm = all(judge.is_quiet for judge in sight.judges)
