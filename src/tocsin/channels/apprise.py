"""Apprise: more than a hundred services by one URL each; the one file that knows the library."""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING, Any, Final

from tocsin.channels import options
from tocsin.channels.deadline import Deadline, Late, within
from tocsin.channels.email.plain import plain_body
from tocsin.channels.options import Mismatch, Option, settle
from tocsin.channels.outgoing import OutgoingChannel
from tocsin.channels.wording import headline
from tocsin.clock import SystemClock
from tocsin.errors import DeliveryError
from tocsin.model.levels import AlertSeverity
from tocsin.model.notice import Notice, NoticeKind

if TYPE_CHECKING:
    from tocsin.clock import Clock
    from tocsin.model.secret import Secret

DEADLINE_S: Final = 30.0
_TYPES: Final = {AlertSeverity.INFO: "info", AlertSeverity.WARNING: "warning", AlertSeverity.CRITICAL: "failure"}

OPTIONS: Final[options.Options] = {
    "url": Option(options.secret, '"env:APPRISE_URL"', required=True),
    "deadline": Option(options.seconds(0.05, 300.0), '"30s"'),
}


class AppriseChannel(OutgoingChannel):
    """Tells through Apprise, which must be installed: it is the extra `notify`.

    Apprise says only whether it worked, so each failure is tried again, and Tocsin's own rules for connections (no
    redirects, one deadline, no private addresses) do not hold within it; where there is a channel of Tocsin's own, that
    is the better choice.

    Args:
        url: of Apprise, such as `tgram://…`. May be given as env:NAME or file:PATH.
        deadline: after which it is no longer waited for; seconds, or with a unit.
        name: the channel's name.
        severity: this and worse is told.
        clock: tells the time.
    Raises: ConfigError: with every mistake, and where Apprise is not installed.
    """

    def __init__(
        self, url: str | Secret, *, deadline: float | str | None = None, name: str = "apprise",
        severity: AlertSeverity | int | str = AlertSeverity.INFO, clock: Clock | None = None,
    ) -> None:  # fmt: skip
        super().__init__(name, severity)
        owner = type(self).__name__
        given = settle(owner, OPTIONS, {"url": url, "deadline": deadline}, mismatch)
        self._url: Secret = given["url"]
        self._deadline_s: float = given.get("deadline", DEADLINE_S)
        self._clock = clock or SystemClock()

    def deliver(self, notice: Notice) -> None:
        """Tell through Apprise. Raises DeliveryError."""
        kind = "success" if notice.kind is NoticeKind.RESOLVED else _TYPES[notice.severity]
        try:
            told = within(
                Deadline(self._clock, self._deadline_s), lambda: self._notify(notice, kind), name="tocsin-apprise-call"
            )
        except Late as late:
            failed = DeliveryError(f"{self.name}: {late}")
        except DeliveryError as refused:
            failed = refused
        except Exception as error:  # noqa: BLE001 - its text may hold the address
            failed = DeliveryError(f"{self.name}: Apprise failed: {type(error).__name__}")
        else:
            if told:
                return
            failed = DeliveryError(f"{self.name}: Apprise could not tell, and does not say why")
        raise failed

    def _notify(self, notice: Notice, kind: str) -> bool:
        apprise: Any = importlib.import_module("apprise")
        teller = apprise.Apprise()
        if not teller.add(self._url.reveal()):
            raise DeliveryError(f"{self.name}: Apprise does not understand the url", permanent=True)
        return bool(
            teller.notify(
                title=headline(notice),
                body=plain_body(notice, self._clock.now().utc),
                notify_type=kind,
                body_format="text",
            )
        )


def mismatch(_: dict[str, Any]) -> Mismatch | None:
    """Whether the library is there; it is not loaded before there is something to tell."""
    if _is_installed():
        return None
    return Mismatch("type", "no package apprise", "the extra notify: python -m pip install 'tocsin[notify]'")


def _is_installed() -> bool:
    try:
        return importlib.util.find_spec("apprise") is not None
    except (ImportError, ValueError):
        return False
