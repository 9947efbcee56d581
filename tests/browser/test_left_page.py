"""The page on what a program left, in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.browser.conftest import PICTURES

from tocsin import AlertCategory, AlertConfig, AlertRule, AlertSeverity, AlertSystem
from tocsin.system.lastrun import record
from tocsin.system.lastrun.record import KernelCounts, RunEnd, RunRecord
from tocsin.testing import ScriptedSensor, VirtualClock
from tocsin.web import serve_left

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.browser.conftest import Visit

    Opened = Callable[..., Visit]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """What a program left a while ago."""
    rule = AlertRule("busy", AlertCategory.CPU_USAGE, AlertSeverity.WARNING, 50, metric="process.cpu.utilization")
    config = AlertConfig(
        name="orders", state_dir=tmp_path / "state", channels=[], rules=[rule], default_rules=False,
        memory={"enabled": False},
    )  # fmt: skip
    clock = VirtualClock()
    sensors = [ScriptedSensor("process.cpu.utilization", [0.1] * 200 + [0.9])]
    system = AlertSystem(config, clock=clock, sensors=sensors)
    system.emit("Disk full", "nothing can be written", "critical", "backup")
    for _ in range(250):
        system._core.one_pass()
        clock.advance(1.0)
    now = clock.now().utc.timestamp()
    assert system.stop()
    account = RunRecord(
        program="orders", pid=1, began_unix_s=now - 250, written_unix_s=now, kernel=KernelCounts(), rss_mb=612.5,
        sites=("12.4 MB app/sessions.py:48 in login",), end=RunEnd("stopped"),
    )  # fmt: skip
    record.write(tmp_path / "state", account)
    return tmp_path / "state"


def test_it_says_that_the_program_does_not_run_and_shows_what_it_left(state: Path, visit: Opened) -> None:
    server = serve_left(state, port=0)
    try:
        found = visit(server.url)
        found.expected.append("ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING")  # it ends before the browser
        page = found.page
        page.get_by_role("status").get_by_text("orders does not run.").wait_for()
        assert "it ended in order. This is what it has written" in page.get_by_role("status").inner_text()
        page.get_by_role("link", name="Disk full").first.wait_for()
        page.get_by_text("CPU of the program").wait_for()
        PICTURES.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=PICTURES / "left-now.png")
        assert page.get_by_role("button", name="Acknowledge").count() == 0
        for view, words in (("Memory", "The heap was not captured"), ("Runtime", "Threads"), ("Rules", "busy")):
            page.get_by_role("link", name=view).click()
            page.get_by_text(words).first.wait_for()
            page.screenshot(path=PICTURES / f"left-{view.lower()}.png")
    finally:
        server.end(5.0)
