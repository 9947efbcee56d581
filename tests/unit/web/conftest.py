"""A page on a system that stands still, and whoever asks it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest
from tests.peers.asgi_client import Client

from tocsin import AlertCategory, AlertRule, AlertSeverity
from tocsin.testing import RecordingChannel, ScriptedSensor, system_for_tests
from tocsin.web import app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tocsin.clock import VirtualClock
    from tocsin.system import AlertSystem
    from tocsin.web.application import Page

TOKEN = "a-token-of-the-tests"


class House(NamedTuple):
    """A system with its page.

    Attributes:
        client: has the token in its header.
        stranger: has nothing.
    """

    system: AlertSystem
    clock: VirtualClock
    page: Page
    client: Client
    stranger: Client
    channel: RecordingChannel

    def step(self, seconds: float = 1.0) -> None:
        """One pass, so much later."""
        self.clock.advance(seconds)
        self.system._core.one_pass()

    def browser(self, path: str = "/?token=" + TOKEN) -> Client:
        """A browser that opened the link."""
        cookie = self.stranger.get(path).headers["set-cookie"].partition(";")[0]
        return Client(self.page, {"cookie": cookie, "origin": "http://127.0.0.1:8787"})


@pytest.fixture
def house() -> Iterator[House]:
    channel = RecordingChannel()
    rule = AlertRule("deep", AlertCategory.GENERAL, AlertSeverity.WARNING, 50, metric="queue.depth")
    system, clock = system_for_tests(
        channel,
        sensors=[ScriptedSensor("queue.depth", [1, 2, 99]), ScriptedSensor("process.cpu.utilization", [0.5])],
        rules=[rule],
        health={"ready": ["deep"]},
    )
    page = app(system, token=TOKEN)
    yield House(system, clock, page, Client(page, {"authorization": f"Bearer {TOKEN}"}), Client(page), channel)
    system.stop()
