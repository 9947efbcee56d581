from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from tocsin.cli import demo
from tocsin.cli.load import Load
from tocsin.config import load_config

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.cli.conftest import Result

posix = pytest.mark.skipif(os.name != "posix", reason="POSIX")


def exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def lines_of(example: str) -> list[str]:
    return (demo.find_examples() / example).read_text("utf-8").splitlines()


def start_demo(*words: str) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    program = subprocess.Popen(
        [sys.executable, "-m", "tocsin", "demo", "--json", *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert program.stdout is not None
    return program, json.loads(program.stdout.readline())


def test_the_rules_of_the_demo_are_right_and_each_says_what_to_do() -> None:
    config = load_config(demo.find_examples() / demo.CONFIG)
    assert {rule.name for rule in config.all_rules()} == {
        "process-cpu-high", "event-loop-blocked", "memory-growth", "memory-leak",
    }  # fmt: skip
    assert all(rule.recommendations for rule in config.all_rules())


@pytest.mark.skipif(sys.platform != "linux", reason="Linux, for the readings of the process")
def test_the_bell_rings_for_all_three_misdeeds_and_names_the_lines() -> None:
    # It takes half a minute, and on a machine that builds and tests at the same time up to two.
    words = [sys.executable, "-m", "tocsin", "demo", "--for", "120s"]
    program = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert program.stderr is not None
    rung: dict[str, str] = {}
    while len(rung) < 4 and (line := program.stderr.readline()):
        if " firing " in line:
            rung[line.split(" firing ")[1].split(":")[0]] = line
    program.send_signal(signal.SIGINT)
    out, _ = program.communicate(timeout=60)
    # Where four programs want each core, the service has too little of one to burn.
    crowded = os.name == "posix" and os.getloadavg()[0] > 4 * (os.cpu_count() or 1)
    assert set(rung) | ({"process-cpu-high"} if crowded else set()) == {
        "process-cpu-high", "event-loop-blocked", "memory-growth", "memory-leak",
    }  # fmt: skip
    assert f"{demo.SERVICE}:" in rung["event-loop-blocked"]
    assert "in wait_for_printer" in rung["event-loop-blocked"]
    leak = next(n for n, text in enumerate(lines_of(demo.SERVICE), start=1) if text.lstrip().startswith("cart ="))
    assert f"{demo.SERVICE}:{leak} in login, grows by" in rung["memory-leak"]
    assert "← global __main__.SESSIONS" in rung["memory-leak"]
    assert program.returncode == 0
    assert "Tocsin told of" in out


@posix
@pytest.mark.skipif(sys.platform != "linux", reason="Linux, for the readings of the process")
def test_the_demo_prints_the_link_opens_nothing_and_its_leak_is_on_the_page_in_half_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What would open a browser is in its way, and takes note of being asked."""
    for name in ("xdg-open", "x-www-browser", "www-browser", "gio", "open"):
        (tmp_path / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/opened\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("BROWSER", str(tmp_path / "open"))
    monkeypatch.setenv("DISPLAY", ":9")
    words = [sys.executable, "-m", "tocsin", "demo"]
    program = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert program.stderr is not None
    base, _, token = program.stderr.readline().partition("the page is at ")[2].strip().partition("/?token=")
    headers = {"Authorization": f"Bearer {token}"}

    def asked(path: str) -> Any:
        return urllib.request.urlopen(urllib.request.Request(f"{base}/api/v1/{path}", headers=headers), timeout=120)  # noqa: S310 - our own

    leak: dict[str, Any] = {}
    with asked("stream") as stream:
        while leak.get("rule") != "memory-leak" or leak["state"] != "firing":
            line = stream.readline()
            assert line, "the stream ended"
            leak = json.loads(line[6:]) if line.startswith(b'data: {"id"') else leak
    with asked("status") as reply:
        status = json.load(reply)
    program.send_signal(signal.SIGINT)
    program.communicate(timeout=60)
    assert not (tmp_path / "opened").exists()
    took_s = (datetime.fromisoformat(leak["started_at"]) - datetime.fromisoformat(status["started_at"])).total_seconds()
    if os.getloadavg()[0] > 2 * (os.cpu_count() or 1):
        pytest.skip(f"it took {took_s:.0f} s, on a machine that others keep busy")
    assert took_s < 30


def test_a_program_can_read_what_the_demo_tells() -> None:
    program, started = start_demo("--for", "3s")
    out, err = program.communicate(timeout=60)
    assert (program.returncode, err) == (0, "")
    summary = json.loads(out.splitlines()[-1])
    assert summary["event"] == "summary"
    assert summary["status"]["pid"] == started["pid"]
    assert summary["visits"]["/login"] > 0


def test_a_demo_for_a_person_ends_with_what_to_try_next(spawn: Callable[..., Result]) -> None:
    result = spawn("-m", "tocsin", "demo", "--for", "2s")
    assert result.code == 0
    link, *told = result.err.splitlines()
    assert "the page is at http://127.0.0.1:" in link
    # Two seconds are enough for the first alert on a quick machine, and for none on a slow one.
    assert all(" firing " in line for line in told)
    assert "Watching examples/misbehaving_service.py" in result.out
    assert "tocsin run YOUR_PROGRAM.py" in result.out
    assert max(map(len, result.out.splitlines())) <= 100


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_however_the_demo_is_ended_no_process_is_left(number: signal.Signals) -> None:
    program, started = start_demo()
    # The pipe is inherited by nobody but the service, so its end is the service's end.
    program.send_signal(number)
    _, err = program.communicate(timeout=60)
    assert program.returncode == (-number if number is signal.SIGKILL else 0)
    assert err == ""
    wait_until_gone(started["pid"])


def wait_until_gone(pid: int) -> None:
    """A process that is not our child cannot be waited for; the kernel tells of its end by this descriptor."""
    if not hasattr(os, "pidfd_open"):
        pytest.skip("Linux")
    import select

    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    assert select.select([watched], [], [], 30)[0]
    os.close(watched)


def test_a_port_in_use_is_told_and_nothing_is_left(spawn: Callable[..., Result]) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = spawn("-m", "tocsin", "demo", "--port", taken.getsockname()[1])
    assert result.code == 2
    assert "the service did not start" in result.err
    assert "in use" in result.err
    assert "Traceback" not in result.err


def test_without_the_examples_the_demo_says_where_they_are(
    call: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, place: Path
) -> None:
    monkeypatch.setattr(demo, "__file__", str(place / "a" / "b" / "c" / "d" / "demo.py"))
    result = call("demo")
    assert result.code == 2
    assert "clone of the repository" in result.err
    assert "tocsin run SCRIPT" in result.err


def test_switched_off_no_bell_would_ring(call: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_DISABLED", "1")
    assert call("demo").code == 2


def test_visitors_visit_the_real_service_and_count_what_was_answered() -> None:
    with demo.running_service(demo.find_examples(), 0, quiet=True) as (service, port):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/login", timeout=10) as answer:
            assert answer.read() == b"welcome, you are session 1"
        load = Load(port, {"/health": 0.001, "/missing": 0.001})
        with load:
            while load.counts()["/health"] < 3:
                load._over.wait(0.01)
        assert load.counts()["/missing"] >= 0
    assert service.returncode == 0
