"""PagerDuty, by its Events API v2: one incident an alert, triggered, acknowledged and resolved under one key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tocsin.channels import options
from tocsin.channels.document import encode
from tocsin.channels.http import Transport, https_url, url
from tocsin.channels.http.target import target_of
from tocsin.channels.http.transport import DEADLINE_S
from tocsin.channels.options import Option, settle
from tocsin.channels.outgoing import OutgoingChannel
from tocsin.channels.progress import Progress
from tocsin.channels.text import line, paragraph
from tocsin.channels.wording import MAX_ADVICE, digest_line, facts, headline, lasted, late, told_because
from tocsin.model.levels import AlertSeverity
from tocsin.model.notice import Notice, NoticeKind
from tocsin.model.secret import Secret

if TYPE_CHECKING:
    from datetime import datetime

    from tocsin.channels.connect import Resolver
    from tocsin.channels.deadline import Deadline
    from tocsin.clock import Clock
    from tocsin.model.alert import PerformanceAlert

API: Final = "https://events.pagerduty.com"
_MAX_KEY_CHARS: Final = 255

OPTIONS: Final[options.Options] = {
    "key": Option(options.secret, '"env:PAGERDUTY_KEY"', required=True),
    # The European service has another address.
    "api_url": Option(https_url, '"https://events.eu.pagerduty.com"'),
    "source": Option(options.text, '"orders-api"'),
    "deadline": Option(options.seconds(0.05, 60.0), '"10s"'),
}


class PagerDutyChannel(OutgoingChannel):
    """Triggers, acknowledges and resolves incidents.

    Args:
        key: the integration key of a service (Events API v2). May be given as env:NAME or file:PATH.
        api_url: where the service is, if not in the United States.
        source: who is in trouble, as the incident shows it; by default the alert's component or source.
        deadline: for a whole request; seconds, or with a unit.
        allow_private: for tests: whether `api_url` may be a private address, by http.
        name: the channel's name.
        severity: this and worse is told.
        clock: tells the time.
        resolver: gives the addresses of a name.
    Raises: ConfigError: with every mistake.
    """

    keeps_state = True

    def __init__(
        self, key: str | Secret, *, api_url: str | Secret | None = None, source: str | None = None,
        deadline: float | str | None = None, allow_private: bool = False, name: str = "pagerduty",
        severity: AlertSeverity | int | str = AlertSeverity.INFO, clock: Clock | None = None,
        resolver: Resolver | None = None,
    ) -> None:  # fmt: skip
        super().__init__(name, severity)
        table = {**OPTIONS, "api_url": OPTIONS["api_url"]._replace(read=url)} if allow_private else OPTIONS
        given = settle(type(self).__name__, table, {
            "key": key, "api_url": api_url, "source": source, "deadline": deadline,
        })  # fmt: skip
        self._key: Secret = given["key"]
        self._source: str = given.get("source", "")
        self._progress = Progress()
        self._api = target_of(given.get("api_url") or Secret(API))
        self._transport = Transport(
            allow_private=allow_private, deadline_s=given.get("deadline", DEADLINE_S), clock=clock, remarks=False,
            resolver=resolver,
        )  # fmt: skip

    def close(self) -> None:
        """Keep no connection open; the next notice opens one."""
        self._transport.close()

    def deliver(self, notice: Notice) -> None:
        """Send an event for each alert; a digest, which is no incident, becomes a change event.

        Tried again, it goes on where it stopped. Raises DeliveryError.
        """
        deadline = self._transport.begin()
        if notice.kind is NoticeKind.DIGEST:
            self._post("/v2/change/enqueue", self._change(notice), deadline)
            return
        taken = self._progress.of(notice.id)
        for alert in notice.alerts:
            if alert.id not in taken:
                self._post("/v2/enqueue", self._event(alert, notice, self._transport.clock.now().utc), deadline)
                taken.add(alert.id)
        self._progress.done(notice.id)

    def _post(self, path: str, event: dict[str, Any], deadline: Deadline) -> None:
        # The key travels in the body, which is therefore as secret.
        self._transport.post(
            self._api.below(path),
            Secret(encode({"routing_key": self._key.reveal(), **event}).decode()),
            deadline=deadline,
        )

    def _event(self, alert: PerformanceAlert, notice: Notice, now: datetime | None = None) -> dict[str, Any]:
        event: dict[str, Any] = {
            "event_action": _action(alert, notice.kind),
            "dedup_key": line(alert.fingerprint or alert.id, _MAX_KEY_CHARS),
            "client": "Tocsin",
            "payload": {
                "summary": headline(_alone(notice, alert)),
                "source": self._source or line(alert.component or alert.source or alert.rule or "tocsin"),
                "severity": alert.severity.word,
                "timestamp": f"{alert.last_at:%Y-%m-%dT%H:%M:%S.%f}Z",
                "component": line(alert.component),
                "group": line(alert.rule or alert.source),
                "class": alert.category.value,
                "custom_details": _details(alert, notice, now),
            },
        }
        if alert.runbook_url.startswith(("https://", "http://")):
            event["links"] = [{"href": line(alert.runbook_url, 1000), "text": "Runbook"}]
        return event

    def _change(self, notice: Notice) -> dict[str, Any]:
        return {
            "payload": {
                "summary": headline(notice),
                "source": self._source or "tocsin",
                "timestamp": f"{notice.created_at:%Y-%m-%dT%H:%M:%S.%f}Z",
                "custom_details": {
                    "notice": line(notice.id),
                    "held back": [digest_line(found) for found in notice.digest],
                },
            }
        }


def _alone(notice: Notice, alert: PerformanceAlert) -> Notice:
    """The notice as if it were about this alert only."""
    return Notice(
        id=notice.id, channel=notice.channel, kind=notice.kind, severity=alert.severity, created_at=notice.created_at,
        alerts=(alert,), reason=notice.reason,
    )  # fmt: skip


def _action(alert: PerformanceAlert, kind: NoticeKind) -> str:
    if kind is NoticeKind.RESOLVED:
        return "resolve"
    seen = alert.acknowledgement
    return "acknowledge" if seen is not None and alert.severity <= seen.severity else "trigger"


def _details(alert: PerformanceAlert, notice: Notice, now: datetime | None) -> dict[str, Any]:
    details: dict[str, Any] = {"message": paragraph(alert.message), **dict(facts(alert))}
    if alert.resolved_at is not None:
        details["lasted"] = lasted(alert)
    if alert.acknowledgement is not None:
        seen = alert.acknowledgement
        details["acknowledged"] = line(f"by {seen.by or 'somebody'}{': ' if seen.comment else ''}{seen.comment}")
    for proof in alert.evidence:
        details[line(proof.title)] = [line(one) for one in proof.lines]
    if alert.recommendations:
        details["what to do"] = [line(advice) for advice in alert.recommendations[:MAX_ADVICE]]
    if alert.runbook_url:
        details["runbook"] = line(alert.runbook_url, 1000)
    details |= {
        "why": told_because(notice),
        "late": late(notice, now),
        "alert": line(alert.id),
        "notice": line(notice.id),
    }
    return {name: value for name, value in details.items() if value}
