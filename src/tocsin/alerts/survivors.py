"""Alerts of the process before, until their series come back."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec

from tocsin.alerts.decisions import origin_of
from tocsin.alerts.keeping import (
    KeptAlert,
    KeptFlapping,
    KeptLife,
    keep,
    keep_flapping,
    life_of,
    resume,
    revive,
    revive_flapping,
)
from tocsin.alerts.telling.keeping import KeptTeller, keep_teller, revive_teller

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from tocsin.alerts.decisions import Decisions
    from tocsin.alerts.episode import Episode
    from tocsin.alerts.watch import Watch
    from tocsin.clock import Instant

_Kept = TypeVar("_Kept", KeptAlert, KeptTeller)
_ENCODE = msgspec.msgpack.encode


class Survivors:
    """Takes in what was kept, and hands each alert of a rule to the watch that goes on with it.

    Args:
        decisions: goes on with the alerts.
        patience_s: seconds after which an alert is over whose series has not come back.

    Attributes:
        unreadable: what was kept and cannot be read; it is lost.
    """

    def __init__(self, decisions: Decisions, patience_s: float) -> None:
        self._decisions = decisions
        self._patience_s = patience_s
        self._waiting: dict[str, tuple[Episode, KeptLife]] = {}
        self._flapping: dict[str, KeptFlapping] = {}
        self._until_s = 0.0
        self.unreadable = 0

    def take_in(
        self, alerts: Iterable[bytes], telling: bytes | None, *, now: Instant, is_known: Callable[[str], bool]
    ) -> int:
        """Take in what was kept; how many alerts that were.

        Args:
            alerts: as `keep_alert` gave them.
            telling: as `keep_telling` gave it; None: it was lost.
            now: the moment.
            is_known: whether there still is such a rule, and it is enabled.
        """
        known = None if telling is None else self._read(telling, KeptTeller)
        if known is not None:
            revive_teller(self._decisions.teller, known, now)
            self._flapping = dict(known.flapping)
        count = 0
        for kept in self._read_all(alerts):
            episode = revive(kept, now)
            count += 1
            self._decisions.adopt(episode)
            if kept.life is None:
                continue
            if is_known(kept.origin.rule):
                self._waiting[episode.fingerprint] = (episode, kept.life)
            else:
                self._decisions.give_up(episode, "its rule is gone")
        if known is not None and known.acting is not None:
            self._decisions.go_on_acting(known.acting)
        self._until_s = now.mono_s + self._patience_s
        return count

    def obey(self, alerts: Iterable[bytes], telling: bytes | None) -> None:
        """Take in the orders in what these decisions left; see `tocsin.alerts.left_orders`, which gives them."""
        known = None if telling is None else self._read(telling, KeptTeller)
        if known is not None:
            self._decisions.teller.reasons.silences.replace(known.silences)
        for kept in self._read_all(alerts):
            self._decisions.remark(kept.id, kept.acknowledgement, kept.trace)

    def bury(self, alerts: Iterable[bytes], now: Instant) -> int:
        """End the alerts of a process that is gone, and that nobody goes on with; how many those are."""
        count = 0
        for kept in self._read_all(alerts):
            self._decisions.bury(revive(kept, now), "its process is gone")
            count += 1
        return count

    def _read_all(self, alerts: Iterable[bytes]) -> Iterator[KeptAlert]:
        for body in alerts:
            kept = self._read(body, KeptAlert)
            if kept is not None:
                yield kept

    def _read(self, body: bytes, kind: type[_Kept]) -> _Kept | None:
        """What was kept; None, and counted, where another version wrote it in another form."""
        try:
            return msgspec.msgpack.decode(body, type=kind)
        except msgspec.MsgspecError:
            self.unreadable += 1
            return None

    def claim(self, watch: Watch, active_s: float) -> None:
        """A watch begins: if the process before had an alert of it, it goes on."""
        if not self._waiting and not self._flapping:
            return
        fingerprint = origin_of(watch).fingerprint
        came_and_went = self._flapping.pop(fingerprint, None)
        if came_and_went is not None:
            watch.flapping = revive_flapping(came_and_went, active_s)
        found = self._waiting.pop(fingerprint, None)
        if found is not None:
            resume(watch, *found, active_s)

    def flapping(self, watches: Iterable[Watch], active_s: float) -> dict[str, KeptFlapping]:
        """Comings and goings of alerts that are not open now, for the next process; by fingerprint."""
        calm = (watch for watch in watches if watch.flapping is not None and watch.episode is None)
        return {**self._flapping, **{origin_of(watch).fingerprint: keep_flapping(watch, active_s) for watch in calm}}

    def drop(self, rule: str, why: str) -> None:
        """Wait no longer for the series of a rule that is gone."""
        for fingerprint, (episode, _) in tuple(self._waiting.items()):
            if episode.origin.rule == rule:
                del self._waiting[fingerprint]
                self._decisions.give_up(episode, why)

    def sweep(self, now: Instant) -> None:
        """Give up those whose series have not come back in time."""
        if self._flapping and now.mono_s >= self._until_s:
            self._flapping = {}
        if not self._waiting or now.mono_s < self._until_s:
            return
        waiting, self._waiting = self._waiting, {}
        for episode, _ in waiting.values():
            self._decisions.give_up(episode, f"its readings did not come back within {self._patience_s:.0f} s")


def keep_alert(episode: Episode, watch: Watch | None, *, now: Instant, active_s: float) -> bytes:
    """What of an open alert outlives the program."""
    return _ENCODE(keep(episode, now, None if watch is None else life_of(watch, active_s)))


def keep_telling(decisions: Decisions, now: Instant, flapping: Mapping[str, KeptFlapping] | None = None) -> bytes:
    """What the teller remembers, how often actions ran, and which alerts came and went."""
    return _ENCODE(keep_teller(decisions.teller, now, decisions.acting.keep(now), flapping))
