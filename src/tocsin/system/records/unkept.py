"""Tells that the state directory does not take what is to be kept: a promise that is broken in silence is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from tocsin.model.inputs import Event, Resolve
from tocsin.model.levels import AlertSeverity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tocsin.clock import Instant
    from tocsin.model.alert import PerformanceAlert
    from tocsin.model.inputs import Input

TITLE: Final = "State is not kept"
SOURCE: Final = "tocsin"
# A disk that fails once is tried again within moments; nobody needs to hear of that.
LASTING_S: Final = 5.0
_ADVICE: Final = (
    "Let this user write there, make room, or name another folder as state_dir",
    "Until then a restart forgets what is open, silenced and acknowledged",
)


class Keeping(Protocol):
    """What is asked of the record of a system."""

    @property
    def reason(self) -> str:
        """Why nothing is durable; empty while all is well."""
        ...


class UnkeptState:
    """An event while the state directory fails, over when it works again.

    Args:
        program: its name.
    """

    def __init__(self, program: str) -> None:
        self._program = program
        self.after_fork()

    def after_fork(self) -> None:
        """In the child: it has a folder of its own."""
        self._since_s: float | None = None
        self._told: bool | None = None  # None: not known, as a run before may have told it

    def look(self, record: Keeping, alerts: Iterable[PerformanceAlert], now: Instant) -> list[Input]:
        """What is to be judged.

        Args:
            record: of this system, which has a state directory.
            alerts: those that are open; asked for only when they are needed.
            now: this moment.
        """
        reason = record.reason
        if not reason:
            self._since_s = None
            if self._told is False:
                return []
            self._told = False
            return [Resolve(one.fingerprint) for one in alerts if (one.title, one.source) == (TITLE, SOURCE)]
        if self._since_s is None:
            self._since_s = now.mono_s
        if self._told or now.mono_s - self._since_s < LASTING_S:
            return []
        self._told = True
        return [
            Event(
                title=TITLE, message=f"Alerts are kept in memory only: {reason}", severity=AlertSeverity.WARNING,
                source=SOURCE, component=self._program, recommendations=_ADVICE, lasts=True,
            )
        ]  # fmt: skip
