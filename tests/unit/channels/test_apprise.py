"""Apprise: loaded when there is something to tell, and refused at the start where it is not installed."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import types
from typing import Any

import pytest
from tests.peers.http_peer import HttpPeer
from tests.peers.notices import DIGEST, EVENT, FIRING, RESOLVED, a_notice

from tocsin import AppriseChannel, ConfigError, DeliveryError
from tocsin.channels import apprise as adapter

CANARY = "canary4711"


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The library, played by a module of the same face."""
    calls: list[dict[str, Any]] = []

    class Apprise:
        def add(self, url: str) -> bool:
            if url == "raise://":
                raise ValueError(CANARY)
            return url.startswith("json://")

        def notify(self, **call: Any) -> bool:
            calls.append(call)
            return True

    module = types.ModuleType("apprise")
    module.__spec__ = types.SimpleNamespace()  # type: ignore[assignment]  # that there is one says: installed
    module.Apprise = Apprise  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "apprise", module)
    return calls


def test_the_severity_becomes_apprises_own_word(calls: list[dict[str, Any]]) -> None:
    channel = AppriseChannel("json://example.com")
    for notice in (FIRING, a_notice(EVENT), RESOLVED, DIGEST):
        channel.deliver(notice)
    assert [call["notify_type"] for call in calls] == ["failure", "warning", "success", "warning"]
    assert calls[0]["title"] == "[CRITICAL] memory-high: 91 %, threshold 85 % (orders)"
    assert calls[0]["body_format"] == "text"
    assert "Stop what is not needed" in calls[0]["body"]


@pytest.mark.usefixtures("calls")
def test_a_url_that_apprise_does_not_know_is_permanent() -> None:
    with pytest.raises(DeliveryError, match="does not understand the url") as caught:
        AppriseChannel(f"nonsense://{CANARY}").deliver(FIRING)
    assert caught.value.permanent
    assert CANARY not in str(caught.value)


@pytest.mark.usefixtures("calls")
def test_what_apprise_raises_is_told_without_its_words() -> None:
    with pytest.raises(DeliveryError, match="Apprise failed: ValueError") as caught:
        AppriseChannel("raise://").deliver(FIRING)
    assert not caught.value.permanent
    assert caught.value.__context__ is None


def test_where_it_is_not_installed_the_configuration_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "_is_installed", lambda: False)
    with pytest.raises(ConfigError, match=r"pip install 'tocsin\[notify\]'"):
        AppriseChannel(f"json://{CANARY}")


def test_its_module_does_not_load_it() -> None:
    program = "import sys; import tocsin.channels.apprise as a; a._is_installed(); assert 'apprise' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


@pytest.mark.skipif(importlib.util.find_spec("apprise") is None, reason="Apprise is not installed (extra notify)")
@pytest.mark.filterwarnings("ignore")  # what it says of itself
def test_the_real_library_tells() -> None:
    peer = HttpPeer()
    try:
        AppriseChannel(f"json://127.0.0.1:{peer.port}/{CANARY}").deliver(FIRING)
        [request] = peer.requests
        assert request.json["title"] == "[CRITICAL] memory-high: 91 %, threshold 85 % (orders)"
        assert request.json["type"] == "failure"
        peer.close()
        with pytest.raises(DeliveryError, match="could not tell") as caught:
            AppriseChannel(f"json://127.0.0.1:{peer.port}/{CANARY}").deliver(FIRING)
        assert CANARY not in str(caught.value)
    finally:
        peer.close()
