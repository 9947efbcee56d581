"""How many asyncio tasks there are, and how long the oldest has lasted."""

from __future__ import annotations

import sys
import time
import weakref
from typing import TYPE_CHECKING, Any, Final

from tocsin.model.readings import Layout, SeriesKey
from tocsin.sensors.protocol import NAN, Tier, kept_layout
from tocsin.sensors.runtime.pace import Pace

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable, Iterable

    from tocsin.clock import Instant

_MAX_TASKS: Final = 50_000
# A program with very many tasks is looked at less often: at most this share of a core is spent.
_SHARE: Final = 0.0005


class TaskSensor:
    """The tasks of each event loop that is watched. A task's age is counted from when it was first seen here.

    Args:
        loops: label and loop of each that is known now. Asyncio is not imported for this.
    """

    name: Final = "runtime.tasks"
    tier: Final = Tier.SLOW

    def __init__(self, loops: Callable[[], Iterable[tuple[str, AbstractEventLoop]]]) -> None:
        self.layout: Layout = ()
        self.remark = ""
        self._loops = loops
        self._first_seen_s: dict[weakref.ref[Any], float] = {}
        self._pace = Pace(_SHARE)

    def read(self, now: Instant) -> list[float]:
        """For each loop the number of its tasks that are not done, and the age of the oldest in seconds.

        NaN for a loop whose tasks changed too fast to be counted, and while a look would cost too much.
        """
        found = [(label, loop) for label, loop in self._loops() if not loop.is_closed()]
        self.layout = kept_layout(self.layout, (key for label, _ in found for key in _keys(label)))
        asyncio = sys.modules.get("asyncio")
        if asyncio is None or not self._pace.allows(now.mono_s):
            return [NAN] * len(self.layout)
        began_s, self.remark = time.thread_time(), ""
        values: list[float] = []
        seen: dict[weakref.ref[Any], float] = {}
        for _, loop in found:
            values += self._look(asyncio.all_tasks, loop, now.mono_s, seen)
        self._first_seen_s = seen
        self._pace.looked(now.mono_s, time.thread_time() - began_s)
        return values

    def close(self) -> None:
        """Forget when tasks were first seen."""
        self._first_seen_s = {}
        self._pace.forget()

    def _look(
        self,
        all_tasks: Callable[[AbstractEventLoop], set[Any]],
        loop: AbstractEventLoop,
        now_s: float,
        seen: dict[weakref.ref[Any], float],
    ) -> tuple[float, float]:
        try:
            tasks = all_tasks(loop)
        except RuntimeError:
            return NAN, NAN  # the set changed under it a thousand times; asyncio itself tried so often
        known, oldest_s = self._first_seen_s, now_s
        if len(tasks) > _MAX_TASKS:
            self.remark = f"a loop has {len(tasks)} tasks: beyond {_MAX_TASKS} they are counted, and have no age"
            return float(len(tasks)), NAN
        for task in tasks:
            reference = weakref.ref(task)
            first_s = known.get(reference, now_s)
            seen[reference] = first_s
            oldest_s = min(oldest_s, first_s)
        return float(len(tasks)), now_s - oldest_s


def _keys(label: str) -> tuple[SeriesKey, SeriesKey]:
    labels = (("loop", label),)
    return SeriesKey("tocsin.asyncio.tasks", labels), SeriesKey("tocsin.asyncio.oldest_task", labels)
