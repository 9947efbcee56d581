"""The page on a day of history: how soon the first view is usable, what it costs to send, and what the program pays.

A day of readings of 300 metrics is measured in virtual time, through the engine and the journal, so what is read back
is what a real day leaves. A program of its own then serves the page; it is visited by a browser, and listened to by one
page and by fifty. Without Playwright or a Chromium what a browser would show is left out.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

import psutil

from benchmarks.report import Figures, Result

METRICS = 300
DAY_S = 86_400
SETTLE_S = 3.0
MEASURED_S = 15.0
PAGES = 50
VISITS = 5
SIZE = {"width": 1400, "height": 1000}
TOKEN = "a-token-of-the-benchmark"  # noqa: S105 - of a program that lives for a minute
CHARTED = (
    "process.cpu.utilization", "process.memory.usage", "tocsin.eventloop.lag", "tocsin.gc.pause", "tocsin.gil.wait",
    "process.thread.count", "process.open_file_descriptor.count", "system.cpu.utilization",
    "system.memory.utilization", "system.cpu.load_average.1m",
)  # fmt: skip


class Wave:
    """A sensor of so many series, none of them constant."""

    name = "wave"
    tier = 1

    def __init__(self) -> None:
        from tocsin.model.readings import SeriesKey

        names = [*CHARTED, *(f"own.metric.{number}" for number in range(METRICS - len(CHARTED)))]
        self.layout = tuple(SeriesKey(name) for name in names)

    def read(self, now: Any) -> list[float]:
        at_s = now.mono_s
        return [0.5 + 0.4 * math.sin(at_s / (60.0 + number)) for number in range(METRICS)]

    def close(self) -> None:
        """Nothing is kept open."""


def system_of(folder: Path, clock: Any = None) -> Any:
    """A system with these sensors, and its state in a folder."""
    from tocsin import AlertConfig, AlertSystem

    config = AlertConfig(
        name="page-bench", channels=[], state_dir=folder, dynamic_interval=False, memory={"enabled": False},
        control=False, web={"port": 0, "token": TOKEN},
    )  # fmt: skip
    return AlertSystem(config, clock=clock, sensors=[Wave()])


def live_a_day(folder: Path) -> None:
    """A day up to now, in virtual time."""
    from tocsin.clock import VirtualClock

    clock = VirtualClock(start=datetime.now(UTC) - timedelta(seconds=DAY_S))
    system = system_of(folder, clock)
    for second in range(DAY_S):
        clock.advance(1.0)
        system._core.one_pass()
        if second % 3600 == 3599:
            system._core.recorder.sync(60.0)
    system.stop(60.0)


def serve(folder: Path) -> None:
    """The program that is visited: it prints its link, and lives until its standard input ends."""
    from tocsin.web import serve as serve_page

    system = system_of(folder)
    server = serve_page(system)
    with system:
        print(server.url, flush=True)
        sys.stdin.read()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--part", choices=["day", "serve"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> Result:
    if args.part:
        {"day": live_a_day, "serve": serve}[args.part](args.folder)
        sys.exit(0)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "state"
        began_s = time.perf_counter()
        subprocess.run([*_self("day"), "--folder", str(folder)], check=True)
        figures: Figures = {"a day in virtual time, s": time.perf_counter() - began_s}
        figures["journal, MB"] = sum(path.stat().st_size for path in folder.glob("*.db*")) / 1e6
        command = [*_self("serve"), "--folder", str(folder)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
            assert program.stdout is not None
            assert program.stdin is not None
            url = program.stdout.readline().strip()
            try:
                figures |= asked(url) | costs(url, program.pid) | visited(url)
            finally:
                program.stdin.close()
    return Result(
        name="page", ours=figures, packages=("starlette", "uvicorn", "h11"),
        notes=("budget: first view 1 s and 500 KB, pan 30 frames/s, one page 1 % of a core beyond none",),
    )  # fmt: skip


def _self(part: str) -> list[str]:
    return [sys.executable, "-m", "benchmarks", "page", "--part", part]


def get(url: str, path: str) -> bytes:
    base = url.partition("/?")[0]
    headers = {"Authorization": f"Bearer {TOKEN}", "Accept-Encoding": "gzip"}
    with urllib.request.urlopen(urllib.request.Request(base + path, headers=headers), timeout=60) as reply:  # noqa: S310 - our own
        body: bytes = reply.read()
    return body


def asked(url: str) -> Figures:
    """How long the server takes to answer what the first view asks for, over ten minutes and over a day."""
    query = "&".join(f"metric={name}" for name in CHARTED)
    figures: Figures = {}
    for words, since_s in (("10 min", 600), ("24 h", DAY_S)):
        began_s = time.perf_counter()
        body = get(url, f"/api/v1/readings?{query}&since_s={since_s}&points=500")
        figures[f"readings of {words}, s"] = time.perf_counter() - began_s
        figures[f"readings of {words}, KB"] = len(body) / 1e3
    return figures


def listens(url: str, stack: ExitStack) -> None:
    """One more page that listens, and reads what it is told."""
    base = url.partition("/?")[0]
    request = urllib.request.Request(f"{base}/api/v1/stream", headers={"Authorization": f"Bearer {TOKEN}"})  # noqa: S310 - our own
    reply: IO[bytes] = stack.enter_context(urllib.request.urlopen(request, timeout=60))  # noqa: S310 - our own

    def read() -> None:
        try:
            while reply.readline():
                pass
        except (OSError, ValueError, AttributeError):
            return  # it was closed

    threading.Thread(target=read, daemon=True).start()


def costs(url: str, pid: int) -> Figures:
    """CPU of the program with no page, one and fifty, and how regularly it then samples."""
    process = psutil.Process(pid)
    figures: Figures = {}
    for pages in (0, 1, PAGES):
        with ExitStack() as stack:
            for _ in range(pages):
                listens(url, stack)
            time.sleep(SETTLE_S)
            before, began_s = process.cpu_times(), time.perf_counter()
            time.sleep(MEASURED_S)
            after, took_s = process.cpu_times(), time.perf_counter() - began_s
            used_s = after.user + after.system - before.user - before.system
            figures[f"CPU with {pages} pages, % of a core"] = used_s / took_s * 100
            found = json.loads(_plain(get(url, "/api/v1/readings?metric=own.metric.1&since_s=14&points=2000")))
            times = found["series"][0]["times"]
            pauses = [after_s - before_s for before_s, after_s in pairwise(times)]
            figures[f"longest pause between samples, {pages} pages, s"] = max(pauses)
    return figures


def _plain(body: bytes) -> bytes:
    import gzip

    return gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body


def visited(url: str) -> Figures:
    """What a browser sees: when the first view is usable, what was transferred, and how smoothly charts move."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return {}
    if chromium is None:
        return {}
    figures: Figures = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        warm = browser.new_page()  # whoever opens the page has a browser that runs
        warm.set_content("<canvas></canvas><p>a page of somebody else</p>")
        figures["first view usable, s"] = statistics.median(usable_s(browser, url) for _ in range(VISITS))
        page = browser.new_page(viewport=SIZE)
        sent = 0

        def count(reply: Any) -> None:
            nonlocal sent
            if "/stream" not in reply.url:
                sizes = reply.request.sizes()
                sent += sizes["responseBodySize"] + sizes["responseHeadersSize"]

        page.on("requestfinished", lambda asked_: count(asked_.response()))
        page.goto(url)
        page.locator(".uplot canvas").first.wait_for()
        page.wait_for_timeout(1500)
        figures["first view transferred, KB"] = sent / 1e3
        began_s = time.perf_counter()
        page.get_by_role("button", name="24 h").click()
        page.wait_for_function("() => [...window.tocsin.state.series.values()].some((one) => one.times.length > 200)")
        figures["a day drawn, s"] = time.perf_counter() - began_s
        figures["pan, frames/s"] = page.evaluate(_PAN)
        browser.close()
    return figures


def usable_s(browser: Any, url: str) -> float:
    """From the start of the navigation to the first chart, by the browser's own clock, with nothing in its cache."""
    context = browser.new_context(viewport=SIZE)
    page = context.new_page()
    page.add_init_script(_USABLE)
    page.goto(url)
    usable_ms: float = page.wait_for_function("() => window.usableAt").json_value()
    context.close()
    return usable_ms / 1e3


# A frame after the first chart is there, so that it is seen.
_USABLE = """
    const look = () => {
        if (document.querySelector(".uplot canvas")) {
            requestAnimationFrame(() => { window.usableAt = performance.now(); });
        } else {
            requestAnimationFrame(look);
        }
    };
    look();
"""

# Ten frames of warming up, then sixty in which all charts move a little.
_PAN = """async () => {
    const { pan } = await import("./static/charts.js");
    const frame = () => new Promise((done) => requestAnimationFrame(done));
    for (let n = 0; n < 10; n += 1) { pan(-0.01); await frame(); }
    const began = performance.now();
    for (let n = 0; n < 60; n += 1) { pan(-0.01); await frame(); }
    return 60000 / (performance.now() - began);
}"""
