"""What the tests of delivery share: channels of every kind, and a clock that lets all time pass at once."""

from __future__ import annotations

import random
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tocsin import AlertSeverity, Instant, Notice, PerformanceAlert, SystemClock
from tocsin.delivery import Delivery
from tocsin.model.notice import NoticeKind

if TYPE_CHECKING:
    from tocsin.clock import Wakeup

INFO, WARNING, CRITICAL = AlertSeverity.INFO, AlertSeverity.WARNING, AlertSeverity.CRITICAL
AT = datetime(2026, 1, 1, tzinfo=UTC)
ENOUGH_S = 10.0


def a_notice(
    title: str = "Odd",
    severity: AlertSeverity = WARNING,
    *,
    channel: str = "c",
    kind: NoticeKind = NoticeKind.FIRING,
    at: datetime | None = None,
) -> Notice:
    at = at or SystemClock().now().utc
    alert = PerformanceAlert(title, "message", severity, id=title, started_at=at)
    return Notice(
        id=f"id-{title}" + ("" if kind is NoticeKind.FIRING else f"-{kind.value}"), channel=channel, kind=kind,
        severity=severity, created_at=at, alerts=(alert,), reason="it began to fire",
    )  # fmt: skip


class ImpatientClock:
    """Lets all time pass at once, and writes down how much it was."""

    def __init__(self) -> None:
        self.pauses_s: list[float] = []

    def now(self) -> Instant:
        return SystemClock().now()

    def wait(self, wakeup: Wakeup, timeout_s: float) -> bool:
        self.pauses_s.append(timeout_s)
        return False

    async def sleep(self, seconds: float) -> None:
        self.pauses_s.append(seconds)


class Channel:
    """Takes alerts, and raises what it was told to raise, one a delivery."""

    def __init__(self, name: str = "c", *raises: BaseException) -> None:
        self.name = name
        self.raises = list(raises)
        self.titles: list[str] = []
        self.thread: threading.Thread | None = None

    async def send_alert(self, alert: PerformanceAlert) -> None:
        self.thread = threading.current_thread()
        self.titles.append(alert.title)
        if self.raises:
            raise self.raises.pop(0)


class HungChannel:
    """Hangs in its first delivery until it is released; a plain function, so that no event loop could cancel it."""

    def __init__(self, name: str = "hung") -> None:
        self.name = name
        self.titles: list[str] = []
        self.begun = threading.Event()
        self.release = threading.Event()

    def send_alert(self, alert: PerformanceAlert) -> None:
        self.begun.set()
        assert self.release.wait(60.0)
        self.titles.append(alert.title)


class Desk:
    """A delivery with an impatient clock, that keeps what was given up."""

    def __init__(self, *channels: Any) -> None:
        self.clock = ImpatientClock()
        self.given_up: list[tuple[str, str, BaseException]] = []
        self.delivery = Delivery(self.clock, random.Random(7), report=self._report)
        for channel in channels:
            self.delivery.add(channel)

    def _report(self, channel: str, notice: Notice, error: BaseException) -> None:
        self.given_up.append((channel, notice.id, error))

    def tell(self, *notices: Notice) -> None:
        self.delivery.hand_over(notices)
        assert self.delivery.flush(ENOUGH_S)
