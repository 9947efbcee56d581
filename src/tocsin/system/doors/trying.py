"""A test of the channels: one alert through the real pipeline, and what became of it on each channel."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from tocsin.clock import SystemClock, Wakeup
from tocsin.model import inputs as given
from tocsin.model.levels import AlertCategory, AlertSeverity
from tocsin.model.notice import EVERY_CHANNEL, TEST_LABEL, NoticeKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin.model.alert import PerformanceAlert
    from tocsin.model.notice import Notice
    from tocsin.system.core import SystemCore

SOURCE: Final = "tocsin test-notify"
PATIENCE_S: Final = 15.0


class _Outcomes:
    """The first that became of the test on each channel."""

    def __init__(self) -> None:
        self.by_channel: dict[str, dict[str, Any]] = {}
        self._bell = Wakeup()

    def hear(self, notice: Notice, outcome: str, took_s: float, error: str) -> None:
        """Take what came of a notice, if it is the test."""
        if notice.kind is NoticeKind.FIRING and any(TEST_LABEL in alert.labels for alert in notice.alerts):
            found = {"outcome": outcome, "took_s": took_s, "why": error, "notice": notice.id}
            self.by_channel.setdefault(notice.channel, found)
            self._bell.set()

    def wait(self, channels: set[str], timeout_s: float) -> None:
        """Wait until something became of the test on each of these, up to `timeout_s` real seconds."""
        clock = SystemClock()
        until_s = clock.now().mono_s + timeout_s
        while not channels <= self.by_channel.keys():
            left_s = until_s - clock.now().mono_s
            if left_s <= 0:
                return
            self._bell.wait(left_s)


def try_channels(core: SystemCore, channel: str = "", *, timeout_s: float = PATIENCE_S) -> list[dict[str, Any]]:
    """Raise a critical alert that says it is a test, and end it at once when it was told.

    The filters of the channels let it pass, so that each can be tried; silences and maintenance hold it back.

    Args:
        core: the system.
        channel: only this one.
        timeout_s: real seconds to wait for the channels.
    Returns: for each channel `channel`, `outcome` (`delivered`, `failed`: to be tried again, `dead`, `held`, or
        `waiting`), `why`, `took_s` and `notice`.
    Raises: ValueError: if there is no such channel, or none at all.
    """
    names = list(core.telling.delivery.counts())
    if not names or (channel and channel not in names):
        raise ValueError(_no_channel(channel, names))
    wanted = [channel] if channel else names
    outcomes = _Outcomes()
    with core.receipts.heard_by(outcomes.hear):
        alert = _raise(core, channel)
        if alert is None:
            raise ValueError("the watch thread does not answer, or TOCSIN_DISABLED is set: nothing was tried")
        told = {name for name in wanted if _was_told(alert, name)}
        outcomes.wait(told, timeout_s)
        core.ask_now(lambda _: [given.Resolve(alert.fingerprint)])
    found: list[dict[str, Any]] = []
    for name in wanted:
        if name in told:
            missing: Mapping[str, Any] = {"outcome": "waiting", "why": f"nothing came of it within {timeout_s:g} s"}
            found.append({"channel": name, "took_s": None, "notice": "", **outcomes.by_channel.get(name, missing)})
        else:
            why = _why_held(alert, name)
            found.append({"channel": name, "outcome": "held", "why": why, "took_s": None, "notice": ""})
    return found


def _raise(core: SystemCore, channel: str) -> PerformanceAlert | None:
    label = (TEST_LABEL, channel or EVERY_CHANNEL)
    event = given.Event(
        title="Test of the channels",
        message=f"{core.config.program} is trying whether you can be told. Nothing is wrong.",
        severity=AlertSeverity.CRITICAL,
        source=SOURCE,
        category=AlertCategory.GENERAL,
        labels=(label,),
        recommendations=("Nothing is to be done",),
    )
    answer = core.ask_now(lambda _: [event])
    return None if answer is None else answer.alert


def _was_told(alert: PerformanceAlert, channel: str) -> bool:
    return any(step.what == "told" and step.why.startswith(f"{channel}: ") for step in alert.trace)


def _why_held(alert: PerformanceAlert, channel: str) -> str:
    held = [step.why for step in alert.trace if step.what == "held"]
    own = [why.partition(": ")[2] for why in held if why.startswith(f"{channel}: ")]
    return (*own[-1:], *held[-1:], "no reason was written down")[0]


def _no_channel(channel: str, names: list[str]) -> str:
    if not names:
        return "there is no channel; add one to the configuration"
    near = get_close_matches(channel, names, n=1)
    meant = f" (did you mean {near[0]!r}?)" if near else ""
    return f"no channel is called {channel!r}{meant}; the channels are: {', '.join(names)}"
