"""What people order: silences and acknowledgements; with a state directory they are on disk when a call ends."""

from __future__ import annotations

import math
import os
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tocsin.errors import AlertNotFound, SilenceNotFound
from tocsin.model import inputs as given
from tocsin.model.matching import Matcher, all_match, facts_of, parse_matcher
from tocsin.model.orders import PlacedSilence, Silence
from tocsin.model.readings import inert
from tocsin.system.reporting import complain
from tocsin.system.stepping.stepper import ANSWER_WITHIN_S

if TYPE_CHECKING:
    from datetime import datetime

    from tocsin.model.alert import PerformanceAlert
    from tocsin.system.core import SystemCore

MAX_AUTHOR: Final = 200
MAX_COMMENT: Final = 2000
# A silence for ever is forgotten, and with it what it hides.
MAX_SILENCE_S: Final = 366 * 86_400.0


class Orders:
    """What `AlertSystem` offers to whoever takes care of alerts, or wants not to be told of them.

    Args:
        core: the parts of the system.
    """

    _core: SystemCore

    # -- acknowledgements

    def acknowledge(
        self, alert_id: str, by: str = "", comment: str = "", for_s: float | None = None
    ) -> PerformanceAlert:
        """Take care of an alert: its repeats are not told any more. Twice is fine.

        The mark ends with the alert, after `for_s` seconds, or when the alert gets worse. Where there is a state
        directory it is on disk when this returns; what the disk has not taken within 2 s is logged as a warning.

        Raises: AlertNotFound: if no alert has this id. ValueError: if `for_s` is no time.
        """
        alert, reason = self._acknowledge(alert_id, by, comment, for_s)
        self._warn("the acknowledgement of alert", alert_id, reason)
        return alert

    async def acknowledge_alert(
        self, alert_id: str, by: str = "", comment: str = "", for_s: float | None = None
    ) -> PerformanceAlert:
        """`acknowledge`, for coroutines. Raises AlertNotFound and ValueError."""
        command = _acknowledgement(alert_id, by, comment, for_s)
        began_s = time.perf_counter()
        answer = await self._core.ask(lambda _: [command])
        if answer is None or answer.alert is None:
            raise AlertNotFound(alert_id)
        self._warn("the acknowledgement of alert", alert_id, await self._core.on_disk(_left_s(began_s)))
        return answer.alert

    # -- silences

    def silence(
        self,
        *matchers: str | Matcher,
        for_s: float | None = None,
        until: datetime | None = None,
        author: str = "",
        comment: str = "",
    ) -> PlacedSilence:
        """Tell nobody of the alerts that match, for a time. Their life goes on, and what still fires then is told.

        Args:
            *matchers: all of them must match, such as `"component=db"` or `"severity!=critical"`; at least one.
            for_s: for so many seconds from now, at most 366 days.
            until: or up to this time, aware.
            author: who orders it.
            comment: why.
        Returns: the silence; `open_alerts` says how many alerts it matches now, and `durable` whether it is on disk.
        Raises: ValueError: if a matcher is none, there are none, or the time is missing, over or too long.
        """
        silence = self._silence(matchers, for_s, until, author=author, comment=comment)
        began_s = time.perf_counter()
        answer = self._core.ask_now(lambda _: [given.PutSilence(silence)])
        if answer is None:
            reason = "TOCSIN_DISABLED is set" if self._core.disabled else "no answer from the watch thread yet"
            return _placed(silence, 0, reason)
        return _placed(silence, answer.matching, self._core.recorder.sync(_left_s(began_s)))

    def expire_silence(self, silence_id: str) -> None:
        """End a silence now; what it held back and still fires is told. What the disk does not take is logged.

        Raises: SilenceNotFound: if there is none of this id.
        """
        self._warn("the end of silence", silence_id, self._expire_silence(silence_id))

    def _expire_silence(self, silence_id: str) -> str:
        """`expire_silence`; why its end is not on disk."""
        began_s = time.perf_counter()
        answer = self._core.ask_now(lambda _: [given.ExpireSilence(silence_id)])
        if answer is None or not answer.found:
            raise SilenceNotFound(silence_id)
        return self._core.recorder.sync(_left_s(began_s))

    def silences(self) -> list[Silence]:
        """The silences that are in force or to come, the first to end first."""
        self._core.ask_now(lambda _: ())  # what an earlier run left is taken in at the first step
        utc = self._core.clock.now().utc
        known = self._core.engine.decisions.teller.reasons.silences
        return sorted((one for one in known if one.ends_at > utc), key=lambda one: one.ends_at)

    def preview(self, *matchers: str | Matcher) -> list[PerformanceAlert]:
        """The open alerts that a silence with these matchers would hold back, worst first; without any, all.

        Raises: ValueError: if a matcher is none.
        """
        wanted = [_matcher(one) for one in matchers]
        self._core.ask_now(lambda _: ())  # as above
        return [alert for alert in self._core.engine.book.open_alerts() if all_match(wanted, facts_of(alert))]

    # -- channels

    def try_channels(self, channel: str = "", *, timeout_s: float = 15.0) -> list[dict[str, Any]]:
        """Raise a critical alert that says it is a test, and end it when it was told. Waits for the channels.

        The filters of the channels let it pass; silences and maintenance hold it back.

        Args:
            channel: only this one; by default every one.
            timeout_s: real seconds to wait.
        Returns: for each channel `channel`, `outcome` (`delivered`, `failed`, `dead`, `held`, `waiting`), `why`,
            `took_s` and `notice`.
        Raises: ValueError: if there is no such channel, or none at all.
        """
        from tocsin.system.doors.trying import try_channels  # noqa: PLC0415 - seldom needed

        return try_channels(self._core, channel, timeout_s=timeout_s)

    def _acknowledge(self, alert_id: str, by: str, comment: str, for_s: float | None) -> tuple[PerformanceAlert, str]:
        """`acknowledge`; and why the mark is not on disk."""
        command = _acknowledgement(alert_id, by, comment, for_s)
        began_s = time.perf_counter()
        answer = self._core.ask_now(lambda _: [command])
        if answer is None or answer.alert is None:
            raise AlertNotFound(alert_id)
        return answer.alert, self._core.recorder.sync(_left_s(began_s))

    def _warn(self, what: str, which: str, reason: str) -> None:
        """Log what did not reach the disk, where there is one to reach."""
        if reason and self._core.config.state_dir is not None:
            complain(f"{what} {which!r} does not survive a restart: {reason}")

    def _silence(
        self,
        matchers: tuple[str | Matcher, ...],
        for_s: float | None,
        until: datetime | None,
        *,
        author: str,
        comment: str,
    ) -> Silence:
        now = self._core.clock.now().utc
        return new_silence(matchers, for_s=for_s, until=until, now=now, author=author, comment=comment)


def new_silence(
    matchers: tuple[str | Matcher, ...],
    *,
    for_s: float | None = None,
    until: datetime | None = None,
    now: datetime,
    author: str = "",
    comment: str = "",
) -> Silence:
    """A silence that begins now, with an id of its own.

    Raises: ValueError: as `Orders.silence`.
    """
    if (for_s is None) == (until is None):
        raise ValueError("a silence ends after `for_s` seconds or at `until`: give one of the two")
    if until is None:
        until = now + timedelta(seconds=_checked_s(for_s, "a silence"))
    elif until.tzinfo is None:
        raise ValueError(f"until {until.isoformat()}: a time without a zone; write datetime(…, tzinfo=UTC)")
    elif (until - now).total_seconds() > MAX_SILENCE_S:
        raise ValueError(f"until {until.isoformat()}: a silence lasts at most 366 days")
    return Silence(
        id=os.urandom(4).hex(), matchers=tuple(_matcher(one) for one in matchers), starts_at=now, ends_at=until,
        author=inert(author, MAX_AUTHOR), comment=inert(comment, MAX_COMMENT),
    )  # fmt: skip


def _matcher(one: str | Matcher) -> Matcher:
    if isinstance(one, Matcher):
        return one
    if not isinstance(one, str):
        raise TypeError(f"silence: a matcher is a str such as 'component=db', each an argument of its own, not {one!r}")
    return parse_matcher(one)


def _acknowledgement(alert_id: str, by: str, comment: str, for_s: float | None) -> given.Acknowledge:
    if for_s is not None:
        _checked_s(for_s, "an acknowledgement")
    return given.Acknowledge(alert_id, inert(by, MAX_AUTHOR), inert(comment, MAX_COMMENT), for_s)


def _checked_s(for_s: float | None, what: str) -> float:
    wrong = not isinstance(for_s, (int, float)) or isinstance(for_s, bool) or not math.isfinite(for_s)
    if for_s is None or wrong or not 0 < for_s <= MAX_SILENCE_S:
        raise ValueError(f"for_s={for_s!r}: {what} lasts more than 0 s and at most 366 days")
    return float(for_s)


def _placed(silence: Silence, matching: int, reason: str) -> PlacedSilence:
    return PlacedSilence(**msgspec.structs.asdict(silence), open_alerts=matching, durable=not reason, reason=reason)


def _left_s(began_s: float) -> float:
    return max(ANSWER_WITHIN_S - (time.perf_counter() - began_s), 0.0)
