"""From `emit` to the receiver: how long it takes until a webhook on the loopback has the alert.

Beside it, in turn, the real Alertmanager with no group wait, if it is installed: from the POST of the alert to the
webhook of its receiver. Both tell the same little server, which writes down when each request came.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.request
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Self

from benchmarks.report import Figures, Result

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

ENOUGH_S = 30.0
_NAMES = ("prometheus-alertmanager", "alertmanager")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How often, and which Alertmanager."""
    parser.add_argument("--alerts", type=int, default=100, help="alerts, one after the other (100)")
    parser.add_argument("--storm", type=int, default=10_000, help="alerts of the storm (10,000)")
    parser.add_argument("--alertmanager", default=None, help="the program (found on the path)")


def run(args: argparse.Namespace) -> Result:
    """Alone, in a stream, and in a storm."""
    with Receiver() as receiver:
        ours = _ours(receiver, args.alerts) | _storm(receiver, args.storm)
        program = args.alertmanager or next(filter(None, map(shutil.which, _NAMES)), None)
        peer: Figures | str = "no Alertmanager on the path (apt install prometheus-alertmanager)"
        if program is not None:
            peer = _alertmanager(receiver, program, args.alerts)
    return Result(
        name="delivery",
        ours=ours,
        peers={"Alertmanager": peer},
        packages=("urllib3",),
        notes=(
            f"{args.alerts} alerts that come alone, a tenth of a second apart, and as many one right after the other:",
            "in such a stream ours writes down that the last one arrived before it sends the next.",
            f"The storm: {args.storm} warnings from as many sources, then a critical alert: how long until it is told.",
        ),
    )


class Receiver:
    """A webhook in a process of its own, so that it takes no time of the interpreter that is measured."""

    def __init__(self) -> None:
        self.seen: dict[str, float] = {}
        self.changed = threading.Condition()
        self._process = subprocess.Popen([sys.executable, "-c", _RECEIVER], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self._lines = self._process.stdout
        self.url = f"http://127.0.0.1:{int(self._lines.readline())}/"

    def _read(self) -> None:
        for line in self._lines:
            at_s, _, body = line.partition(" ")
            title = next((word for word in body.split('"') if word.startswith("bench-")), "")
            with self.changed:
                self.seen.setdefault(title, float(at_s))
                self.changed.notify_all()

    def wait_for(self, title: str) -> float:
        """When it came, on the clock that all processes of the machine share."""
        with self.changed:
            assert self.changed.wait_for(lambda: title in self.seen, ENOUGH_S), f"{title} did not come"
            return self.seen[title]

    def __enter__(self) -> Self:
        threading.Thread(target=self._read, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()


# Says on which port it listens, and then the time and the body of each request, a line each.
_RECEIVER = """
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import perf_counter

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self):
        at_s = perf_counter()
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
        sys.stdout.write(f"{at_s} {body.decode()}".replace("\\n", " ") + "\\n")
        sys.stdout.flush()

    def log_message(self, *_):
        pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
print(server.server_port, flush=True)
server.serve_forever()
"""


def _one_by_one(receiver: Receiver, alerts: int, name: str, send: Callable[[str], object]) -> Figures:
    """Alerts that come alone, and then as many that follow each other at once."""
    alone = _times(receiver, alerts, f"{name}-alone", send, pause_s=0.1)
    stream = _times(receiver, alerts, f"{name}-stream", send, pause_s=0.0)
    return _percentiles("alone", alone) | _percentiles("stream", stream)


def _times(receiver: Receiver, alerts: int, name: str, send: Callable[[str], object], *, pause_s: float) -> list[float]:
    took = []
    for number in range(alerts + 5):
        title = f"bench-{name}-{number}"
        threading.Event().wait(pause_s)
        began_s = perf_counter()
        send(title)
        took.append(receiver.wait_for(title) - began_s)
    return sorted(took[5:])  # the first ones load code and open connections


def _percentiles(name: str, times: list[float]) -> Figures:
    return {f"{name}_p50_ms": 1e3 * times[len(times) // 2], f"{name}_p99_ms": 1e3 * times[len(times) * 99 // 100]}


def _ours(receiver: Receiver, alerts: int) -> Figures:
    from tocsin import AlertConfig, AlertSystem, WebhookAlertChannel

    with tempfile.TemporaryDirectory() as name:
        channel = WebhookAlertChannel(receiver.url, allow_private=True)
        config = AlertConfig(state_dir=Path(name), channels=[channel], default_rules=False)
        with AlertSystem(config, sensors=()) as system:
            return _one_by_one(receiver, alerts, "ours", lambda title: system.emit(title, "m", "critical", title))


def _storm(receiver: Receiver, alerts: int) -> Figures:
    from tocsin import AlertConfig, AlertSystem, WebhookAlertChannel

    with tempfile.TemporaryDirectory() as name:
        channel = WebhookAlertChannel(receiver.url, allow_private=True)
        config = AlertConfig(state_dir=Path(name), channels=[channel], default_rules=False)
        with AlertSystem(config, sensors=()) as system:
            for number in range(alerts):
                system.emit(f"storm {number}", "m", "warning", f"source {number}")
            began_s = perf_counter()
            system.emit("bench-critical", "m", "critical", "urgent")
            return {"critical_behind_a_storm_ms": 1e3 * (receiver.wait_for("bench-critical") - began_s)}


_CONFIG = """
route: {{receiver: hook, group_by: ['...'], group_wait: 0s, group_interval: 5m, repeat_interval: 4h}}
receivers: [{{name: hook, webhook_configs: [{{url: '{url}', send_resolved: false}}]}}]
"""


def _alertmanager(receiver: Receiver, program: str, alerts: int) -> Figures | str:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "config.yml").write_text(_CONFIG.format(url=receiver.url))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        server = subprocess.Popen(
            [
                program, f"--config.file={folder / 'config.yml'}", f"--storage.path={folder}",
                "--cluster.listen-address=", f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            api = f"http://127.0.0.1:{port}"
            if not _answers(f"{api}/-/ready"):
                return "it did not start"
            return _one_by_one(receiver, alerts, "theirs", lambda title: _post(f"{api}/api/v2/alerts", title))
        finally:
            server.kill()
            server.wait()


def _answers(url: str) -> bool:
    until_s = perf_counter() + ENOUGH_S
    while perf_counter() < until_s:
        try:
            with urllib.request.urlopen(url, timeout=1.0):  # noqa: S310 - the loopback
                return True
        except OSError:
            threading.Event().wait(0.05)
    return False


def _post(url: str, title: str) -> None:
    body = json.dumps([{"labels": {"alertname": title}}]).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310 - the loopback
    with urllib.request.urlopen(request, timeout=5.0) as answer:  # noqa: S310 - the loopback
        answer.read()
