"""Who is told what: reasons not to tell, limits, digests, and the pairing of firing with resolved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from tocsin.alerts.episode import Told
from tocsin.alerts.reasons import Reason, Reasons
from tocsin.alerts.storm import Storm, Weather
from tocsin.alerts.suppression import Suppressor
from tocsin.alerts.telling.desk import Desk
from tocsin.alerts.telling.digest import DigestTimer, lines_of
from tocsin.alerts.telling.followup import further, next_s
from tocsin.model.levels import AlertSeverity, AlertState, Held
from tocsin.model.notice import Notice, NoticeKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from tocsin.alerts.episode import Episode
    from tocsin.alerts.settings import AlertSettings, Route
    from tocsin.alerts.telling.groups import Groups
    from tocsin.clock import Instant
    from tocsin.model.alert import PerformanceAlert
    from tocsin.model.notice import DigestLine

# How often it is looked whether a channel's hours have begun.
_HOURS_S: Final = 60.0
# What grows on in the first seconds is the same news: whoever was just told looks for himself.
_STILL_BEING_READ_S: Final = 15.0
CAME_AND_WENT: Final = "came and went"
STORM: Final = "storm"


class Teller:
    """Turns what happened to alerts into notices.

    Args:
        settings: routes, reasons, suppression and limits.

    Attributes:
        reasons: what holds alerts back.
        suppressor: who was told lately.
        storm: counts new alerts.
        digests: when the next digest is due.
        desks: what is kept for each channel.
        made: how many notices were made.
    """

    def __init__(self, settings: AlertSettings) -> None:
        self.reasons = Reasons(
            maintenance=settings.maintenance,
            inhibitions=settings.inhibitions,
            inhibition_wait_s=settings.inhibition_wait_s,
        )
        self.suppressor = Suppressor(settings.suppress_after, settings.suppress_window_s)
        self.storm = Storm(settings.storm_after)
        self.digests = DigestTimer(settings.suppress_window_s)
        self.desks = {route.channel: Desk(route) for route in settings.routes}
        self.made = 0
        self._notices: list[Notice] = []
        self._passes_at: datetime | None = None
        self._further_s: float | None = None
        self._hours_s = 0.0

    def add_route(self, route: Route) -> None:
        """One more channel is to be told from now on."""
        # Exchanged as a whole: the stepping thread may be going through it.
        self.desks = {**self.desks, route.channel: Desk(route)}

    def reload(self, settings: AlertSettings, everybody: Sequence[Episode], now: Instant) -> bool:
        """Go by other settings from now on. Who was told, what is unsaid, and the budgets stay.

        A channel that is new, or that is told of more than before, hears of what still fires.

        Returns: whether what held an alert back may no longer do so.
        """
        self.suppressor.reload(settings.suppress_after, settings.suppress_window_s)
        self.storm.after = settings.storm_after
        self.digests.reload(settings.suppress_window_s)
        relieved = self.reasons.reload(
            maintenance=settings.maintenance,
            inhibitions=settings.inhibitions,
            inhibition_wait_s=settings.inhibition_wait_s,
        )
        if [desk.route for desk in self.desks.values()] != list(settings.routes):
            self._reroute(settings.routes, everybody, now)
        return relieved

    def has_unsaid(self) -> bool:
        """Whether occurrences wait for their digest, or alerts for their group."""
        return any(desk.unsaid or (desk.groups and desk.groups.next_s()) for desk in self.desks.values())

    def hurry(self) -> None:
        """Let the digest be due now, if there is anything to say."""
        self.digests.hurry()

    def something_passed(self, now: Instant) -> bool:
        """Whether a reason that held somebody back may have passed with time alone."""
        return self._passes_at is not None and now.utc >= self._passes_at

    # -- what happened

    def adopt(self, episode: Episode, now: Instant) -> None:
        """Go on with an alert that another process told of, or was about to tell of."""
        self._further_s = now.mono_s
        for channel, told in episode.told.items():
            desk = self.desks.get(channel)
            if desk is not None and not told.said:
                if desk.groups is not None:
                    desk.groups.add(episode, "it began to fire", now)
                else:  # it is not grouped any more
                    told.said = True
                    self._notices.append(
                        self._notice(desk, NoticeKind.FIRING, [episode.snapshot()], now, "it began to fire")
                    )

    def tell_ends(self, desk: Desk, ended: list[tuple[PerformanceAlert, str]], now: Instant) -> None:
        """Tell the ends that another process was about to tell."""
        if desk.groups is not None:
            desk.groups.adopt(ended, now)
        else:
            self._notices += [self._notice(desk, NoticeKind.RESOLVED, [alert], now, why) for alert, why in ended]

    def look(self, everybody: Iterable[Episode]) -> None:
        """Take in all that is open, before it is decided on single alerts."""
        self.reasons.look(everybody)

    def occurred(self, episode: Episode, count: int, now: Instant) -> int:
        """An event occurred `count` times: how many of these listeners are to hear of, and is a channel to be told.

        Returns: for how many occurrences listeners are called.
        """
        reason = self.reasons.hold(episode, now)
        # By fingerprint for a rule's alert: ten full disks are ten troubles, one disk that flaps is one.
        source = episode.origin.source if episode.is_event else episode.fingerprint
        told = 0 if reason else self.suppressor.admit(source, episode.severity, count, now.mono_s)
        if told < count and reason is None:
            reason = self._one_too_many(episode.origin.source)
        if told:
            why = f"occurrence {episode.count - count + 1}"
            self._fire(episode, now, why, is_new=episode.count == count, times=told)
        if told < count and reason is not None:
            self._hold(episode, reason, count - told, now)
        episode.suppressed = not told
        episode.held = None if told or reason is None else reason.held
        # What happened once and was silenced is not told when the silence ends; what goes on is.
        goes_on = episode.lasts or episode.held is Held.INHIBITION
        episode.waiting = not told and reason is not None and reason.passes and goes_on
        return told

    def fired(self, asked: list[Episode], now: Instant) -> None:
        """Alerts began to ring, or what held them back may have gone: tell, or say why not. Worst first."""
        for episode in sorted(asked, key=lambda episode: (-episode.severity, episode.fingerprint)):
            reason = self.reasons.hold(episode, now) or self._suppression(episode, now)
            episode.suppressed, episode.held = reason is not None, reason.held if reason else None
            episode.waiting = reason is not None and reason.passes
            if reason is not None:
                self._hold(episode, reason, 1, now)
            else:
                self._fire(episode, now, "it began to fire", is_new=True)

    def worsened(self, episode: Episode, now: Instant) -> None:
        """A breach became much worse: whoever was told that it fires is told so, once."""
        if self.reasons.hold(episode, now) is not None:
            return
        for channel, told in episode.told.items():
            desk = self.desks.get(channel)
            news = not told.worse and now.mono_s - told.last_s >= _STILL_BEING_READ_S
            if desk is not None and news:
                told.worse = True
                self._say(desk, NoticeKind.FIRING, episode, now, "it is now much worse than its threshold")

    def resolved(self, episode: Episode, now: Instant, why: str) -> None:
        """An alert is over: whoever was told that it fires is told so, once."""
        for desk in self.desks.values():
            desk.deferred.pop(episode.id, None)
        ends_unsaid = episode.is_event and not episode.lasts
        for desk in [self.desks[channel] for channel in episode.told if channel in self.desks]:
            if desk.groups is not None:
                desk.groups.withdraw(episode)
            if not episode.told[desk.route.channel].said:
                self._keep_unsaid(desk, episode, CAME_AND_WENT, 1, now)
            elif ends_unsaid and not desk.route.keeps_state:
                continue
            elif desk.groups is None or episode.severity is AlertSeverity.CRITICAL:
                self._notices.append(self._notice(desk, NoticeKind.RESOLVED, [episode.snapshot()], now, why))
            else:
                desk.groups.end(episode, why, now)
        episode.told.clear()

    # -- what is told

    def collect(self, everybody: Callable[[], Iterable[Episode]], now: Instant) -> tuple[Notice, ...]:
        """The notices of this step, most urgent first: groups that waited, repeats, and a digest when one is due."""
        self._open_hours(now)
        self._follow_up(everybody, now)
        for desk in self.desks.values():
            self._tell_groups(desk, now)
        if self.digests.is_due(now.mono_s):
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
        return Reason(Held.SUPPRESSION, figure, passes=False)

    def _fire(self, episode: Episode, now: Instant, why: str, *, is_new: bool, times: int = 1) -> None:
        weather = Weather.CALM
        if is_new and episode.severity is not AlertSeverity.CRITICAL:
            weather = self.storm.admit(now.mono_s)
        for desk in self.desks.values():
            if desk.is_for(episode):
                self._fire_on(desk, episode, now, why, weather=weather, times=times)

    def _fire_on(
        self, desk: Desk, episode: Episode, now: Instant, why: str, *, weather: Weather, times: int = 1
    ) -> None:
        channel = desk.route.channel
        before = episode.told.get(channel)
        if before is not None and before.severity >= episode.severity and not before.earlier:
            if episode.is_event:
                self._keep_unsaid(desk, episode, Held.SUPPRESSION.value, times, now)
        elif not desk.is_open(episode, now):
            desk.deferred[episode.id] = episode
            episode.note(now.utc, "held", f"{channel}: outside of its hours")
        elif weather is not Weather.CALM:
            self._hold_in_storm(desk, episode, now, weather, times)
        elif not desk.bucket.take(now.mono_s, always=episode.severity is AlertSeverity.CRITICAL):
            episode.note(now.utc, "held", f"{channel}: limit of {desk.route.notices_per_minute:g} notices a minute")
            self._keep_unsaid(desk, episode, Held.LIMIT.value, times, now)
        else:
            self._say(desk, NoticeKind.FIRING, episode, now, why)
            if times > 1:  # one notice tells one occurrence; the others of the same step are counted
                self._keep_unsaid(desk, episode, Held.SUPPRESSION.value, times - 1, now)

    def _say(self, desk: Desk, kind: NoticeKind, episode: Episode, now: Instant, why: str) -> None:
        channel = desk.route.channel
        told = episode.told.get(channel)
        if told is None:
            told = episode.told[channel] = Told(episode.severity, now.utc, now.mono_s, now.mono_s)
        else:
            told.severity, told.last_s, told.earlier = episode.severity, now.mono_s, False
        further_s = next_s(episode, self._routes())
        if further_s is not None:
            self._further_s = further_s if self._further_s is None else min(self._further_s, further_s)
        episode.note(now.utc, "told", f"{channel}: {why}")
        if desk.groups is None or episode.severity is AlertSeverity.CRITICAL:
            told.said = True
            self._notices.append(self._notice(desk, kind, [episode.snapshot()], now, why))
        else:
            desk.groups.add(episode, why, now)

    def _hold(self, episode: Episode, reason: Reason, count: int, now: Instant) -> None:
        episode.note(now.utc, "held", f"{reason.held.value}: {reason.why}")
        if reason.until is not None:
            self._passes_at = min(self._passes_at or reason.until, reason.until)
        if reason.held is not Held.SUPPRESSION:
            return
        for desk in self.desks.values():
            if desk.is_for(episode):
                self._keep_unsaid(desk, episode, reason.held.value, count, now)

    def _hold_in_storm(self, desk: Desk, episode: Episode, now: Instant, weather: Weather, times: int) -> None:
        episode.note(now.utc, "held", f"{desk.route.channel}: more than {self.storm.after} new alerts a minute")
        self._keep_unsaid(desk, episode, STORM, times, now)
        if weather is Weather.BREAKS:
            why = f"a storm: more than {self.storm.after} new alerts within a minute; until it is over they are counted"
            self._notices.append(self._notice(desk, NoticeKind.DIGEST, [], now, why, severity=episode.severity))

    def _keep_unsaid(self, desk: Desk, episode: Episode, reason: str, count: int, now: Instant) -> None:
        desk.keep_unsaid(episode, reason, count)
        self.digests.begin(now.mono_s)

    # -- other channels, or other things to tell them

    def _reroute(self, routes: Iterable[Route], everybody: Sequence[Episode], now: Instant) -> None:
        before = self.desks
        self.desks = {route.channel: before.get(route.channel) or Desk(route) for route in routes}
        self.reasons.look(everybody)
        for episode in everybody:
            # Of a channel that is gone it is remembered what it was told, in case it comes back.
            gone = [one for one, told in episode.told.items() if one not in self.desks and not told.said]
            for channel in gone:
                del episode.told[channel]
        for route in routes:
            desk = self.desks[route.channel]
            if route.channel in before and desk.route == route:
                continue
            missed = [one for one in everybody if route.channel not in before or not desk.is_for(one)]
            groups = desk.reroute(route, now)
            if groups is not None:
                self._tell_ungrouped(desk, groups, now)
            for episode in missed:
                self._catch_up(desk, episode, now)
        self._further_s = self._hours_s = now.mono_s

    def _tell_ungrouped(self, desk: Desk, groups: Groups, now: Instant) -> None:
        for episode, why in groups.waiting():
            episode.told[desk.route.channel].said = True
            self._notices.append(self._notice(desk, NoticeKind.FIRING, [episode.snapshot()], now, why))
        self.tell_ends(desk, groups.ended(), now)

    def _catch_up(self, desk: Desk, episode: Episode, now: Instant) -> None:
        """Tell a channel of what fires already, if it would be told if that began now."""
        goes_on = episode.lasts or not episode.is_event
        if episode.state is not AlertState.FIRING or not goes_on or episode.suppressed or not desk.is_for(episode):
            return
        if desk.route.channel not in episode.told and self.reasons.hold(episode, now) is None:
            why = "it fires; this channel is told of it since the configuration was changed"
            self._fire_on(desk, episode, now, why, weather=Weather.CALM)

    # -- what time brings

    def passed(self, everybody: Iterable[Episode]) -> list[Episode]:
        """The alerts that may be told now, since a reason has passed; it is worked out anew when the next one does."""
        self._passes_at = None
        return [episode for episode in everybody if episode.waiting]

    def _open_hours(self, now: Instant) -> None:
        if now.mono_s < self._hours_s:
            return
        self._hours_s = now.mono_s + _HOURS_S
        for desk in self.desks.values():
            for episode in [one for one in desk.deferred.values() if desk.is_open(one, now)]:
                del desk.deferred[episode.id]
                if self.reasons.hold(episode, now) is None:
                    self._fire_on(desk, episode, now, "its hours have begun, and it still fires", weather=Weather.CALM)

    def _follow_up(self, everybody: Callable[[], Iterable[Episode]], now: Instant) -> None:
        if self._further_s is None or now.mono_s < self._further_s:
            return
        due, self._further_s = further(everybody(), self._routes(), now)
        for what in due:
            told, by = what.episode.told, what.heard_on
            if self.reasons.hold(what.episode, now) is not None:
                told[by or what.channel].last_s = now.mono_s  # asked again when the next one is due
            elif by:
                told[by].passed_on = True
                if what.channel not in told:
                    self._say(self.desks[what.channel], NoticeKind.FIRING, what.episode, now, what.why)
            else:
                self._say(self.desks[what.channel], NoticeKind.FIRING, what.episode, now, what.why)

    def _routes(self) -> dict[str, Route]:
        return {channel: desk.route for channel, desk in self.desks.items()}

    def _tell_groups(self, desk: Desk, now: Instant) -> None:
        if desk.groups is None:
            return
        for due in desk.groups.due(now):
            if due.firing:
                alerts = [episode.snapshot() for episode, _ in due.firing]
                self._notices.append(self._notice(desk, NoticeKind.FIRING, alerts, now, _why(due.firing, due.name)))
            if due.resolved:
                alerts = [alert for alert, _ in due.resolved]
                self._notices.append(self._notice(desk, NoticeKind.RESOLVED, alerts, now, _why(due.resolved, due.name)))

    def _digest(self, now: Instant) -> None:
        said = [desk for desk in self.desks.values() if desk.unsaid]
        for desk in said:
            lines = lines_of(desk)
            why = f"{sum(line.count for line in lines)} occurrences were held back"
            made = self._notice(desk, NoticeKind.DIGEST, [], now, why, severity=lines[0].severity)
            self._notices.append(_with_lines(made, lines))
        self.digests.told(now.mono_s, anything=bool(said))

    def _notice(
        self, desk: Desk, kind: NoticeKind, alerts: Sequence[PerformanceAlert], now: Instant, why: str,
        *, severity: AlertSeverity | None = None,
    ) -> Notice:  # fmt: skip
        worst = severity if severity is not None else max(alert.severity for alert in alerts)
        return Notice(
            id=self._next_id(desk, now), channel=desk.route.channel, kind=kind, severity=worst,
            alerts=tuple(alerts), created_at=now.utc, reason=why,
        )  # fmt: skip

    def _next_id(self, desk: Desk, now: Instant) -> str:
        self.made += 1
        # To the microsecond: the count begins anew in a process that took over nothing, and an id is never given twice.
        return f"{desk.route.channel}-{now.utc:%Y%m%dT%H%M%S%f}-{self.made}"


def _why(members: Sequence[tuple[object, str]], group: str) -> str:
    """Why a group is told: the reason of its one member, or how many they are."""
    if len(members) == 1:
        return members[0][1]
    return f"{len(members)} alerts" + (f" of {group}" if group else "")


def _with_lines(notice: Notice, lines: Sequence[DigestLine]) -> Notice:
    return msgspec.structs.replace(notice, digest=tuple(lines))
