"""From an emit, or a rule, through the whole system to a real receiver."""

from __future__ import annotations

import os
import random
import threading
from typing import TYPE_CHECKING

import pytest
from tests.peers.http_peer import HttpPeer, answer
from tests.peers.notices import a_notice
from tests.peers.smtp_peer import SmtpPeer

from tocsin import (
    AlertCategory,
    AlertConfig,
    AlertmanagerChannel,
    AlertRule,
    AlertSeverity,
    AlertSystem,
    EmailAlertChannel,
    FileAlertChannel,
    SystemClock,
    WebhookAlertChannel,
    load_config,
)
from tocsin.delivery import Delivery
from tocsin.testing import ScriptedSensor, system_for_tests

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ENOUGH_S = 30.0


@pytest.fixture
def peer() -> Iterator[HttpPeer]:
    one = HttpPeer()
    yield one
    one.close()


def test_an_event_reaches_every_channel_of_a_file(peer: HttpPeer, tmp_path: Path) -> None:
    mail = SmtpPeer()
    path = tmp_path / "tocsin.toml"
    path.write_text(
        "default_rules = false\n"
        f'[[channel]]\ntype = "webhook"\nurl = "{peer.url}/hook"\nallow_private = true\n'
        f'[[channel]]\ntype = "slack"\nurl = "{peer.url}/slack"\nallow_private = true\nseverity = "critical"\n'
        f'[[channel]]\ntype = "pagerduty"\nkey = "k"\nseverity = "critical"\n'
        f'[[channel]]\ntype = "email"\nto = "a@b.example"\nfrom = "c@d.example"\n'
        f'smtp = "127.0.0.1:{mail.port}"\ntls = "none"\n'
        '[[channel]]\ntype = "file"\npath = "alerts.jsonl"\n'
    )
    try:
        with AlertSystem(load_config(path)) as system:
            system.emit("Odd", "something is odd", AlertSeverity.WARNING, "app")
            assert system.flush(ENOUGH_S)
        assert [request.path for request in peer.requests] == ["/hook"]  # it is not critical
        assert peer.requests[0].json["data"]["alerts"][0]["title"] == "Odd"
        assert mail.mails[0].message["Subject"] == "[WARNING] Odd (app)"
        assert len((tmp_path / "alerts.jsonl").read_text().splitlines()) == 1
    finally:
        mail.close()


def test_a_rule_is_told_and_so_is_its_end(peer: HttpPeer) -> None:
    rule = AlertRule("deep", AlertCategory.GENERAL, AlertSeverity.WARNING, 50, metric="orders.depth")
    system, clock = system_for_tests(
        WebhookAlertChannel(peer.url, allow_private=True),
        sensors=[ScriptedSensor("orders.depth", [1, 99, 99, 1])],
        rules=[rule],
    )
    with system:
        clock.advance(6)
        assert system.flush(ENOUGH_S)
    assert [request.json["data"]["kind"] for request in peer.requests] == ["firing", "resolved"]
    assert len({request.headers["webhook-id"] for request in peer.requests}) == 2


def test_a_receiver_that_stumbles_is_told_once_it_stands(peer: HttpPeer) -> None:
    peer.replies = [answer(503), answer(429, Retry_After="0.01"), answer(500)]
    system, clock = system_for_tests(WebhookAlertChannel(peer.url, allow_private=True))
    with system:
        system.emit("Odd", "something is odd", AlertSeverity.WARNING, "app")
        for _ in range(1000):
            clock.advance(1)
            if system.flush(0.02):
                break
    assert len(peer.requests) == 4
    assert len({request.headers["webhook-id"] for request in peer.requests}) == 1
    assert len({request.body for request in peer.requests}) == 1


def test_a_channel_that_hangs_holds_up_no_other_one(peer: HttpPeer) -> None:
    slow = HttpPeer()
    slow.default = slow.hang
    system = AlertSystem(
        AlertConfig(
            default_rules=False,
            channels=[
                WebhookAlertChannel(slow.url, allow_private=True, name="slow"),
                EmailAlertChannel("a@b.example", "c@d.example", smtp=f"127.0.0.1:{slow.port}", tls="none"),
                WebhookAlertChannel(peer.url, allow_private=True, name="good"),
            ],
        )
    )
    try:
        with system:
            for number in range(20):
                system.emit(f"Odd {number}", "something is odd", AlertSeverity.CRITICAL, f"app {number}")
            until_s = SystemClock().now().mono_s + ENOUGH_S
            while len(peer.requests) < 20 and SystemClock().now().mono_s < until_s:
                threading.Event().wait(0.01)
            assert len(peer.requests) == 20
            assert system.flush(0.1) is False
    finally:
        slow.close()


def test_an_event_that_is_over_is_told_to_those_who_keep_state(peer: HttpPeer) -> None:
    channel = AlertmanagerChannel(peer.url)
    try:
        with AlertSystem(AlertConfig(default_rules=False, channels=[channel])) as system:
            system.emit("Odd", "something is odd", AlertSeverity.WARNING, "app")
            assert system.flush(ENOUGH_S)
            [alert] = system.open_alerts()
            assert system.resolve(alert.fingerprint)
            assert system.flush(ENOUGH_S)
        ends = [one["endsAt"] for request in peer.requests for one in request.json]
        assert len(ends) >= 2
        assert ends[-1] < ends[0]
    finally:
        channel.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_tells_for_itself_while_its_parent_goes_on(peer: HttpPeer, tmp_path: Path) -> None:
    channels = [
        AlertmanagerChannel(peer.url),
        WebhookAlertChannel(f"{peer.url}/hook", allow_private=True),
        FileAlertChannel(tmp_path / "alerts.jsonl"),
    ]
    delivery = Delivery(SystemClock(), random.Random(1))
    for channel in channels:
        delivery.add(channel)

    def tell(notice_id: str) -> None:
        delivery.hand_over([a_notice(id=notice_id, channel=channel.name) for channel in channels])

    try:
        for number in range(5):
            tell(f"parent{number}")  # under way while it forks
            child = os.fork()
            if child == 0:
                delivery.after_fork()
                tell(f"child{number}")
                os._exit(0 if delivery.flush(ENOUGH_S) else 1)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert delivery.flush(ENOUGH_S)
    finally:
        delivery.close()
    told = {request.headers["webhook-id"] for request in peer.requests if request.path == "/hook"}
    assert told == {f"{who}{number}" for who in ("parent", "child") for number in range(5)}
    assert delivery.counts()["webhook"]["delivered"] == 5
