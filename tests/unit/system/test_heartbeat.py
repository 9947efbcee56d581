"""The dead-man's heartbeat: to a real server, only while the watch steps, and never anybody's trouble."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from tests.peers.http_peer import HttpPeer, answer

from tocsin import AlertConfig, AlertSystem, ConfigError
from tocsin.cli.status import lines_of
from tocsin.clock import SystemClock
from tocsin.config import load_config
from tocsin.testing import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ENOUGH_S = 20.0


@pytest.fixture
def peer() -> Iterator[HttpPeer]:
    one = HttpPeer()
    yield one
    one.close()


def a_system(url: str, clock: VirtualClock, **heartbeat: Any) -> AlertSystem:
    settings = {"url": url, "allow_private": True, **heartbeat}
    config = AlertConfig(heartbeat=settings, channels=[], default_rules=False, control=False)
    return AlertSystem(config, clock=clock, sensors=())


def passes(system: AlertSystem, clock: VirtualClock, seconds: int) -> None:
    """One pass a second; what is sent has arrived before the next."""
    for _ in range(seconds):
        system._core.pass_if_alone()
        assert system._core.heartbeat.flush(ENOUGH_S)
        clock.advance(1.0)


def test_it_is_sent_with_the_first_pass_and_then_as_often_as_was_asked(peer: HttpPeer) -> None:
    clock = VirtualClock()
    system = a_system(f"{peer.url}/ping/0b6e", clock, every="10s")
    passes(system, clock, 35)
    assert [(one.method, one.path, one.body) for one in peer.requests] == [("POST", "/ping/0b6e", b"")] * 4
    status = system.status()["heartbeat"]
    assert status == {"every_s": 10.0, "sent": 4, "failed": 0, "skipped": 0, "last_error": ""}
    assert "heartbeat: 4 sent, every 10 s" in list(lines_of(system.status(), SystemClock().now()))


def test_a_started_system_sends_it_from_its_watch_thread(peer: HttpPeer) -> None:
    config = AlertConfig(
        heartbeat={"url": peer.url, "allow_private": True}, channels=[], default_rules=False, control=False
    )
    with AlertSystem(config, sensors=()) as system:
        assert system.flush(ENOUGH_S)
        assert system._core.heartbeat.flush(ENOUGH_S)
        while not system._core.heartbeat.sent.value():
            SystemClock().wait(system._core.watch._pause, 0.01)
    assert len(peer.requests) == 1


def test_a_watch_whose_steps_fail_is_silent(peer: HttpPeer, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = VirtualClock()
    system = a_system(peer.url, clock, every="1s")
    passes(system, clock, 1)

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no step")

    with monkeypatch.context() as patch:
        patch.setattr(system._core.stepper, "step", broken)
        passes(system, clock, 5)
    assert len(peer.requests) == 1
    passes(system, clock, 1)
    assert len(peer.requests) == 2


def test_what_is_not_taken_is_counted_and_said_and_the_next_is_sent_all_the_same(peer: HttpPeer) -> None:
    peer.replies = [answer(503), answer(302, Location="http://127.0.0.1:1/")]
    clock = VirtualClock()
    system = a_system(f"{peer.url}/s3cr3t", clock, every="1s")
    passes(system, clock, 2)
    beat = system._core.heartbeat
    assert beat.counts() == {"sent": 0, "failed": 2, "skipped": 0}
    assert "redirects are not followed" in beat.last_error
    assert "s3cr3t" not in f"{beat.last_error} {system.status()} {system.config!r}"
    said = "\n".join(lines_of(system.status(), SystemClock().now()))
    assert "heartbeat: 0 sent, every 1 s, 2 failed" in said
    passes(system, clock, 1)
    assert (beat.counts()["sent"], beat.last_error) == (1, "")
    assert not system.open_alerts()


def test_one_that_hangs_does_not_hold_up_the_watch_and_those_behind_it_are_counted(peer: HttpPeer) -> None:
    peer.default = peer.hang
    clock = VirtualClock()
    system = a_system(peer.url, clock, every="1s")
    for _ in range(4):
        system._core.pass_if_alone()
        clock.advance(1.0)
    assert system._core.heartbeat.counts() == {"sent": 0, "failed": 0, "skipped": 3}


def test_a_private_address_is_refused_unless_it_is_allowed(peer: HttpPeer) -> None:
    clock = VirtualClock()
    system = a_system(peer.url.replace("http:", "https:"), clock, allow_private=False)
    passes(system, clock, 1)
    assert "not a public address" in system._core.heartbeat.last_error
    assert peer.requests == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_is_silent(peer: HttpPeer) -> None:
    system = a_system(peer.url, VirtualClock())
    system._core.after_fork()
    system._core.pass_if_alone()
    assert system._core.heartbeat.flush(ENOUGH_S)
    assert (peer.requests, system.status()["heartbeat"]) == ([], None)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"url": "ftp://s3cr3t.example"}, "an http or https URL"),
        ({"url": "http://s3cr3t.example"}, "plain http"),
        ({"every": "10s"}, "heartbeat.url: found nothing"),
        ({"url": "https://s3cr3t.example", "every": 0}, "from 1 s to 1 d"),
        ("https://s3cr3t.example", "a table with a url"),
    ],
)
def test_what_is_wrong_is_said_at_the_start_without_the_address(given: Any, words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        AlertConfig(heartbeat=given)
    assert words in str(refused.value)
    assert "s3cr3t" not in str(refused.value)


def test_a_file_may_keep_the_address_elsewhere_and_its_mistakes_have_lines(tmp_path: Path) -> None:
    (tmp_path / "ping.txt").write_text("https://hc.example/s3cr3t")
    path = tmp_path / "tocsin.toml"
    path.write_text('[heartbeat]\nurl = "file:ping.txt"\n')
    config = load_config(path)
    assert config.heartbeat["url"].reveal() == "https://hc.example/s3cr3t"
    assert config.replace(name="again").heartbeat == config.heartbeat
    path.write_text('[heartbeat]\nurl = "ftp://s3cr3t"\nevery = "5 MB"\n')
    with pytest.raises(ConfigError) as refused:
        load_config(path)
    assert "tocsin.toml:2" in str(refused.value)
    assert "tocsin.toml:3" in str(refused.value)
    assert "s3cr3t" not in str(refused.value)
