"""The program's own alerts: the doors that judge nothing themselves, and cost the caller next to nothing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from tocsin.model import inputs as given
from tocsin.model.levels import AlertCategory, AlertSeverity
from tocsin.model.notice import Receipt
from tocsin.system.stepping.intake import ACCEPTED, DISABLED, MAX_TEXT
from tocsin.system.stepping.stepper import ANSWER_WITHIN_S

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tocsin.model.alert import PerformanceAlert
    from tocsin.system.core import SystemCore

_GENERAL: Final = AlertCategory.GENERAL
_WARNING: Final = AlertSeverity.WARNING
_UNJUDGED: Final = Receipt(durable=False, reason=f"not judged within {ANSWER_WITHIN_S:g} s; it is not lost")
# What is critical has a queue of its own, and does not take the short way.
_PLAIN: Final = frozenset({AlertSeverity.INFO, AlertSeverity.WARNING})


class Emitter:
    """What `AlertSystem` offers to whoever has something to tell.

    Args:
        core: the parts of the system, whose intake takes the events.
    """

    def __init__(self, core: SystemCore) -> None:
        self._core = core
        self._intake = core.intake

    def emit(
        self,
        title: str,
        message: str = "",
        level: AlertSeverity | int | str = _WARNING,
        source: str = "app",
        *,
        category: AlertCategory | str = _GENERAL,
        component: str = "",
        labels: Mapping[str, str] | None = None,
        recommendations: Iterable[str] = (),
        durable: bool = False,
    ) -> Receipt:
        """Raise an alert from the program itself; from any thread, also before `start()`.

        Args:
            title: what is wrong; equal troubles have equal titles.
            message: what is wrong, with figures; at most 1,000 characters are kept.
            level: a severity, 1 to 3, or a name; anything else is a warning, and counted.
            source: which part raises it; three told a minute for each source and level, the rest are counted.
            category, component, labels: what it is about; with source and title they make events equal.
            recommendations: what to do.
            durable: wait, up to 2 s, until it is on disk; the receipt says whether it is, or why not.
        Returns: what became of it. Never raises.
        """
        # Every call from here costs the caller a tenth of the whole, so the plain event is handed over on the spot.
        intake = self._intake
        queue = intake.queue
        if len(queue) >= intake.limit and level is _WARNING and not durable:  # in a storm most calls end here
            return intake.refuse()
        try:
            if (
                labels is None
                and recommendations == ()
                and not durable
                and level in _PLAIN
                and len(queue) < intake.limit
                and type(category) is AlertCategory
                and len(title) + len(message) + len(source) + len(component) <= MAX_TEXT
            ):
                queue.extend((title, message, level, source, category, component))  # one call: nobody comes in between
                if not intake.rung:
                    intake.ring()
                return ACCEPTED
        except Exception:  # noqa: BLE001, S110 - a user's odd object: whoever takes the long way cleans it
            pass
        if durable:
            return self._emit_durable(title, message, level, source, category, component, labels, recommendations)
        return intake.offer(title, message, level, source, category, component, labels, recommendations)

    async def emit_durably(
        self,
        title: str,
        message: str = "",
        level: AlertSeverity | int | str = _WARNING,
        source: str = "app",
        *,
        category: AlertCategory | str = _GENERAL,
        component: str = "",
        labels: Mapping[str, str] | None = None,
        recommendations: Iterable[str] = (),
    ) -> Receipt:
        """`emit(durable=True)` for coroutines: the event loop goes on while the disk is waited for, up to 2 s.

        Returns: whether it is on disk, or why not. Never raises, but for the cancellation of whoever waits.
        """
        if self._core.disabled:
            return DISABLED
        began_s = time.perf_counter()
        raw = (title, message, level, source, category, component, labels, recommendations)
        answer = await self._core.ask(lambda _: [self._intake.make_event(*raw)])
        if answer is None or answer.alert is None:
            return _UNJUDGED
        reason = await self._core.on_disk(max(ANSWER_WITHIN_S - (time.perf_counter() - began_s), 0.0))
        return Receipt(durable=not reason, reason=reason, id=answer.alert.id)

    def _emit_durable(self, *raw: Any) -> Receipt:
        if self._core.disabled:
            return DISABLED
        began_s = time.perf_counter()
        alert = self._judged(*raw)
        if alert is None:
            return _UNJUDGED
        reason = self._core.recorder.sync(max(ANSWER_WITHIN_S - (time.perf_counter() - began_s), 0.0))
        return Receipt(durable=not reason, reason=reason, id=alert.id)

    def _emit_alert(
        self, title: str, message: str, level: AlertSeverity | int | str, source: str
    ) -> PerformanceAlert | None:
        """Raise an alert and wait until it was judged, at most 2 s."""
        return self._judged(title, message, level, source, _GENERAL, "", None, ())

    def _judged(self, *raw: Any) -> PerformanceAlert | None:
        answer = self._core.ask_now(lambda _: [self._intake.make_event(*raw)])
        return None if answer is None else answer.alert

    def resolve(self, fingerprint: str) -> bool:
        """Say that an event is over. False: none of this fingerprint is open."""
        answer = self._core.ask_now(lambda _: [given.Resolve(fingerprint)])
        return answer is not None and answer.found
