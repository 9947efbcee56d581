"""Who is told what: reasons not to tell, limits, digests, and the pairing of firing with resolved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tocsin.alerts.limits import TokenBucket
from tocsin.alerts.reasons import Reason, acknowledgement
from tocsin.alerts.suppression import Suppressor
from tocsin.model.levels import AlertSeverity, Held
from tocsin.model.notice import DigestLine, Notice, NoticeKind

if TYPE_CHECKING:
    from tocsin.alerts.episode import Episode
    from tocsin.alerts.reasons import Families
    from tocsin.alerts.settings import AlertSettings, Route
    from tocsin.clock import Instant

# A storm that does not end is told of less and less often, at least once an hour.
_MAX_DIGEST_WAIT_S: Final = 3600.0
_MAX_DIGEST_LINES: Final = 20


class _Desk:
    """What is kept for one channel."""

    def __init__(self, route: Route) -> None:
        self.route = route
        self.bucket = TokenBucket(route.notices_per_minute)
        # What was held back since the last digest: (episode, reason) and how often.
        self.unsaid: dict[tuple[str, Held], tuple[Episode, int]] = {}


class Teller:
    """Turns what happened to alerts into notices.

    Args:
        settings: routes, suppression and limits.
    """

    def __init__(self, settings: AlertSettings) -> None:
        self.suppressor = Suppressor(settings.suppress_after, settings.suppress_window_s)
        self._desks = {route.channel: _Desk(route) for route in settings.routes}
        self._window_s = settings.suppress_window_s
        self._digest_wait_s = self._window_s
        self._digest_due_s: float | None = None
        self._made = 0
        self._notices: list[Notice] = []

    def add_route(self, route: Route) -> None:
        """One more channel is to be told from now on."""
        # Exchanged as a whole: the stepping thread may be going through it.
        self._desks = {**self._desks, route.channel: _Desk(route)}

    def has_unsaid(self) -> bool:
        """Whether occurrences wait for their digest."""
        return any(desk.unsaid for desk in self._desks.values())

    def hurry(self) -> None:
        """Let the digest be due now, if there is anything to say."""
        if self._digest_due_s is not None:
            self._digest_due_s = 0.0

    def occurred(self, episode: Episode, count: int, now: Instant) -> int:
        """An event occurred `count` times: how many of these listeners are to hear of, and is a channel to be told.

        Returns: for how many occurrences listeners are called.
        """
        reason = acknowledgement(episode)
        # By fingerprint for a rule's alert: ten full disks are ten troubles, one disk that flaps is one.
        source = episode.origin.source if episode.is_event else episode.fingerprint
        told = 0 if reason else self.suppressor.admit(source, episode.severity, count, now.mono_s)
        if told < count and reason is None:
            reason = self._one_too_many(episode.origin.source)
        if told:
            self._fire(episode, now, f"occurrence {episode.count - count + 1}")
        if told < count and reason is not None:
            self._hold(episode, reason, count - told, now)
        episode.suppressed = not told
        episode.held = None if told or reason is None else reason.held
        return told

    def fired(self, fresh: list[Episode], families: Families, now: Instant) -> None:
        """Rules began to ring, or what held them back may have gone: tell, or say why not. Worst first."""
        for episode in sorted(fresh, key=lambda episode: (-episode.severity, episode.fingerprint)):
            reason = families.inhibition(episode) or acknowledgement(episode) or self._suppression(episode, now)
            episode.suppressed, episode.held = reason is not None, reason.held if reason else None
            episode.waiting = reason is not None and reason.held is Held.INHIBITION
            if reason is not None:
                self._hold(episode, reason, 1, now)
            else:
                self._fire(episode, now, "it began to fire")

    def resolved(self, episode: Episode, now: Instant, why: str) -> None:
        """An alert is over: whoever was told that it fires is told so, once."""
        for channel in episode.told:
            desk = self._desks.get(channel)
            ends_unsaid = episode.is_event and not episode.lasts
            if desk is None or (ends_unsaid and not desk.route.keeps_state):
                continue
            self._notices.append(self._notice(desk, NoticeKind.RESOLVED, episode, now, why))
        episode.told.clear()

    def collect(self, now: Instant) -> tuple[Notice, ...]:
        """The notices of this step, most urgent first, with a digest when one is due."""
        if self._digest_due_s is not None and now.mono_s >= self._digest_due_s:
            self._digest(now)
        if not self._notices:
            return ()
        notices, self._notices = self._notices, []
        return tuple(sorted(notices, key=lambda notice: -notice.severity))

    def _suppression(self, episode: Episode, now: Instant) -> Reason | None:
        if self.suppressor.admit(episode.fingerprint, episode.severity, 1, now.mono_s):
            return None
        return self._one_too_many(episode.origin.source)

    def _one_too_many(self, source: str) -> Reason:
        figure = f"more than {self.suppressor.after} from {source!r} within {self.suppressor.window_s:g} s"
        return Reason(Held.SUPPRESSION, figure)

    def _fire(self, episode: Episode, now: Instant, why: str) -> None:
        for channel, desk in self._desks.items():
            if episode.severity < desk.route.severity:
                continue
            before = episode.told.get(channel)
            if before is not None and before >= episode.severity:
                if episode.is_event:
                    self._keep_unsaid(desk, episode, Held.SUPPRESSION, 1, now)
                continue
            critical = episode.severity is AlertSeverity.CRITICAL
            if not desk.bucket.take(now.mono_s, always=critical):
                episode.note(now.utc, "held", f"{channel}: limit of {desk.route.notices_per_minute:g} notices a minute")
                self._keep_unsaid(desk, episode, Held.LIMIT, 1, now)
                continue
            episode.told[channel] = episode.severity
            episode.note(now.utc, "told", f"{channel}: {why}")
            self._notices.append(self._notice(desk, NoticeKind.FIRING, episode, now, why))

    def _hold(self, episode: Episode, reason: Reason, count: int, now: Instant) -> None:
        episode.note(now.utc, "held", f"{reason.held.value}: {reason.why}")
        if reason.held is not Held.SUPPRESSION:
            return
        for desk in self._desks.values():
            if episode.severity >= desk.route.severity:
                self._keep_unsaid(desk, episode, reason.held, count, now)

    def _keep_unsaid(self, desk: _Desk, episode: Episode, held: Held, count: int, now: Instant) -> None:
        key = (episode.id, held)
        before = desk.unsaid.get(key, (episode, 0))[1]
        desk.unsaid[key] = (episode, before + count)
        if self._digest_due_s is None:
            self._digest_due_s = now.mono_s + self._digest_wait_s

    def _digest(self, now: Instant) -> None:
        self._digest_due_s = None
        # A storm that goes on doubles the wait; a quiet window brings it back.
        said = False
        for desk in self._desks.values():
            if not desk.unsaid:
                continue
            said = True
            lines = [_line(episode, held, count) for (_, held), (episode, count) in desk.unsaid.items()]
            desk.unsaid = {}
            self._notices.append(self._digest_notice(desk, lines, now))
        if said:
            self._digest_wait_s = min(self._digest_wait_s * 2, _MAX_DIGEST_WAIT_S)
            self._digest_due_s = now.mono_s + self._digest_wait_s
        else:
            self._digest_wait_s = self._window_s

    def _digest_notice(self, desk: _Desk, lines: list[DigestLine], now: Instant) -> Notice:
        lines.sort(key=lambda line: (-line.severity, -line.count))
        shown, rest = lines[:_MAX_DIGEST_LINES], lines[_MAX_DIGEST_LINES:]
        if rest:
            gathered = DigestLine(
                "", f"{len(rest)} other alerts", "", rest[0].severity, sum(line.count for line in rest), ""
            )
            shown.append(gathered)
        return Notice(
            id=self._next_id(desk, now), channel=desk.route.channel, kind=NoticeKind.DIGEST,
            severity=lines[0].severity, digest=tuple(shown), created_at=now.utc,
            reason=f"{sum(line.count for line in lines)} occurrences were held back",
        )  # fmt: skip

    def _notice(self, desk: _Desk, kind: NoticeKind, episode: Episode, now: Instant, why: str) -> Notice:
        return Notice(
            id=self._next_id(desk, now), channel=desk.route.channel, kind=kind, severity=episode.severity,
            alerts=(episode.snapshot(),), created_at=now.utc, reason=why,
        )  # fmt: skip

    def _next_id(self, desk: _Desk, now: Instant) -> str:
        self._made += 1
        return f"{desk.route.channel}-{now.utc:%Y%m%dT%H%M%S}-{self._made}"


def _line(episode: Episode, held: Held, count: int) -> DigestLine:
    origin = episode.origin
    return DigestLine(episode.id, origin.title, origin.source, episode.severity, count, held.value)
