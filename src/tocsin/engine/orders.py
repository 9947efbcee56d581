"""What people and programs ask of the engine, and the answers they get once the step is done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tocsin.errors import RuleNotFound
from tocsin.model import inputs as given
from tocsin.model.inputs import Answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.alerts.decisions import Decisions
    from tocsin.alerts.episode import Episode
    from tocsin.alerts.watch import Watch
    from tocsin.engine.hours import Hours
    from tocsin.engine.posts import Posts
    from tocsin.rules.book import CompiledRule


class Orders:
    """Carries them out.

    Args:
        posts: which rule watches which series.
        hours: the present moment.
        decisions: who decides.

    Attributes:
        taken: what is done with each kind of input; it gives what will be the answer; None: nobody waits for one.
    """

    def __init__(self, posts: Posts, hours: Hours, decisions: Decisions) -> None:
        self._posts = posts
        self._hours = hours
        self._decisions = decisions
        self.taken: dict[type, Callable[[Any], Callable[[], Answer] | None]] = {
            given.Event: self._event,
            given.Check: self._check,
            given.JudgeNow: self._judge_now,
            given.Acknowledge: self._acknowledge,
            given.Resolve: self._resolve,
            given.PutSilence: self._put_silence,
            given.ExpireSilence: self._expire_silence,
            given.PutMaintenance: self._put_maintenance,
            given.AddRule: self._add_rule,
            given.RemoveRule: self._remove_rule,
            given.SwitchRule: self._switch_rule,
            given.EvidenceFound: decisions.evidence,
            given.ActionDone: decisions.acted,
            given.ClearHistory: self._clear_history,
            given.TellAll: self._tell_all,
            given.Cut: lambda _: lambda: given.CUT,
        }

    # -- events and checks

    def _event(self, event: given.Event) -> Callable[[], Answer]:
        episode = self._decisions.event(event)
        return lambda: Answer(
            suppressed=episode.suppressed, held=episode.held, alert=episode.snapshot(), triggered=True
        )

    def _check(self, check: given.Check) -> Callable[[], Answer]:
        compiled = self._posts.rules.get(check.rule)
        if compiled is None or not compiled.enabled:
            reason = f"rule {check.rule!r} is {'disabled' if compiled else 'removed'}"
            return lambda: Answer(found=False, reason=reason)
        watching = self._posts.watching
        asked = [watch for number in check.series_ids for watch in watching[number] if watch.rule is compiled.rule]
        for watch in asked:
            self._decisions.checked(watch, watch.judge_now(self._hours.active_s))
        return lambda: _checked(asked, compiled)

    def _judge_now(self, asked: given.JudgeNow) -> Callable[[], Answer]:
        found = [episode for case in asked.cases if (episode := self._judge_case(case)) is not None]
        return lambda: Answer(triggered=bool(found), alerts=tuple(episode.snapshot() for episode in found))

    def _judge_case(self, case: given.Case) -> Episode | None:
        """Judge readings that say one thing; the episode of the worst rule that they break."""
        mono_s, active_s = self._hours.mono_s, self._hours.active_s
        watches: list[Watch] = []
        for number, value in zip(case.series_ids, case.values, strict=True):
            self._posts.series[number].push(mono_s, value)
            watches += [watch for watch in self._posts.watching[number] if watch.take(value, mono_s, active_s)]
        broken = [(watch.rule.severity, place) for place, watch in enumerate(watches) if watch.is_beyond()]
        worst = watches[max(broken)[1]] if broken else None
        for watch in watches:
            if watch is worst:
                self._decisions.asked(watch, watch.judge_now(active_s), case)
            elif (turn := watch.judge_again(active_s)) is not None:
                self._decisions.turned(watch, turn)
        return None if worst is None else worst.episode

    # -- orders of people

    def _acknowledge(self, command: given.Acknowledge) -> Callable[[], Answer]:
        alert = self._decisions.acknowledge(command)
        return lambda: Answer(found=alert is not None, alert=alert)

    def _resolve(self, command: given.Resolve) -> Callable[[], Answer]:
        alert = self._decisions.resolve(command.fingerprint)
        return lambda: Answer(found=alert is not None, alert=alert)

    def _put_silence(self, command: given.PutSilence) -> Callable[[], Answer]:
        matching = self._decisions.silence(command.silence)
        return lambda: Answer(matching=matching, reason=f"it matches {matching} open alerts")

    def _expire_silence(self, command: given.ExpireSilence) -> Callable[[], Answer]:
        known = self._decisions.expire_silence(command.silence_id)
        return lambda: Answer(found=known)

    def _put_maintenance(self, command: given.PutMaintenance) -> Callable[[], Answer]:
        self._decisions.maintain(command.window)
        return Answer

    def _clear_history(self, command: given.ClearHistory) -> Callable[[], Answer]:
        self._decisions.forget_the_past(throttle=command.throttle)
        return Answer

    def _tell_all(self, _: given.TellAll) -> None:
        self._decisions.teller.hurry()

    # -- rules at run time

    def _add_rule(self, command: given.AddRule) -> Callable[[], Answer]:
        self._posts.replace(command.rule)
        return Answer

    def _remove_rule(self, command: given.RemoveRule) -> Callable[[], Answer]:
        try:
            self._posts.drop(command.name, "rule removed")
        except RuleNotFound as error:
            missing = str(error)
            return lambda: Answer(found=False, reason=missing)
        return Answer

    def _switch_rule(self, command: given.SwitchRule) -> Callable[[], Answer]:
        compiled = self._posts.rules.get(command.name)
        if compiled is not None:
            self._posts.switch(compiled, enabled=command.enabled)
        return lambda: Answer(found=compiled is not None)


def _checked(asked: list[Watch], compiled: CompiledRule) -> Answer:
    """The answer to a direct check: the worst of the series that were asked."""
    judged = [watch for watch in asked if watch.value is not None]
    if not judged:
        return Answer(found=False, threshold=compiled.limit, reason="no reading yet")
    beyond = [watch for watch in judged if watch.is_beyond()]
    worst = max(beyond or judged, key=lambda watch: watch.value or 0.0)
    episode = worst.episode
    alert = episode.snapshot() if episode is not None and beyond else None
    return Answer(
        triggered=bool(beyond), suppressed=bool(alert and alert.suppressed), held=alert.held if alert else None,
        value=worst.value, threshold=compiled.limit, alert=alert,
    )  # fmt: skip
