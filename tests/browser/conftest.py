"""A real browser on the page: the system's own Chromium, driven by Playwright; without one it is said what is missing.

Whatever a test does: no error on the console, and no request that leaves the page's own origin.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from tocsin import AlertConfig, AlertRule, AlertSystem
from tocsin.model.levels import AlertCategory, AlertSeverity
from tocsin.testing import RecordingChannel, ScriptedSensor
from tocsin.web import serve
from tocsin.web.files import Files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "build" / "screenshots"
AXE = ROOT / "build" / "page" / "node_modules" / "axe-core" / "axe.min.js"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ENOUGH_MS = 20_000
TOKEN = "a-token-of-the-tests"


def ready(page: Page) -> Page:
    """Wait until the page hears the program."""
    page.get_by_text("live", exact=True).wait_for()
    return page


def fired(house: House, title: str, level: str = "critical", **more: Any) -> None:
    """Raise an alert in the program."""
    house.system.emit(title, "something is wrong", level, "a test", **more)


def why_not() -> str:
    """What is missing; empty if all is there."""
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return "playwright is not installed"
    if CHROMIUM is None:
        return "no Chromium is installed: apt install chromium"
    return "" if Files().is_whole() else "the page's libraries are not here: make page"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reason = why_not()
    for item in items:
        if reason and "browser" in item.path.parts:
            item.add_marker(pytest.mark.skip(reason=reason))


# Not for longer: its event loop runs on this thread, and other tests want one of their own.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser
        browser.close()


class Visit(NamedTuple):
    """A page that is looked at, and what went wrong on it.

    Attributes:
        expected: patterns of complaints that a test brings about on purpose.
    """

    page: Page
    complaints: list[str]
    expected: list[str]


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Callable[..., Visit]]:
    """Open an address; at the end it is looked whether anything was complained of."""
    visits: list[tuple[Visit, str]] = []

    def opened(url: str, **options: Any) -> Visit:
        context = chromium.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        context.set_default_timeout(ENOUGH_MS)
        page = context.new_page()
        found = Visit(page, [], [])
        origin = urlsplit(url).netloc
        page.on("console", lambda said: found.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: found.complaints.append(str(error)))
        page.on(
            "request",
            lambda asked: (
                None if urlsplit(asked.url).netloc == origin else found.complaints.append(f"asked {asked.url}")
            ),
        )
        page.goto(url)
        visits.append((found, origin))
        return found

    yield opened
    for found, _ in visits:
        found.page.context.close()
        assert [one for one in found.complaints if not any(re.search(two, one) for two in found.expected)] == []


class House:
    """A system of this process, with its page on a port that stays the same over restarts.

    Args:
        changes: further settings.
    """

    def __init__(self, **changes: Any) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.channel = RecordingChannel()
        rule = AlertRule(
            "queue-deep", AlertCategory.GENERAL, AlertSeverity.WARNING, 50, metric="queue.depth",
            recommendations=("Look who feeds the queue",),
        )  # fmt: skip
        settings: dict[str, Any] = {
            "name": "shown", "channels": [self.channel], "default_rules": False, "rules": [rule],
            "check_interval": "100ms", "suppress_after": 1000, "web": {"port": port, "token": TOKEN},
        }  # fmt: skip
        config = AlertConfig(**{**settings, **changes})
        sensors = [ScriptedSensor("process.cpu.utilization", [0.1, 0.5, 0.3])]
        self.system = AlertSystem(config, sensors=sensors)
        self.server = serve(self.system)
        self.system.start()


@pytest.fixture
def house() -> Iterator[House]:
    found = House()
    yield found
    found.system.stop()


class Program:
    """A program under `tocsin run --web`, with the address of its page.

    Args:
        command: behind `python -m tocsin`.
        folder: where it runs; its control socket lies there too.
    """

    def __init__(self, command: list[str], folder: Path) -> None:
        self.environment = {
            **os.environ, "XDG_RUNTIME_DIR": str(folder), "TMPDIR": str(folder),
            "TOCSIN_STATE_DIR": str(folder / "state"),
        }  # fmt: skip
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tocsin", *command], cwd=folder, env=self.environment, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.url = ""
        while not self.url:
            line = self.process.stdout.readline()
            assert line, "it ended without a page"
            found = re.search(r"the page is at (\S+)", line)
            self.url = found[1] if found else ""
        self._reader = threading.Thread(target=self.process.stdout.read, daemon=True)
        self._reader.start()

    def ask(self, *command: str) -> str:
        """What the command line says."""
        done = subprocess.run(
            [sys.executable, "-m", "tocsin", *command], env=self.environment, capture_output=True, text=True,
            check=False, timeout=60,
        )  # fmt: skip
        return done.stdout

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.terminate()
        self.process.wait(30)
        self._reader.join(30)
        assert self.process.stdout is not None
        self.process.stdout.close()
