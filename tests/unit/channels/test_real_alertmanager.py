"""The real Alertmanager, where it is installed: it takes, shows, groups and ends what it is told."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import threading
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from tests.peers.http_peer import HttpPeer
from tests.peers.notices import ALERT, DIGEST, EVENT, HOSTILE, a_notice, hostile

from tocsin import AlertmanagerChannel
from tocsin.model.notice import NoticeKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PROGRAM = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
TRIES = 600  # of 50 ms
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="Alertmanager is not installed (prometheus-alertmanager)")

CONFIG = """\
route:
  receiver: hook
  group_by: [component]
  group_wait: 0s
  group_interval: 1s
  repeat_interval: 1h
receivers:
  - name: hook
    webhook_configs:
      - url: {url}
        send_resolved: true
"""


class Alertmanager:
    """A server of its own, and the webhook that it tells."""

    def __init__(self, folder: Path) -> None:
        assert PROGRAM is not None
        self.hook = HttpPeer()
        config = folder / "alertmanager.yml"
        config.write_text(CONFIG.format(url=self.hook.url))
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen(
            [
                PROGRAM, f"--config.file={config}", f"--storage.path={folder / 'data'}", "--cluster.listen-address=",
                f"--web.listen-address=127.0.0.1:{port}", "--log.level=error",
            ],
            env={"PATH": os.environ["PATH"]}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        until(self._is_ready)

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as answer:  # noqa: S310 - on the loopback
                return bool(answer.status == 200)
        except OSError:
            assert self.process.poll() is None, "Alertmanager has ended"
            return False

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self.url}/api/v2/{path}", timeout=10) as answer:  # noqa: S310 - as above
            return json.load(answer)

    def active(self) -> list[str]:
        return sorted(alert["labels"]["alertname"] for alert in self.get("alerts?active=true"))

    def told(self) -> list[tuple[str, str]]:
        """Names and states of all that its webhook was told, in order."""
        return [
            (alert["labels"]["alertname"], alert["status"])
            for request in self.hook.requests
            for alert in request.json["alerts"]
        ]

    def close(self) -> None:
        self.process.kill()
        self.process.wait(30)
        self.hook.close()


def until(done: Callable[[], bool]) -> None:
    for _ in range(TRIES):
        if done():
            return
        threading.Event().wait(0.05)
    pytest.fail("it did not come to pass")


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alertmanager]:
    one = Alertmanager(tmp_path_factory.mktemp("alertmanager"))
    yield one
    one.close()


@pytest.fixture
def channel(alertmanager: Alertmanager) -> Iterator[AlertmanagerChannel]:
    one = AlertmanagerChannel(alertmanager.url)
    yield one
    one.close()


def fresh(alert: Any, **changes: Any) -> Any:
    # Alertmanager goes by the real time.
    return msgspec.structs.replace(alert, started_at=datetime.now(UTC) - timedelta(seconds=5), **changes)


def test_it_shows_groups_and_ends_an_alert(alertmanager: Alertmanager, channel: AlertmanagerChannel) -> None:
    first, second = fresh(ALERT), fresh(EVENT, component="orders")
    channel.deliver(a_notice(first, second))
    until(lambda: alertmanager.active() == ["Payment refused", "memory-high"])
    [group] = [found for found in alertmanager.get("alerts/groups") if found["labels"] == {"component": "orders"}]
    assert len(group["alerts"]) == 2
    until(lambda: ("memory-high", "firing") in alertmanager.told())
    for alert in (first, second):
        over = msgspec.structs.replace(alert, resolved_at=datetime.now(UTC))
        channel.deliver(a_notice(over, kind=NoticeKind.RESOLVED, id=f"over-{alert.id}"))
    until(lambda: alertmanager.active() == [])
    until(lambda: {("memory-high", "resolved"), ("Payment refused", "resolved")} <= set(alertmanager.told()))


@pytest.mark.parametrize("what", HOSTILE)
def test_it_takes_hostile_text(alertmanager: Alertmanager, channel: AlertmanagerChannel, what: str) -> None:
    notice = hostile(HOSTILE[what])
    alert = fresh(notice.alerts[0])
    channel.deliver(a_notice(alert))  # raises if it is refused
    channel.deliver(a_notice(msgspec.structs.replace(alert, resolved_at=datetime.now(UTC)), kind=NoticeKind.RESOLVED))
    until(lambda: alertmanager.active() == [])
    assert channel.board.forgotten == 0


def test_it_shows_a_digest_for_a_while(alertmanager: Alertmanager, channel: AlertmanagerChannel) -> None:
    channel.deliver(msgspec.structs.replace(DIGEST, created_at=datetime.now(UTC)))
    until(lambda: alertmanager.active() == ["TocsinAlertsHeldBack"])
    assert alertmanager.active() == ["TocsinAlertsHeldBack"]


def test_it_takes_a_thousand_alerts_at_once(alertmanager: Alertmanager, channel: AlertmanagerChannel) -> None:
    alerts = [fresh(EVENT, id=str(n), fingerprint=str(n), title=f"Event {n}", component="many") for n in range(1000)]
    channel.deliver(a_notice(*alerts))
    until(lambda: len([name for name in alertmanager.active() if name.startswith("Event ")]) == 1000)
    assert channel.board.forgotten == 0


def test_it_refuses_what_is_not_of_the_api(alertmanager: Alertmanager) -> None:
    request = urllib.request.Request(  # noqa: S310 - as above
        f"{alertmanager.url}/api/v2/alerts", b'[{"labels": {}}]', {"Content-Type": "application/json"}
    )
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(request, timeout=10)  # noqa: S310 - as above
